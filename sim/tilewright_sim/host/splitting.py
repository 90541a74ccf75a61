"""How a product becomes descriptors: what is too large for one is cut.

Pieces of M and N are products of their own. Pieces of K are accumulated on C in the device's memory, one after the
other, behind fences.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.models import gemm as golden

from .arrays import DeviceArray
from .descriptor import Descriptor

if TYPE_CHECKING:
    from .runtime import Runtime

__all__ = ["ProductPlan", "depth_slices", "size_slices"]


def size_slices(config: AcceleratorConfig, size: int) -> Iterator[slice]:
    """Rows or columns: all if one descriptor takes them, or else parts of half the range of its field."""
    return _slices(size, config.size_limit, 1 << config.size_bits - 1)


def depth_slices(config: AcceleratorConfig, k: int) -> Iterator[slice]:
    """K: all of it if one descriptor takes it, or else the longest parts of whole words of the tile."""
    return _slices(k, config.k_limit, config.k_limit // config.rows * config.rows)


def _slices(size: int, most: int, part: int) -> Iterator[slice]:
    part = size if size <= most else part
    for start in range(0, size, part):
        yield slice(start, min(start + part, size))


class ProductPlan:
    """Descriptors in the making, and the device's memory that they use.

    Parameters
    ----------
    runtime : Runtime
    stack : ExitStack
        Frees the memory when it is closed.

    Attributes
    ----------
    descriptors : list of Descriptor
    """

    def __init__(self, runtime: "Runtime", stack: ExitStack):
        self.runtime = runtime
        self.stack = stack
        self.descriptors: list[Descriptor] = []

    def add(
        self, a: NDArray, b: NDArray, bias: NDArray | None, requant: golden.Requant | None, old: NDArray | None
    ) -> DeviceArray:
        """Plan one product, whose M and N one descriptor takes, of any K; return its C."""
        runtime, shape = self.runtime, (len(a), len(b))
        parameters = None
        if bias is not None or requant is not None:
            parameters = self.stack.enter_context(runtime.parameters(len(b), bias, requant))
        c = runtime.array(old) if old is not None else runtime.empty(shape, np.int8 if requant else np.int32)
        self.stack.enter_context(c)
        accumulate = old is not None
        for columns in depth_slices(runtime.config, a.shape[1]):
            left, right = (self.stack.enter_context(runtime.array(matrix[:, columns])) for matrix in (a, b))
            later = columns.start > 0
            self.descriptors.append(
                runtime.descriptor(
                    left,
                    right,
                    c,
                    None if later else parameters,
                    accumulate=accumulate or later,
                    fences="c" if later else "",
                )
            )
        return c
