"""Block formats: how a row of a matrix lies in memory as records of elements with their scales."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add

from amaranth.hdl import Cat, Value
from amaranth.utils import exact_log2

from .element import E2M1, E2M3, INT4, INT8, UINT4, CountT, ElementFormat
from .scale import E4M3, E8M0, FP16, ONE, UE5M3, ScaleFormat, ScaleParts

__all__ = ["FORMATS", "BlockFormat"]


@dataclass(frozen=True)
class BlockFormat:
    """Elements in blocks along K with a scale each, in records that follow each other without a gap.

    The value of an element is ``integer * 2**-fraction_bits * scale``, plus the block's ``minimum`` if the format has
    one. A record holds the scales of its blocks, their minimums, and their codes::

        │ scale of block 0 │ scale of block 1 … │ minimum of block 0 … │ codes of block 0 │ codes of block 1 … │

    Codes lie one after the other, the first in the lowest bits; with `halves`, a byte holds a code of the first half of
    its block in its lower 4 bits, and the one of the second half in its upper. A row takes whole records.

    Parameters
    ----------
    name : str
        As documents, messages and command lines call it.
    element : ElementFormat
    scale : ScaleFormat
        Of scales and of minimums.
    block : int
        Elements with one scale.
    record : int
        Elements in a record.
    minimum : bool
        A block has a minimum.
    halves : bool
        See above.
    inverted : int
        Bits of a code that are inverted in memory.
    """

    name: str
    element: ElementFormat
    scale: ScaleFormat
    block: int = 32
    record: int = 32
    minimum: bool = False
    halves: bool = False
    inverted: int = 0

    @property
    def blocks(self) -> int:
        """Blocks in a record."""
        return self.record // self.block

    @property
    def header_bytes(self) -> int:
        """Bytes of the scales and minimums of a record."""
        return self.blocks * (1 + self.minimum) * self.scale.bytes

    @property
    def record_bytes(self) -> int:
        """Bytes of a record."""
        return self.header_bytes + self.element.bytes_of(self.record)

    @property
    def bits_per_element(self) -> float:
        """Bits that an element takes in memory, with its part of scales and minimums."""
        return 8 * self.record_bytes / self.record

    def row_bytes(self, k: CountT) -> CountT:
        """Bytes of a row of ``k`` elements, of whole records; in Python or, for 2**n elements a record, in hardware."""
        if self.record == 1:
            return self.element.bytes_of(k)
        if isinstance(k, int):
            return -(-k // self.record) * self.record_bytes
        records = (k + (self.record - 1)) >> exact_log2(self.record)
        places = (place for place in range(self.record_bytes.bit_length()) if self.record_bytes >> place & 1)
        return reduce(add, (records << place for place in places))

    def code_place(self, number: int) -> int:
        """The lowest bit, in a record, of the code of an element of the record."""
        block, place = divmod(number, self.block)
        first = 8 * self.header_bytes + block * self.block * self.element.bits
        if not self.halves:
            return first + place * self.element.bits
        half, byte = divmod(place, self.block // 2)
        return first + 8 * byte + half * self.element.bits

    def codes(self, record: Value) -> Value:
        """The codes of a record side by side, the first in the lowest bits, in hardware: wires and inverters."""
        found = []
        for number in range(self.record):
            first = self.code_place(number)
            found.append(record[first : first + self.element.bits] ^ self.inverted)
        return Cat(found)

    def scale_of(self, record: Value, block: int = 0) -> ScaleParts:
        """The scale of a block of a record, in hardware."""
        return self.scale.unpack(record.word_select(block, 8 * self.scale.bytes)[: self.scale.bits])

    def minimum_of(self, record: Value, block: int = 0) -> ScaleParts:
        """The minimum of a block of a record, in hardware."""
        return self.scale_of(record, self.blocks + block)


FORMATS = {
    row.name: row
    for row in (
        BlockFormat("int8", INT8, ONE, block=1, record=1),
        BlockFormat("q8_0", INT8, FP16),
        BlockFormat("q8_e5m3", INT8, UE5M3),
        BlockFormat("q4_0", INT4, FP16, halves=True, inverted=0b1000),
        BlockFormat("q4_1", UINT4, FP16, minimum=True, halves=True),
        BlockFormat("mxint8", replace(INT8, fraction_bits=6), E8M0),
        BlockFormat("mxfp6_e2m3", E2M3, E8M0),
        BlockFormat("mxfp4", E2M1, E8M0, halves=True),
        BlockFormat("nvfp4", E2M1, E4M3, block=16, record=64, halves=True),
    )
}
"""The block formats by name. `q8_0`, `q4_0`, `q4_1`, `mxfp4` and `nvfp4` lie in memory as blocks of a GGUF file do.

Hardware reports a format by its place in the table: new rows go to the end."""
