"""Fences of A and B, and how the supervisor stops the accelerator, with any host, memory and engines."""

from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.data import View
from support.formal.prove import Proof

from tilewright.accelerator.contract import QUEUED_JOBS
from tilewright.accelerator.frontend.supervisor import Supervisor
from tilewright.accelerator.load import LoadA, LoadB

FLUSH = 8
"""Cycles of a flush."""
LATEST = 10
"""Cycles without work of the DMA engines after which a flush has begun."""


def fences(config, loader):
    """No request of a job with a fence before all jobs ahead of it are complete."""
    dut = loader(config)
    rules = FenceRules(dut, "fence_a" if issubclass(loader, LoadA) else "fence_b")
    space = dut.ring.room if issubclass(loader, LoadB) else dut.panel.half_free
    free = [dut.job.valid, Value.cast(dut.job.payload), dut.requests.ready, dut.words.valid, space, rules.completes]
    return Proof(loader=dut, rules=rules), free


class FenceRules(Elaboratable):
    """Jobs of any numbers; the head moves on, but not past the job that is being loaded."""

    def __init__(self, dut, fence):
        self.dut, self.fence = dut, fence
        self.completes = Signal()

    def elaborate(self, platform):
        m = Module()
        dut, head = self.dut, self.dut.head
        accepted = dut.job.valid & dut.job.ready
        job = View(dut.job.payload.shape(), Value.cast(dut.job.payload))
        index, fence, begun = Signal(16), Signal(), Signal()
        with m.If(accepted):
            m.d.sync += [index.eq(job.index), fence.eq(job[self.fence]), begun.eq(1)]
        m.d.sync += head.eq(head + self.completes)
        mine = Mux(accepted, job.index, index)
        loading = accepted | begun & ~dut.job.ready
        m.d.comb += Assume(~accepted | ((job.index - head)[:16] <= QUEUED_JOBS))
        m.d.comb += Assume(~(loading & self.completes) | (head != mine))
        m.d.comb += Assert(~dut.requests.valid | begun & (dut.requests.payload.transfer.index == index))
        m.d.comb += Assert(~dut.requests.valid | ~fence | (head == index))
        return m


def stops(config, *, cls=Supervisor):
    """A flush ends every abort, failure and soft reset; nothing is counted meanwhile."""
    dut = cls(config)
    commands = [dut.abort_command, dut.resume_command, dut.reset_command]
    failures = [port for stream in (dut.read_failure, dut.write_failure)
                for port in (stream.valid, Value.cast(stream.payload))]  # fmt: skip
    decoder = [dut.decoder_bad, dut.decoder_error, dut.decoder_unit, dut.decoder_number, dut.decoder_address]
    free = [
        *commands,
        *failures,
        *(Value.cast(port) for port in decoder),
        dut.head,
        dut.idle,
        dut.completed,
        dut.engines_busy,
    ]
    return Proof(supervisor=dut, rules=StopRules(dut)), free


class StopRules(Elaboratable):
    """Any failures and commands at any time."""

    def __init__(self, dut):
        self.dut = dut

    def elaborate(self, platform):
        m = Module()
        dut = self.dut
        flush, flushed = dut.flush, Signal(range(FLUSH + 1))
        flush_before, busy_before, abort_before = (Signal(name=f"{name}_before") for name in ("flush", "busy", "abort"))
        m.d.sync += [
            flushed.eq(Mux(flush, flushed + 1, 0)),
            flush_before.eq(flush),
            busy_before.eq(dut.engines_busy),
            abort_before.eq(dut.abort),
        ]
        # A flush: 8 cycles, from when the engines have ended what is on the bus, all of them with `abort` and `hold`.
        m.d.comb += [
            Assert((flushed < FLUSH) | ~flush),
            Assert(flush | (flushed == 0) | (flushed == FLUSH)),
            Assert(~(flush & ~flush_before) | ~busy_before & abort_before),
            Assert(~flush | dut.abort & dut.hold & dut.stopping),
        ]
        # It ends in Failed, or with `reset`, and neither comes from elsewhere.
        last = flush & (flushed == FLUSH - 1)
        failed_before = Signal()
        m.d.sync += failed_before.eq(dut.failed)
        m.d.comb += [
            Assert((dut.failure ^ dut.reset) == last),
            Assert(~(dut.failed & ~failed_before) | (flushed == FLUSH)),
            Assert(~dut.skip | dut.failed & dut.resume_command),
        ]
        # What a flush holds in reset completes nothing from its second cycle on.
        m.d.comb += Assume(~(dut.completed & flush & flush_before))
        # Nothing is counted between the failure and the resume; a descriptor that was complete before is.
        m.d.comb += Assert(~dut.count | ~dut.abort & ~flush & ~dut.failed)
        # Once stopping, the accelerator flushes as soon as the engines have ended: an abort and a reset never hang.
        # A failure waits for the descriptors before it, whose completion others prove.
        quiet = Signal(range(LATEST + FLUSH + 2))
        ending = dut.abort & ~dut.engines_busy & ~dut.failed
        m.d.sync += quiet.eq(Mux(ending, quiet + 1, 0))
        m.d.comb += Assert(quiet <= LATEST + FLUSH)
        asked = Signal(3)  # an abort or a soft reset that the state of this cycle could not miss
        aborts = dut.abort_command & ~dut.idle & ~dut.stopping & ~dut.failed
        m.d.sync += asked.eq(Cat(aborts | dut.reset_command & ~dut.stopping, asked))
        unchanged = Signal(3)  # cycles in which something was incomplete and nothing completed
        m.d.sync += unchanged.eq(Cat(~dut.idle & ~dut.completed, unchanged))
        m.d.comb += Assert(~(asked[2] & unchanged.all() & ~dut.idle) | dut.abort)
        return m
