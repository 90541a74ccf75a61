"""The status of a request: its first failure, reported at its end."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .config import Cause, DmaConfig

__all__ = ["RequestStatus"]


class RequestStatus(SharedComponent):
    """Keep the first failure of each request, and offer it as the request's status.

    A request is a sequence of steps, the last of which `closes` it. Its status is that of its first step
    with a cause, or of the closing step. It is offered in the cycle after the closing step, or after `leaves`
    if that step `waits`. One status is kept at a time: `settled` says that a step with a cause, or one that
    closes, may be taken.

    Parameters
    ----------
    config : DmaConfig
        Width of an address, and the most requests in progress.

    Members
    -------
    planned : In(1)
        The last burst of a request was queued; it is the closing step later.
    step : In(1)
        A step is taken, with `cause`, `address`, `closes` and `waits`.
    cause : In(Cause)
        Why the step fails; NONE if it does not.
    address : In(addr_bits)
        Address of the step's burst.
    closes : In(1)
        It is the last step of its request.
    waits : In(1)
        It closes a request whose last word has not been taken yet.
    leaves : In(1)
        In this cycle that word is taken.
    settled : Out(1)
        There is room for a status.
    failing : Out(1)
        The current request had a step with a cause.
    stop_planning : Out(1)
        That request is not wholly queued yet.
    ending : Out(1)
        All requests are closed, and the status of the last has not been taken.
    busy : Out(1)
        Some request is queued wholly, and its status has not been taken.
    status : Out(stream.Signature(config.status_shape))
        How each request ended, in order.
    """

    def __init__(self, config: DmaConfig):
        self.config = config
        super().__init__({
            "planned": In(1),
            "step": In(1),
            "cause": In(Cause),
            "address": In(config.addr_bits),
            "closes": In(1),
            "waits": In(1),
            "leaves": In(1),
            "settled": Out(1),
            "failing": Out(1),
            "stop_planning": Out(1),
            "ending": Out(1),
            "busy": Out(1),
            "status": Out(stream.Signature(config.status_shape)),
        })

    def elaborate(self, platform):
        m = Module()
        waiting = Signal()
        status = Signal(self.config.status_shape, reset_less=True)
        m.d.comb += self.status.payload.eq(status)
        m.d.comb += self.settled.eq(~(waiting | self.status.valid))
        fails = self.cause.as_value().any()
        closed = self.step & self.closes

        with m.If(self.step):
            m.d.sync += self.failing.eq((self.failing | fails) & ~self.closes)
            with m.If(self.settled & ~self.failing & (self.closes | fails)):
                m.d.sync += status.cause.eq(self.cause)
                m.d.sync += status.address.eq(self.address)
        with m.If(closed):
            m.d.sync += waiting.eq(self.waits)
            m.d.sync += self.status.valid.eq(~self.waits)
        with m.Elif(waiting & self.leaves):
            m.d.sync += waiting.eq(0)
            m.d.sync += self.status.valid.eq(1)
        with m.Elif(self.status.ready):
            m.d.sync += self.status.valid.eq(0)

        queued = Signal(range(self.config.outstanding + 1))  # requests whose last burst is queued
        with m.If(self.planned != closed):
            m.d.sync += queued.eq(queued + Cat(1, closed.replicate(len(queued) - 1)))  # plus or minus 1
        m.d.comb += self.stop_planning.eq(self.failing & (queued == 0))
        m.d.comb += self.ending.eq(~self.settled & (queued == 0))
        m.d.comb += self.busy.eq(~self.settled | (queued != 0))
        return m
