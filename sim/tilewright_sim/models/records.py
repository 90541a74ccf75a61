"""Matrices as they lie in memory in a block format, and their values."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tilewright.formats import BlockFormat

from . import blocks

__all__ = ["Records"]

_CHUNK = 1 << 22  # elements that are dequantized at once


@dataclass(frozen=True, eq=False)
class Records:
    """A matrix [rows, K] in a block format.

    Parameters
    ----------
    form : BlockFormat
    k : int
        Elements of a row; its last record may be filled up.
    rows : uint8 array [rows, bytes]
        The records of each row, as they lie in memory.

    Raises
    ------
    ValueError
        If a row does not have the bytes of ``k`` elements.
    """

    form: BlockFormat
    k: int
    rows: NDArray[np.uint8]

    def __post_init__(self):
        if self.rows.shape[1] != self.form.row_bytes(self.k):
            wanted = self.form.row_bytes(self.k)
            raise ValueError(f"{self.rows.shape[1]} bytes: {self.k} elements of {self.form.name} take {wanted}")

    @classmethod
    def of(cls, x: NDArray[np.float32], form: BlockFormat) -> "Records":
        """Quantize rows of floats: see `blocks.quantize`, also for what it raises."""
        return cls(form, x.shape[1], blocks.quantize(x, form))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and elements of a row."""
        return len(self.rows), self.k

    def take(self, rows: slice | list[int]) -> "Records":
        """Return some of the rows."""
        return Records(self.form, self.k, self.rows[rows])

    def blocks(self) -> blocks.Blocks:
        """Return the integers and scales."""
        return blocks.unpack(self.rows, self.form)

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """What `dequantize` returns, computed once and kept."""
        return self.dequantize()

    def dequantize(self) -> NDArray[np.float32]:
        """Return the real values [rows, K], rounded to float32: infinite if too large, NaN where a scale is invalid."""
        found = np.empty(self.shape, dtype=np.float32)
        step = max(1, _CHUNK // max(1, self.k))
        for first in range(0, len(found), step):
            part = slice(first, first + step)
            with np.errstate(over="ignore"):
                found[part] = blocks.unpack(self.rows[part], self.form).values()[:, : self.k]
        return found
