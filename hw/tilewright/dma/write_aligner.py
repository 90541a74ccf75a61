"""From the words of a row to its bus words and their write strobes."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import DmaConfig

__all__ = ["WriteAligner", "write_beat_shape", "write_burst_shape"]


def write_burst_shape(config: DmaConfig) -> data.StructLayout:
    """The part of `DmaConfig.burst_shape` that forms the beats of a burst; ``dropped`` ones go nowhere."""
    burst = config.burst_shape.members
    names = ("beats_less_1", "shift", "tail", "row_last")
    return data.StructLayout({name: burst[name] for name in names} | {"dropped": 1})


def write_beat_shape(config: DmaConfig) -> data.StructLayout:
    """A beat of the W channel."""
    return data.StructLayout({"data": config.data_bits, "strobes": config.word_bytes, "last": 1})


class WriteAligner(SharedComponent):
    """Move each row from the start of a word to where it lies in its bus words, with strobes for its bytes.

    Bus word n of a row is made of the words n - 1 and n. Strobes are those of the row's bytes, no others. A
    row may have one bus word more than words; making it takes no word. A dropped burst takes its words and
    gives no beat. Latency is 1 cycle, throughput 1 beat per cycle, also from row to row::

        bursts ────────────────────────┐
        i ──┬──────────────►│       │  ▼
            └──►│previous│─►│ shift ├─► strobes ──►│o.payload│──► o

    Parameters
    ----------
    config : DmaConfig
        Width of a word, and whether there is anything to align.

    Members
    -------
    clear : In(1)
        Forget the begun row, none of whose further bursts will come.
    bursts : In(stream.Signature(write_burst_shape(config)))
        The bursts to make; taken with their last beat.
    i : In(stream.Signature(unsigned(data_bits)))
        Words of the rows, the row's first byte lowest.
    o : Out(stream.Signature(write_beat_shape(config)))
        Beats for the W channel, in order. A beat stays until it is accepted.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "clear": In(1),
            "bursts": In(stream.Signature(write_burst_shape(config))),
            "i": In(stream.Signature(config.data_bits)),
            "o": Out(stream.Signature(write_beat_shape(config))),
        })

    def elaborate(self, platform):
        m = Module()
        config, burst = self.config, self.bursts.payload
        beat = Signal(write_beat_shape(config), reset_less=True)
        valid = Signal()
        take = Signal()
        step = Signal()
        m.d.comb += self.o.valid.eq(valid)
        m.d.comb += self.o.payload.eq(beat)
        m.d.comb += take.eq(~valid | self.o.ready)

        index = Signal.like(burst.beats_less_1)
        final = Signal()
        row_end = Signal()
        spare = Signal()  # `spare`: the beat takes no word
        m.d.comb += final.eq(index == burst.beats_less_1)
        m.d.comb += row_end.eq(final & burst.row_last)
        m.d.comb += step.eq(self.bursts.valid & (self.i.valid | spare) & take)
        m.d.comb += self.bursts.ready.eq(step & final)
        m.d.comb += self.i.ready.eq(step & ~spare)
        with m.If(step):
            m.d.sync += index.eq(Mux(final, 0, index + 1))
        with m.If(take):
            m.d.sync += valid.eq(step & ~burst.dropped)
            m.d.sync += beat.last.eq(final)

        if not config.unaligned:
            with m.If(take):
                m.d.sync += [
                    beat.data.eq(self.i.payload),
                    beat.strobes.eq(up_to(config, row_end, burst.tail)),
                ]
            return m

        first = Signal(init=1)  # the next beat begins a row
        previous = Signal(config.data_bits, reset_less=True)
        place = Signal(config.word_log2 + 1)  # of the row's last byte in the bus word
        m.d.comb += place.eq(burst.shift + burst.tail)
        m.d.comb += spare.eq(row_end & place[-1])
        with m.If(step):
            m.d.sync += first.eq(row_end)
            m.d.sync += previous.eq(self.i.payload)
        with m.If(self.clear):
            m.d.sync += first.eq(1)
        shifted = Signal(2 * config.data_bits)
        m.d.comb += shifted.eq(Cat(previous, self.i.payload) << (burst.shift << 3))
        begins = Cat(*(~first | (burst.shift <= n) for n in range(config.word_bytes - 1)), 1)
        with m.If(take):
            m.d.sync += beat.data.eq(shifted[config.data_bits :])
            m.d.sync += beat.strobes.eq(begins & up_to(config, row_end, place[:-1]))
        return m


def up_to(config: DmaConfig, row_end, place):
    """The strobes of a bus word whose row goes on, or ends with its byte ``place``."""
    return Cat(1, *(~row_end | (place >= n) for n in range(1, config.word_bytes)))
