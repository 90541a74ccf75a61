"""From the bus words of a row to the words of the row itself."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import DmaConfig

__all__ = ["ReadAligner", "beat_shape"]


def beat_shape(config: DmaConfig) -> data.StructLayout:
    """A bus word of a row, and where the row lies in it.

    ``row_last`` and ``last`` mark the last bus word of the row and of the request, ``shift`` and ``tail``
    are those of `DmaConfig.burst_shape`. With ``blank``, the data are to be replaced by zeros.
    """
    return data.StructLayout({
        "data": config.data_bits,
        "blank": 1,
        "row_last": 1,
        "last": 1,
        "shift": config.word_log2 if config.unaligned else 0,
        "tail": config.word_log2,
    })


class ReadAligner(SharedComponent):
    """Move each row to the start of a word, and clear the bytes beyond its end.

    Word n of a row is the bytes ``shift + n * word_bytes`` and up of its bus words; bytes of the last word
    beyond the row are zero. Throughput is 1 bus word per cycle, also from row to row. Latency is 1 cycle;
    with `unaligned` 1 cycle more, as a word needs the bus word after it, if it has one::

        i ──┬──────────────►│       │
            └──►│previous│─►│ shift ├──► clear tail ──►│o.payload│──► o

    Parameters
    ----------
    config : DmaConfig
        Width of a word, and whether there is anything to align.

    Members
    -------
    i : In(stream.Signature(beat_shape(config)))
        Bus words of the rows, in order of their addresses.
    o : Out(stream.Signature(config.word_shape))
        Words of the rows, the row's first byte lowest. A word stays until it is accepted.
    cancel : In(1)
        Forget the begun row; its next bus word will not come. What has been offered stays.
    empty : Out(1)
        No word is offered or remains to be offered.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(beat_shape(config))),
            "o": Out(stream.Signature(config.word_shape)),
            "cancel": In(1),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, beat = self.config, self.i.payload
        take = Signal()
        valid = Signal()
        word = Signal(config.word_shape, reset_less=True)
        m.d.comb += take.eq(~valid | self.o.ready)
        m.d.comb += self.o.valid.eq(valid)
        m.d.comb += self.o.payload.eq(word)

        if not config.unaligned:
            m.d.comb += self.i.ready.eq(take)
            m.d.comb += self.empty.eq(~valid)
            with m.If(take):
                m.d.sync += valid.eq(self.i.valid)
                m.d.sync += word.row_last.eq(beat.row_last)
                m.d.sync += word.last.eq(beat.last)
                m.d.sync += word.data.eq(clear_tail(config, beat.data, beat.blank, beat.row_last, beat.tail))
            return m

        # `previous` waits for the bus word after it, or, if its row ends with it, for nothing (`flush`).
        previous = Signal(beat_shape(config), reset_less=True)
        primed = Signal()
        flush = Signal()
        accept = Signal()
        m.d.comb += self.i.ready.eq(~primed | take)
        m.d.comb += accept.eq(self.i.valid & self.i.ready)
        m.d.comb += self.empty.eq(~valid & ~primed)
        # The row has one bus word more than words: the last two make one word.
        merges = Signal()
        m.d.comb += merges.eq((beat.shift + beat.tail)[-1])
        with m.If(accept):
            data_ = Signal(config.data_bits)
            m.d.comb += data_.eq(Mux(beat.blank, 0, beat.data))
            m.d.sync += previous.eq(beat)
            m.d.sync += previous.data.eq(data_)
            m.d.sync += flush.eq(beat.row_last & ~merges)
            m.d.sync += primed.eq(~(beat.row_last & merges))
        with m.Elif(take & flush | self.cancel & ~flush):
            m.d.sync += primed.eq(0)
            m.d.sync += flush.eq(0)

        ends = flush | (beat.row_last & merges)
        shifted = Signal(config.data_bits)
        upper = Mux(flush | beat.blank, 0, beat.data)
        m.d.comb += shifted.eq(shift_bytes(Cat(previous.data, upper), previous.shift)[: config.data_bits])
        with m.If(take):
            m.d.sync += valid.eq(primed & (flush | accept))
            m.d.sync += word.data.eq(clear_tail(config, shifted, 0, ends, previous.tail))
            m.d.sync += word.row_last.eq(ends)
            m.d.sync += word.last.eq(Mux(flush, previous.last, beat.last & merges))
        return m


def shift_bytes(value, amount):
    """``value`` without its lowest ``amount`` bytes, and without as many at its top as ``amount`` could at most be."""
    for bit in reversed(range(len(amount))):
        value = Mux(amount[bit], value[8 << bit :], value[: -(8 << bit)])
    return value


def clear_tail(config: DmaConfig, value, blank, row_last, tail):
    """``value``, without the bytes after byte ``tail`` if it ends a row, and without any if ``blank``.

    Written as a choice for each byte, so that synthesis can use the registers' own synchronous reset.
    """
    bytes_ = (value[8 * n : 8 * n + 8] for n in range(config.word_bytes))
    return Cat(Mux(blank | row_last & (tail < n) if n else blank, 0, byte) for n, byte in enumerate(bytes_))
