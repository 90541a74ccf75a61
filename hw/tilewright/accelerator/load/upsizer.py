"""Gather bus words into words of the tile."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, arriving_shape, loaded_shape
from tilewright.base import SharedComponent

__all__ = ["Upsizer"]


class Upsizer(SharedComponent):
    """Put ``word_bits / data_bits`` bus words together; what a row's last word lacks is zero.

    Latency is 1 cycle from the last of them, throughput 1 bus word per cycle. With the variant ``compact`` a bus word
    that is all of a word passes in its own cycle.

    Parameters
    ----------
    config : AcceleratorConfig
    word_bits : int
        Bits of a word of the tile: of ``rows`` elements.

    Members
    -------
    i : In(stream.Signature(arriving_shape(config), always_ready=True))
        Bus words of a row, in order; zero beyond the row's end. One may come in every cycle.
    o : Out(stream.Signature(loaded_shape(word_bits), always_ready=True))
        Words of the tile, the first element lowest, with the flags of their last bus word. For one cycle each.
    """

    def __init__(self, config: AcceleratorConfig, word_bits: int):
        self.config = config
        self.word_bits = word_bits
        super().__init__({
            "i": In(stream.Signature(arriving_shape(config), always_ready=True)),
            "o": Out(stream.Signature(loaded_shape(word_bits), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        word, o = self.i.payload, self.o.payload
        bits = self.config.data_bits
        parts = self.word_bits // bits
        place = Signal(range(parts))
        complete = Signal()
        m.d.comb += complete.eq(self.i.valid & ((place == parts - 1) | word.row_last))
        gathered = Signal(self.word_bits, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += place.eq(Mux(complete, 0, place + 1))
            for part in range(parts):
                here = gathered[part * bits : (part + 1) * bits]
                with m.If(place == part):
                    m.d.sync += here.eq(word.data)
                if part:
                    with m.Elif(place == 0):
                        m.d.sync += here.eq(0)
        flags = Signal(4, reset_less=True)
        if self.config.compact and parts == 1:
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.o.payload.as_value().eq(self.i.payload.as_value()),
            ]
            return m
        m.d.sync += [
            self.o.valid.eq(complete),
            flags.eq(Cat(word.row_last, word.last, word.block_last, word.long)),
        ]
        m.d.comb += [
            o.data.eq(gathered),
            Cat(o.row_last, o.last, o.block_last, o.long).eq(flags),
        ]
        return m
