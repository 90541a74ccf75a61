"""Formats of the elements of matrices in memory."""

from dataclasses import dataclass
from typing import TypeVar

from amaranth.hdl import Shape, Value, signed

__all__ = ["ELEMENTS", "INT8", "ElementFormat"]

CountT = TypeVar("CountT", int, Value)


@dataclass(frozen=True)
class ElementFormat:
    """How an element is held in memory and in buffers: as a signed integer of some bits.

    Elements are packed without gaps, the first in the lowest bits; a row begins at a byte.

    Parameters
    ----------
    name : str
        As documents and messages call it.
    bits : int
        Bits of an element.
    """

    name: str
    bits: int

    @property
    def shape(self) -> Shape:
        """The shape of a signal that holds an element."""
        return signed(self.bits)

    def bytes_of(self, count: CountT) -> CountT:
        """Bytes that a row of ``count`` elements takes, in Python or in hardware."""
        return count if self.bits == 8 else (count * self.bits + 7) >> 3


INT8 = ElementFormat("int8", 8)

ELEMENTS = {element.bits: element for element in (INT8,)}
"""What matrices in memory can consist of, by the width of the integers that are multiplied."""
