"""Words of the panel and the ring on their way to the tile, checked and corrected."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import FlippedBits, source_shape
from tilewright.base import SharedComponent
from tilewright.storage import WordCode

__all__ = ["CheckedWords", "stored_word"]


def stored_word(bits: int) -> data.StructLayout:
    """A word as it is stored, or a word for the tile, in a packet that ends with `last`."""
    return data.StructLayout({"data": bits, "last": 1})


class CheckedWords(SharedComponent):
    """Correct one flipped bit in each segment of a word, and report it. A word stays a cycle, or until it is accepted::

        i.data ──┬──► syndrome ──►│syndrome│──┬──► flips
                 │                            │      ▼
                 └───────────────►│  word  │──│──► XOR ──► o.data
                                              └──► flipped

    Parameters
    ----------
    bits : int
        Bits of a word; its code is ``WordCode(bits)``.
    tag_bits : int
        Bits that go along with each word.

    Members
    -------
    i : In(stream.Signature(stored_word(code_bits)))
        Words as they were stored. A word stays until it is accepted.
    used : In(1)
        The word on `i` counts; otherwise it becomes 0, and nothing is reported.
    source : In(source_shape())
        Where the word on `i` comes from.
    tags : In(unsigned(tag_bits))
        What goes along with the word on `i`.
    o : Out(stream.Signature(stored_word(bits)))
        The words; undefined if corrupt. A word stays until it is accepted.
    o_source, o_tags : Out
        `source` and `tags` of the word on `o`.
    flipped : Out(FlippedBits())
        What was found in the word on `o`, in the first cycle in which it is there.
    """

    def __init__(self, bits: int, tag_bits: int):
        self.code = WordCode(bits)
        self.tag_bits = tag_bits
        super().__init__({
            "i": In(stream.Signature(stored_word(self.code.code_bits))),
            "used": In(1),
            "source": In(source_shape()),
            "tags": In(tag_bits),
            "o": Out(stream.Signature(stored_word(bits))),
            "o_source": Out(source_shape()),
            "o_tags": Out(tag_bits),
            "flipped": Out(FlippedBits()),
        })

    def elaborate(self, platform):
        m = Module()
        code = self.code
        stored = self.i.payload.data
        found = code.syndrome(m, "syndrome", stored, platform)
        valid = Signal()
        fresh = Signal()
        word = Signal(code.bits, reset_less=True)
        syndrome = Signal(code.check_bits, reset_less=True)
        last = Signal(reset_less=True)
        source = Signal(source_shape(), reset_less=True)
        tags = Signal(self.tag_bits, reset_less=True)
        take = Signal()
        m.d.comb += take.eq(~valid | self.o.ready)
        m.d.comb += self.i.ready.eq(take)
        m.d.sync += fresh.eq(take & self.i.valid)
        with m.If(take):
            m.d.sync += [
                valid.eq(self.i.valid),
                word.eq(Mux(self.used, stored[: code.bits], 0)),
                syndrome.eq(Mux(self.used, found, 0)),
                Cat(last, tags).eq(Cat(self.i.payload.last, self.tags)),
                source.eq(self.source),
            ]
        right, corrected, corrupt = code.correct(m, "correction", word, syndrome, platform)
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.data.eq(right),
            self.o.payload.last.eq(last),
            self.o_source.eq(source),
            self.o_tags.eq(tags),
            self.flipped.corrected.eq(fresh & corrected),
            self.flipped.corrupt.eq(fresh & corrupt),
            self.flipped.source.eq(source),
        ]
        return m
