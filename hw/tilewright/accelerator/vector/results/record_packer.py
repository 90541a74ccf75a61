"""Bytes of records, a few in each cycle, as words of the bus."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.base import SharedComponent

__all__ = ["RecordPacker"]


class RecordPacker(SharedComponent):
    """Put bytes side by side, the first lowest; a row begins in a new word.

    A word comes out in the cycle after its last byte; one that a row does not fill, in the cycle after the row's end,
    or, if the row's last bytes are in two words, one later. Nothing stalls.

    Parameters
    ----------
    part_bytes, word_bytes : int
        Bytes that come in a cycle at most, and bytes of a word, both powers of two.

    Members
    -------
    valid : In(1)
        There are bytes in this cycle. Not in the cycle after `row_last`.
    data : In(unsigned(8 * part_bytes))
        The bytes. What is above `count` of them must be 0.
    count : In(range(part_bytes + 1))
        The number of these bytes, at least 1.
    row_last : In(1)
        They are the last of a row.
    word_valid : Out(1)
        There is a word in this cycle.
    word : Out(unsigned(8 * word_bytes))
        The word; bytes behind a row's last are 0.
    """

    def __init__(self, part_bytes: int, word_bytes: int):
        self.part_bytes = part_bytes
        self.word_bytes = word_bytes
        super().__init__({
            "valid": In(1),
            "data": In(unsigned(8 * part_bytes)),
            "count": In(range(part_bytes + 1)),
            "row_last": In(1),
            "word_valid": Out(1),
            "word": Out(unsigned(8 * word_bytes)),
        })

    def elaborate(self, platform):
        m = Module()
        bits = 8 * self.word_bytes
        log2 = exact_log2(self.word_bytes)
        fill = Signal(log2)
        rest = Signal(bits, reset_less=True)  # `fill` bytes of the next word
        ends = Signal()  # the row ended in the cycle before, and `rest` has some of it
        placed = Signal(bits + 8 * self.part_bytes)
        m.d.comb += placed.eq(Cat(Mux(fill.any(), rest, 0), Const(0, 8 * self.part_bytes)) | self.data << (fill << 3))
        total = Signal(log2 + 1)
        m.d.comb += total.eq(fill + self.count)
        full = total[log2]
        over = total[:log2].any()
        m.d.sync += self.word_valid.eq((self.valid & (full | self.row_last)) | ends)
        m.d.sync += ends.eq(self.valid & self.row_last & full & over)
        with m.If(ends):
            m.d.sync += [
                self.word.eq(rest),
                fill.eq(0),
            ]
        with m.Elif(self.valid):
            m.d.sync += [
                self.word.eq(placed[:bits]),
                rest.eq(Mux(full, placed[bits:], placed[:bits])),
                fill.eq(Mux(self.row_last & ~(full & over), 0, total[:log2])),
            ]
        return m
