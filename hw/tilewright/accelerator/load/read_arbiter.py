"""Shares one DMA reader among all components that read memory."""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import (
    INDEX_BITS,
    AcceleratorConfig,
    Unit,
    arriving_shape,
    failure_shape,
    load_shape,
    transfer_shape,
)
from tilewright.base import SharedComponent, place
from tilewright.dma import Cause
from tilewright.storage import SmallFifo

__all__ = ["ReadArbiter"]


NUMBER_BITS = 3
"""Bits of its number that tell a descriptor from the others in work: those are fewer than 2**NUMBER_BITS."""


def read_arbiter_members(config: AcceleratorConfig) -> dict:
    """The ports of a read_arbiter, as `ReadArbiter` describes them."""
    dma = config.dma
    return {
        **{f"{name}_requests": In(stream.Signature(transfer_shape(config))) for name in _clients(config)},
        **{f"{name}_requests": In(stream.Signature(load_shape(config))) for name in "ab"},
        "b_first_tile": In(1),
        "parameters_urgent": In(1),
        **{f"{name}_words": Out(stream.Signature(dma.word_shape, always_ready=True)) for name in _clients(config)},
        **{f"{name}_words": Out(stream.Signature(arriving_shape(config), always_ready=True)) for name in "ab"},
        "requests": Out(stream.Signature(dma.request_shape)),
        "words": In(stream.Signature(dma.word_shape, always_ready=True)),
        "status": In(stream.Signature(dma.status_shape, always_ready=True)),
        "head": In(unsigned(INDEX_BITS)),
        "failure": Out(stream.Signature(failure_shape(config), always_ready=True)),
    }


def _clients(config: AcceleratorConfig) -> tuple[str, ...]:
    """Those who ask for words that nothing is said about."""
    return ("descriptor", "parameter", "c", *(["vector"] if config.vector_lanes else []))


class ReadArbiter(SharedComponent):
    """Pass requests on to the reader, and its words back to those who asked.

    Descriptors come first, then the vector engine, old C, and parameters that sums wait for. Then A or B: A where B has
    asked for a chunk of the first N-tile of an M-block and A not yet for the one that goes with it; else B before A. So
    the first chunks of B and A come by turns, B before A because weights take ``cols`` cycles to enter the tile, and
    the next panel is loaded when the ring is full. Parameters that nobody waits for come before B, but after A. Words
    are never held up: whoever asks has space for them. A request is passed on 2 cycles after it is offered, and one in
    2 cycles; after one of B the panel that has time waits for a cycle more, in which B says whether it has another::

        descriptors ─┐
        vectors     ─┤
        parameters  ─┤             ┌─► │whose│ ──────┐ words to each
        old C       ─┼─► choose ───┼──────────► reader ──► status ──► failure
        A, B        ─┘             └─► │whose, index│ ──┘

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    descriptor_requests, parameter_requests, c_requests, vector_requests : In(stream.Signature(transfer_shape(config)))
        Transfers, each with the number of its descriptor. A request must stay until it is accepted, and its source
        must have space for all of its words. The last only with `vector_lanes`.
    a_requests, b_requests : In(stream.Signature(load_shape(config)))
        Chunks of A and B, likewise.
    b_first_tile : In(1)
        B's request is for the first N-tile of its M-block. Valid with the request.
    parameters_urgent : In(1)
        A tile of sums waits for its parameters.
    descriptor_words, parameter_words, c_words, vector_words : Out(stream.Signature(word_shape, always_ready=True))
        The words of the requests of the same name, in order. They must be taken in the cycle in which they come.
    a_words, b_words : Out(stream.Signature(arriving_shape(config), always_ready=True))
        The same for chunks, with `block_last`, `long` and `format` of their request.
    requests : Out(stream.Signature(config.dma.request_shape))
        The chosen transfers, to the reader. From a register; a request stays until it is accepted.
    words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The reader's words of all these transfers, in their order.
    status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        How each transfer ended, in their order, from the reader.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``: completes the number of a failure's descriptor.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        A transfer that failed, in the cycle of its status.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(read_arbiter_members(config))

    def elaborate(self, platform):
        m = Module()
        config = self.config
        # As many as the reader can have begun; more would only wait there.
        depth = config.outstanding
        owner_shape = data.StructLayout({"unit": Unit, "block_last": 1, "long": 1, "format": config.b_format_bits})
        issue_shape = data.StructLayout({"unit": Unit, "index": NUMBER_BITS})
        owners = place(m, "owners", SmallFifo(owner_shape, depth), platform)
        issues = place(m, "issues", SmallFifo(issue_shape, depth), platform)

        # How many chunks A has asked for beyond those of B's first N-tiles.
        lead = Signal(signed(config.panel_words.bit_length() + 1))
        a_wants, b_wants, parameters_want = (
            source.valid for source in (self.a_requests, self.b_requests, self.parameter_requests)
        )
        b_again = Signal()  # B asked in the cycle before, and says only in the next whether it has more
        has_vector = self.config.vector_lanes > 0
        wants = {  # the first of these is next
            Unit.DESCRIPTOR: self.descriptor_requests.valid,
            **({Unit.VECTOR: self.vector_requests.valid} if has_vector else {}),
            Unit.LOAD_C: self.c_requests.valid,
            Unit.PARAMETERS: parameters_want & (self.parameters_urgent | ~a_wants),
            Unit.LOAD_A: a_wants & (~b_wants & ~b_again | (lead < 0)),
            Unit.LOAD_B: b_wants,
        }
        streams = {
            Unit.DESCRIPTOR: (self.descriptor_requests, self.descriptor_words),
            **({Unit.VECTOR: (self.vector_requests, self.vector_words)} if has_vector else {}),
            Unit.LOAD_C: (self.c_requests, self.c_words),
            Unit.PARAMETERS: (self.parameter_requests, self.parameter_words),
            Unit.LOAD_A: (self.a_requests, self.a_words),
            Unit.LOAD_B: (self.b_requests, self.b_words),
        }
        # Chosen in one cycle, taken in the next, passed on from a register: each step compares or adds much.
        chosen = Signal()
        grant = Signal(len(wants), reset_less=True)  # one of them
        room = Signal()
        accepted = Signal()
        number = Signal(NUMBER_BITS)
        unit = Signal(Unit)
        full = Signal()
        m.d.comb += room.eq(owners.i.ready & issues.i.ready & ~full)  # from registers alone
        m.d.comb += accepted.eq(chosen & room)
        with m.If(~chosen):
            before = Const(0)
            for place_in_line, want in enumerate(wants.values()):
                m.d.sync += grant[place_in_line].eq(want & ~before)
                before |= want
            m.d.sync += chosen.eq(before)
        with m.Elif(accepted):
            m.d.sync += chosen.eq(0)
        request = Signal(config.dma.request_shape)
        for place_in_line, which in enumerate(wants):
            source, _ = streams[which]
            transfer = source.payload.transfer if which in (Unit.LOAD_A, Unit.LOAD_B) else source.payload
            m.d.comb += source.ready.eq(accepted & grant[place_in_line])
            with m.If(grant[place_in_line]):
                m.d.comb += [
                    request.eq(transfer.request),
                    unit.eq(which),
                    number.eq(transfer.index[:NUMBER_BITS]),
                ]
        held = Signal(config.dma.request_shape, reset_less=True)
        with m.If(accepted):
            m.d.sync += [
                full.eq(1),
                held.eq(request),
            ]
        with m.Elif(self.requests.ready):
            m.d.sync += full.eq(0)
        m.d.comb += [
            self.requests.valid.eq(full),
            self.requests.payload.eq(held),
        ]
        asks_a, asks_b = accepted & (unit == Unit.LOAD_A), accepted & (unit == Unit.LOAD_B)
        m.d.sync += [
            lead.eq(lead + asks_a - (asks_b & self.b_first_tile)),
            b_again.eq(asks_b),
        ]

        m.d.comb += [
            owners.i.valid.eq(accepted),
            issues.i.valid.eq(accepted),
        ]
        m.d.comb += [
            owners.i.payload.unit.eq(unit),
            issues.i.payload.unit.eq(unit),
        ]
        m.d.comb += issues.i.payload.index.eq(number)
        m.d.comb += owners.i.payload.block_last.eq(self.a_requests.payload.block_last)
        asked_a, asked_b = self.a_requests.payload, self.b_requests.payload
        with_a = unit == Unit.LOAD_A
        form = Mux(with_a, asked_a.format, asked_b.format) if len(config.a_all) > 1 else asked_b.format
        m.d.comb += owners.i.payload.format.eq(form)
        m.d.comb += owners.i.payload.long.eq(Mux(with_a, asked_a.long, asked_b.long))

        self._return_words(m, owners, {which: taker for which, (_, taker) in streams.items()})
        self._report_failures(m, issues)
        return m

    def _return_words(self, m: Module, owners: SmallFifo, takers: dict[Any, Any]):
        """Give each word to whoever asked for it."""
        owner, word = owners.o.payload, self.words.payload
        m.d.comb += owners.o.ready.eq(self.words.valid & word.last)
        for which, taker in takers.items():
            m.d.comb += taker.valid.eq(self.words.valid & (owner.unit == which))
            m.d.comb += [taker.payload[name].eq(word[name]) for name in ("data", "row_last", "last")]
        for taker in (self.a_words, self.b_words):
            m.d.comb += [taker.payload[name].eq(owner[name]) for name in ("block_last", "long", "format")]

    def _report_failures(self, m: Module, issues: SmallFifo):
        failure, issue, status = self.failure.payload, issues.o.payload, self.status.payload
        m.d.comb += [
            issues.o.ready.eq(self.status.valid),
            failure.unit.eq(issue.unit),
            failure.index.eq(nearest(issue.index, self.head)),
        ]
        m.d.comb += [
            failure.cause.eq(status.cause),
            failure.address.eq(status.address),
        ]
        m.d.comb += self.failure.valid.eq(self.status.valid & (status.cause != Cause.NONE))


def nearest(number, head):
    """The number of a descriptor, from its lowest bits: the first that is not before ``head``."""
    return head + (number - head[: len(number)])[: len(number)]
