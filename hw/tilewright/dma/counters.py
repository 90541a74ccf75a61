"""Cycle accounting of a DMA engine."""

from amaranth.hdl import Module
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import DmaConfig

__all__ = ["DmaCounters"]


class DmaCounters(SharedComponent):
    """Count bursts, and assign exactly one cause to every cycle.

    In each cycle exactly one of ``beats``, ``waiting_memory``, ``waiting_stream`` and ``idle`` goes up by
    one: the first of the four below whose input is 1, so together they are the number of cycles since the
    counters were cleared. They show what happened up to the previous cycle, and wrap at
    ``2**counter_bits``.

    Parameters
    ----------
    config : DmaConfig
        Width of the counters.

    Members
    -------
    clear : In(1)
        Set all counters to 0; the cycle itself is not counted.
    beat : In(1)
        Data moved. As at most one beat moves in a cycle, ``beats`` is also the number of beats.
    waiting_stream : In(1)
        The stream (consumer or producer) or the status stream holds the engine up.
    busy : In(1)
        A request is unfinished; with neither of the above, the memory holds it up. Idle otherwise.
    burst : In(1)
        An address was accepted by the bus.
    counters : Out(config.counters_shape)
        ``beats``, ``bursts``, ``waiting_memory``, ``waiting_stream`` and ``idle``.
    """

    def __init__(self, config: DmaConfig):
        super().__init__({
            "clear": In(1),
            "beat": In(1),
            "waiting_stream": In(1),
            "busy": In(1),
            "burst": In(1),
            "counters": Out(config.counters_shape),
        })

    def elaborate(self, platform):
        m = Module()
        counters = self.counters
        with m.If(self.burst):
            m.d.sync += counters.bursts.eq(counters.bursts + 1)
        with m.If(self.beat):
            m.d.sync += counters.beats.eq(counters.beats + 1)
        with m.Elif(self.waiting_stream):
            m.d.sync += counters.waiting_stream.eq(counters.waiting_stream + 1)
        with m.Elif(self.busy):
            m.d.sync += counters.waiting_memory.eq(counters.waiting_memory + 1)
        with m.Else():
            m.d.sync += counters.idle.eq(counters.idle + 1)
        with m.If(self.clear):
            m.d.sync += counters.eq(0)
        return m
