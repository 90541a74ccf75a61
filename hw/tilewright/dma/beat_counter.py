"""From bursts to the beats they are made of."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import Cause, DmaConfig

__all__ = ["BeatCounter", "counted_shape"]


def counted_shape(config: DmaConfig) -> data.StructLayout:
    """A beat of a burst: that of `DmaConfig.burst_shape`, with `row_last` and `last` of the beat.

    A `empty` one stands for a burst without beats. A `failed` one has a cause.
    """
    burst = config.burst_shape.members
    names = ("address", "shift", "tail", "row_last", "last", "cause")
    return data.StructLayout({name: burst[name] for name in names} | {"empty": 1, "failed": 1})


class BeatCounter(SharedComponent):
    """Repeat each burst once for each of its beats.

    Latency is 1 cycle, throughput 1 beat per cycle; all outputs come from registers.

    Parameters
    ----------
    config : DmaConfig
        Widths and the longest burst.

    Members
    -------
    bursts : In(stream.Signature(config.burst_shape))
        Bursts; taken when their first beat becomes `o`.
    o : Out(stream.Signature(counted_shape(config)))
        Their beats, with the burst's `address`.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "bursts": In(stream.Signature(config.burst_shape)),
            "o": Out(stream.Signature(counted_shape(config))),
        })

    def elaborate(self, platform):
        m = Module()
        burst = self.bursts.payload
        kept = Signal(self.config.burst_shape, reset_less=True)
        remaining = Signal.like(kept.beats_less_1, reset_less=True)
        final = Signal(reset_less=True)
        row_last = Signal(reset_less=True)
        last = Signal(reset_less=True)
        empty = Signal(reset_less=True)
        failed = Signal(reset_less=True)
        take = Signal()
        m.d.comb += take.eq(~self.o.valid | self.o.ready & final)
        m.d.comb += self.bursts.ready.eq(take)
        with m.If(take):
            none = (burst.cause == Cause.EMPTY) | (burst.cause == Cause.ABORTED)
            single = none | (burst.beats_less_1 == 0)
            m.d.sync += self.o.valid.eq(self.bursts.valid)
            m.d.sync += kept.eq(burst)
            m.d.sync += empty.eq(none)
            m.d.sync += failed.eq(burst.cause != Cause.NONE)
            m.d.sync += remaining.eq(burst.beats_less_1)
            m.d.sync += final.eq(single)
            m.d.sync += row_last.eq(single & burst.row_last)
            m.d.sync += last.eq(single & burst.last)
        with m.Elif(self.o.ready):
            m.d.sync += remaining.eq(remaining - 1)
            m.d.sync += final.eq(remaining == 1)
            m.d.sync += row_last.eq((remaining == 1) & kept.row_last)
            m.d.sync += last.eq((remaining == 1) & kept.last)

        beat = self.o.payload
        m.d.comb += [beat[name].eq(kept[name]) for name in ("address", "shift", "tail", "cause")]
        m.d.comb += beat.row_last.eq(row_last)
        m.d.comb += beat.last.eq(last)
        m.d.comb += beat.empty.eq(empty)
        m.d.comb += beat.failed.eq(failed)
        return m
