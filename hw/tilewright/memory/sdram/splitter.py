"""Splits AXI bursts into segments that move without interruption, and holds them until their data can move."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent
from tilewright.bus import BOUNDARY_BYTES

from .config import SdramConfig

__all__ = ["SdramSplitter", "SegmentGate"]


class SdramSplitter(SharedComponent):
    """Split bursts at multiples of ``segment_words``: no segment has more words or crosses a row.

    Addresses go round within 4 KiB, so a burst that breaks AXI's rule touches nothing beyond. A burst takes 1 cycle,
    and 1 for each of its segments; latency is 2 cycles.

    Parameters
    ----------
    config : SdramConfig

    Members
    -------
    i : In(stream.Signature(config.burst_shape))
        Bursts, in order; copied when accepted.
    o : Out(stream.Signature(config.segment_shape))
        Their segments, in order, from registers. A segment stays until it is accepted.
    """

    def __init__(self, config: SdramConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(config.burst_shape)),
            "o": Out(stream.Signature(config.segment_shape)),
        })

    def elaborate(self, platform):
        m = Module()
        config, o = self.config, self.o.payload
        within = (config.segment_words - 1).bit_length()
        place_bits = len(o.place.as_value())
        low = Signal(min((BOUNDARY_BYTES // config.word_bytes).bit_length() - 1, place_bits))
        high = Signal(place_bits - len(low))
        words_less_1 = Signal(8)
        error = Signal()
        busy = Signal()
        room_less_1 = Signal(within)  # words up to the next multiple
        last = Signal()
        m.d.comb += room_less_1.eq(~low[:within])
        m.d.comb += last.eq(words_less_1 <= room_less_1)
        m.d.comb += self.i.ready.eq(~busy)
        with m.If(self.i.ready):
            m.d.sync += busy.eq(self.i.valid)
            m.d.sync += Cat(low, high).eq(self.i.payload.place)
            m.d.sync += words_less_1.eq(self.i.payload.words_less_1)
            m.d.sync += error.eq(self.i.payload.error)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(busy & (~self.o.valid | self.o.ready)):
            m.d.sync += [
                self.o.valid.eq(1),
                o.place.as_value().eq(Cat(low, high)),
                o.last.eq(last),
                o.error.eq(error),
            ]
            m.d.sync += o.words_less_1.eq(Mux(last, words_less_1, room_less_1))
            m.d.sync += low.eq(Cat(Const(0, within), low[within:] + 1))
            m.d.sync += words_less_1.eq(words_less_1 - room_less_1 - 1)
            m.d.sync += busy.eq(~last)
        return m


class SegmentGate(SharedComponent):
    """Pass on a segment when there is space, or data, for each of its words.

    Latency is 1 cycle, throughput 1 segment every 2 cycles.

    Parameters
    ----------
    config : SdramConfig
    start : int
        Free slots, or words, after reset.

    Members
    -------
    more : In(1)
        In this cycle one more word, or a free slot for one, becomes available.
    i : In(stream.Signature(config.segment_shape))
        Segments, in order. A segment must stay until it is accepted.
    o : Out(stream.Signature(config.segment_shape))
        The same segments, each offered when there is enough for all of its words.
    """

    def __init__(self, config: SdramConfig, start: int):
        self.config = config
        self.start = start
        super().__init__({
            "more": In(1),
            "i": In(stream.Signature(config.segment_shape)),
            "o": Out(stream.Signature(config.segment_shape)),
        })

    def elaborate(self, platform):
        m = Module()
        i, o = self.i, self.o
        # The queue behind the port holds two more than its memory, and so does `free`.
        free = Signal(range(self.config.buffer_words + 4), init=self.start)
        passes = Signal()
        m.d.comb += o.payload.eq(i.payload)
        m.d.comb += passes.eq(o.valid & o.ready)
        m.d.comb += i.ready.eq(passes)
        m.d.sync += o.valid.eq(i.valid & (free > i.payload.words_less_1) & ~passes)
        taken = Mux(passes, i.payload.words_less_1 + 1, Const(0, unsigned(1)))
        m.d.sync += free.eq(free + self.more - taken)
        return m
