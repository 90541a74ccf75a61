"""The memories of simulated hardware, to be read and changed between two cycles."""

import ctypes

import numpy as np
from numpy.typing import NDArray

__all__ = ["CellsStruct", "MemoryCells"]


class CellsStruct(ctypes.Structure):
    """A memory as ``cpp/accelerator.cpp`` describes it."""

    _fields_ = (
        ("path", ctypes.c_char * 256),
        ("rows", ctypes.c_void_p),
        *((name, ctypes.c_uint64) for name in ("count", "bits", "row_bytes")),
    )


class MemoryCells:
    """A memory of the simulated hardware, whose bits can be read and flipped between two cycles.

    Attributes
    ----------
    rows, bits : int
        Number of rows, and of bits in a row.
    """

    def __init__(self, cells: CellsStruct):
        self.rows, self.bits = cells.count, cells.bits
        size = cells.count * cells.row_bytes
        buffer = (ctypes.c_uint8 * size).from_address(cells.rows)
        self._bytes = np.frombuffer(buffer, dtype=np.uint8).reshape(cells.count, cells.row_bytes)

    def read(self) -> NDArray[np.uint8]:
        """Return all rows as bits, the lowest first."""
        return np.unpackbits(self._bytes, axis=1, count=self.bits, bitorder="little")

    def flip(self, rows: NDArray[np.int64], bits: NDArray[np.int64]) -> None:
        """Flip a bit in each of these rows; a row may come again with another bit."""
        np.bitwise_xor.at(self._bytes, (rows, bits // 8), (1 << bits % 8).astype(np.uint8))
