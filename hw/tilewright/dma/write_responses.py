"""Matches the write bursts in flight with their responses."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .burst_planner import bus_address
from .config import Cause, DmaConfig, response_cause

__all__ = ["WriteResponses", "flight_shape"]


def flight_shape(config: DmaConfig) -> data.StructLayout:
    """The fields of a burst that are kept until its response; see `DmaConfig.burst_shape`."""
    return data.StructLayout({"address": config.addr_bits, "last": 1, "cause": Cause})


class WriteResponses(SharedComponent):
    """Match each burst with its response, and turn both into a step for `RequestStatus`.

    Bursts are answered in order; one with a cause has gone to no memory and gets no response. The oldest is kept
    in a register; throughput is 1 burst per cycle.

    Parameters
    ----------
    config : DmaConfig
        Width of an address.

    Members
    -------
    flights : In(stream.Signature(flight_shape(config)))
        The bursts in flight, in the order in which they were requested.
    bvalid, bresp : In
        A response of the bus: there is one, and its `Response`.
    bready : Out(1)
        It is accepted; does not depend on `bvalid`.
    settled : In(1)
        A step may be taken.
    step, cause, address, closes : Out
        The step of the oldest burst, as `RequestStatus` takes it.
    busy : Out(1)
        There is an oldest burst.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "flights": In(stream.Signature(flight_shape(config))),
            "bvalid": In(1),
            "bresp": In(2),
            "bready": Out(1),
            "settled": In(1),
            "step": Out(1),
            "cause": Out(Cause),
            "address": Out(config.addr_bits),
            "closes": Out(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        burst = Signal(flight_shape(self.config), reset_less=True)
        failed = Signal(reset_less=True)
        present = Signal()
        m.d.comb += self.flights.ready.eq(~present | self.step)
        with m.If(self.flights.ready):
            m.d.sync += present.eq(self.flights.valid)
            m.d.sync += burst.eq(self.flights.payload)
            m.d.sync += failed.eq(self.flights.payload.cause != Cause.NONE)
        m.d.comb += self.busy.eq(present)
        m.d.comb += self.bready.eq(present & ~failed & self.settled)
        m.d.comb += self.step.eq(present & self.settled & (failed | self.bvalid))
        on_bus = bus_address(self.config, burst) if self.config.unaligned else burst.address
        m.d.comb += self.address.eq(Mux(failed, burst.address, on_bus))
        m.d.comb += self.closes.eq(burst.last)
        m.d.comb += self.cause.eq(Mux(failed, burst.cause, response_cause(self.bresp)))
        return m
