"""Shares one `WordReader` among all components that read memory."""

from amaranth.hdl import Const, Module, Signal, signed

from tilewright.accelerator.contract import AcceleratorConfig, Unit
from tilewright.accelerator.load import read_arbiter_members
from tilewright.base import SharedComponent
from tilewright.dma import Cause

__all__ = ["CompactReadArbiter"]


class CompactReadArbiter(SharedComponent):
    """Do what `ReadArbiter` does for a reader that works on one request at a time, and accepts it when it is over.

    The choice stays until then, so that no part of a request has to be stored. The order is that of `ReadArbiter`,
    except that parameters are always urgent: they are never requested ahead.

    Parameters
    ----------
    config : AcceleratorConfig
        With ``variant = compact``.

    Members
    -------
    descriptor_requests, parameter_requests, c_requests : In(stream.Signature(transfer_shape(config)))
        Transfers, each with the number of its descriptor. A request must stay until it is accepted, when all of it
        has been read.
    a_requests, b_requests : In(stream.Signature(load_shape(config)))
        Chunks of A and B, likewise.
    b_first_tile : In(1)
        B's request is for the first N-tile of its M-block. Valid with the request.
    descriptor_words, parameter_words, c_words : Out(stream.Signature(config.dma.word_shape, always_ready=True))
        The words of the current request, in order. They must be taken in the cycle in which they come.
    a_words, b_words : Out(stream.Signature(arriving_shape(config), always_ready=True))
        The same for chunks, with `block_last` and `long` of their request.
    requests : Out(stream.Signature(config.dma.request_shape))
        The chosen transfer, to a `WordReader`; stays until it is accepted.
    words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The words of that transfer, in order.
    status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        How that transfer ended, in the cycle of its acceptance.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        A transfer that failed, in the cycle of its status.
    parameters_urgent : In(1)
        Not used; see `ReadArbiter`.
    head : In(unsigned(INDEX_BITS))
        Not used; see `ReadArbiter`.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(read_arbiter_members(config))

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # Chunks that A has requested in excess of those of B's first N-tiles.
        lead = Signal(signed(config.panel_words.bit_length() + 1))
        a_wants, b_wants = self.a_requests.valid, self.b_requests.valid
        b_again = Signal()  # B's request was accepted in the cycle before; B shows a further one only in the next
        takers = {  # the first that wants is next
            Unit.DESCRIPTOR: (self.descriptor_requests.valid, self.descriptor_requests, self.descriptor_words),
            Unit.LOAD_C: (self.c_requests.valid, self.c_requests, self.c_words),
            Unit.PARAMETERS: (self.parameter_requests.valid, self.parameter_requests, self.parameter_words),
            Unit.LOAD_A: (a_wants & (~b_wants & ~b_again | (lead < 0)), self.a_requests, self.a_words),
            Unit.LOAD_B: (b_wants, self.b_requests, self.b_words),
        }
        chosen = Signal()
        grant = Signal(len(takers), reset_less=True)  # one of them
        over = Signal()
        m.d.comb += self.requests.valid.eq(chosen)
        m.d.comb += over.eq(self.requests.valid & self.requests.ready)
        with m.If(~chosen):
            before = Const(0)
            for number, (wants, _, _) in enumerate(takers.values()):
                m.d.sync += grant[number].eq(wants & ~before)
                before |= wants
            m.d.sync += chosen.eq(before)
        with m.Elif(over):
            m.d.sync += chosen.eq(0)

        word, failure, status = self.words.payload, self.failure.payload, self.status.payload
        for number, (unit, (_, source, words)) in enumerate(takers.items()):
            loads = unit in (Unit.LOAD_A, Unit.LOAD_B)
            transfer = source.payload.transfer if loads else source.payload
            m.d.comb += source.ready.eq(over & grant[number])
            m.d.comb += words.valid.eq(self.words.valid & grant[number])
            m.d.comb += [words.payload[name].eq(word[name]) for name in ("data", "row_last", "last")]
            if loads:
                m.d.comb += [words.payload[name].eq(source.payload[name]) for name in ("block_last", "long")]
            with m.If(grant[number]):
                m.d.comb += self.requests.payload.eq(transfer.request)
                m.d.comb += failure.unit.eq(unit)
                m.d.comb += failure.index.eq(transfer.index)
        m.d.comb += failure.cause.eq(status.cause)
        m.d.comb += failure.address.eq(status.address)
        m.d.comb += self.failure.valid.eq(self.status.valid & (status.cause != Cause.NONE))

        asks_a, asks_b = over & grant[3], over & grant[4]
        m.d.sync += lead.eq(lead + asks_a - (asks_b & self.b_first_tile))
        m.d.sync += b_again.eq(asks_b)
        return m
