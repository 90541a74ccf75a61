"""Matrices as they lie in memory in a block format, and their values."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tilewright.formats import BlockFormat

from . import blocks

__all__ = ["Records"]

_CHUNK = 1 << 22  # elements that are dequantized at once
_NARROW = 16  # exponents of scales that are too few for the range of a network's values


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
    exponents : int64 array [rows] or None
        A row is ``2**exponent`` times what its records say. The accelerator does not know of it: the host multiplies
        the results of a product.

    Raises
    ------
    ValueError
        If a row does not have the bytes of ``k`` elements.
    """

    form: BlockFormat
    k: int
    rows: NDArray[np.uint8]
    exponents: NDArray[np.int64] | None = None

    def __post_init__(self):
        if self.rows.shape[1] != self.form.row_bytes(self.k):
            wanted = self.form.row_bytes(self.k)
            raise ValueError(f"{self.rows.shape[1]} bytes: {self.k} elements of {self.form.name} take {wanted}")

    @classmethod
    def of(cls, x: NDArray[np.floating], form: BlockFormat) -> "Records":
        """Quantize rows of floats: see `blocks.quantize`, also for what it raises."""
        return cls(form, x.shape[1], blocks.quantize(x, form))

    @classmethod
    def normalized(cls, x: NDArray[np.float32], form: BlockFormat) -> "Records":
        """Quantize rows of floats, in a format with a narrow range of scales each divided by a power of two.

        That is NVFP4, which has a second factor by its definition, there for a whole tensor. The row's largest
        magnitude then takes one of the largest scales. In other formats this is `of`.
        """
        if len(form.scale.exponents) >= _NARROW:
            return cls.of(x, form)
        largest = np.abs(x).max(axis=1, initial=0).astype(np.float64)
        _, exponents = np.frexp(largest)  # largest < 2**exponents
        scales = blocks.Scales.of(np.arange(1 << form.scale.bits), form.scale).values(form.scale)
        most = np.nanmax(scales) * max(form.element.values) * 2.0**-form.element.fraction_bits
        top = int(np.frexp(most)[1]) - 1
        exponents = np.where((largest > 0) & np.isfinite(largest), exponents.astype(np.int64) - top, 0)
        found = cls.of(np.ldexp(x.astype(np.float64), -exponents[:, None]), form)
        return cls(form, x.shape[1], found.rows, exponents)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and elements of a row."""
        return len(self.rows), self.k

    def take(self, rows: slice | list[int]) -> "Records":
        """Return some of the rows."""
        return Records(self.form, self.k, self.rows[rows], None if self.exponents is None else self.exponents[rows])

    def blocks(self) -> blocks.Blocks:
        """Return the integers and scales, without `exponents`."""
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
                values = blocks.unpack(self.rows[part], self.form).values()[:, : self.k]
                if self.exponents is not None:
                    values = np.ldexp(values, self.exponents[part, None])
                found[part] = values
        return found
