"""The network in numpy as an accelerator without the host computes it, to the bit."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.models import vector

from ..blocks.model import BlockModel
from ..blocks.network import BlockNetwork, Tensor
from ..blocks.products import ExactProducts
from ..blocks.values import TOKEN_FACTOR, ColumnValues
from ..golden_ops import GoldenVectorOps, golden_records
from ..host_ops import Floats

__all__ = ["golden_network"]


def golden_network(
    model: BlockModel, context: int, observe: Callable[[int, str, Tensor], None] | None = None
) -> BlockNetwork:
    """Return the network: exact products, and all else by the golden model of the vector engine.

    Parameters
    ----------
    model : BlockModel
    context : int
        Maximum number of tokens in all.
    observe : callable or None
        See `BlockNetwork`.
    """
    values = ColumnValues(model, context, _quantized, vector.lanes.mul)
    ops = GoldenVectorOps(model.host_ops())
    return BlockNetwork(
        model, context, ExactProducts(), ops, quantize=golden_records, observe=observe, values=values
    )  # fmt: skip


def _quantized(x: Floats) -> tuple[NDArray[np.int8], Floats]:
    return vector.run("QUANTIZE", x), vector.run("ABS_MAX", x, scalar=TOKEN_FACTOR)
