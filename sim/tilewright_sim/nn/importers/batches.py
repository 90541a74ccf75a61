"""Products of batches of matrices, as ONNX and TFLite define them."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn.graph import GraphError

__all__ = ["Batches"]


@dataclass(frozen=True)
class Batches:
    """The shapes of a product [..., m, k] · [..., k, n] of batches of matrices.

    Parameters
    ----------
    lead : tuple of int
        Shape of the batch, to which those of both operands are broadcast.
    m, n, k : int
    """

    lead: tuple[int, ...]
    m: int
    n: int
    k: int

    @classmethod
    def of(
        cls, a: tuple[int, ...], b: tuple[int, ...], swap_a: bool, swap_b: bool, error: Callable[[str], GraphError]
    ) -> Self:
        """Return the product of two shapes; with ``swap``, the last two dimensions of an operand are transposed.

        Raises
        ------
        GraphError
            What ``error`` makes of the reason, if they are not matrices, are empty, or do not match.
        """
        if min(len(a), len(b)) < 2 or not prod(a) * prod(b):
            raise error(f"its inputs are {list(a)} and {list(b)}: both must be matrices")
        k, m = a[-2:] if swap_a else a[:-3:-1]
        n, depth = b[-2:] if swap_b else b[:-3:-1]
        try:
            lead = np.broadcast_shapes(a[:-2], b[:-2])
        except ValueError:
            lead = (-1,)
        if k != depth or -1 in lead:
            raise error(f"shapes {list(a)} and {list(b)} do not match")
        return cls(lead, m, n, k)

    @property
    def count(self) -> int:
        """Matrices in a batch."""
        return prod(self.lead)

    def matrices(self, values: NDArray, swap: bool, rows: int) -> NDArray:
        """Return an operand as [count, rows, k]; ``swap`` transposes its matrices."""
        ordered = values.swapaxes(-1, -2) if swap else values
        return np.broadcast_to(ordered, (*self.lead, rows, self.k)).reshape(self.count, rows, self.k)
