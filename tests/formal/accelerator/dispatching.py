"""The queue in front of engines of two kinds, with any engines, any completions, and jobs of any kinds."""

from itertools import pairwise

from amaranth.hdl import Array, Assert, Elaboratable, Module, Signal, Value
from amaranth.lib.data import View
from support.formal.prove import Proof

from tilewright.accelerator.contract import QUEUED_JOBS
from tilewright.accelerator.frontend.queued_dispatcher import QueuedDispatcher

STORE, VECTOR = 3, 4


def queued_jobs(config, *, cls=QueuedDispatcher):
    """Each job to each engine of its kind, once and in order, and to store when no vector job is before it."""
    dut = cls(config)
    rules = QueueRules(dut)
    free = [dut.decoded, dut.decoded_vector, dut.job_ready, dut.interrupt, rules.ends]
    return Proof(dispatcher=dut, rules=rules), free


class QueueRules(Elaboratable):
    """Each engine has a queue of the jobs of its kind, which the dispatcher must follow."""

    def __init__(self, dut):
        self.dut = dut
        self.ends = Signal()
        """The oldest job is complete, if all engines have taken it."""

    def elaborate(self, platform):
        m = Module()
        dut = self.dut
        number = Signal(16, init=0xFFFE)  # of the next job
        head = Signal(16, init=0xFFFE)
        m.d.comb += [dut.index.eq(number), dut.head.eq(head)]
        m.d.sync += number.eq(number + dut.take)
        vectors = Array(Signal(name=f"vector_{place}") for place in range(8))
        with m.If(dut.take):
            m.d.sync += vectors[number[:3]].eq(dut.decoded_vector)

        m.d.comb += Assert((number - head)[:16] <= QUEUED_JOBS)
        m.d.comb += Assert(~dut.take | dut.decoded)
        waits_for_vector = Signal()
        untaken = Signal()  # an engine does not have the oldest job
        for engine in range(VECTOR + 1):
            queue = [Signal(16, name=f"queue_{engine}_{place}") for place in range(QUEUED_JOBS)]
            count = Signal(range(QUEUED_JOBS + 1), name=f"count_{engine}")
            enters = Signal(name=f"enters_{engine}")
            m.d.comb += enters.eq(dut.take & (dut.decoded_vector == (engine == VECTOR)))
            leaves = dut.job_valid[engine]
            job = dut.vector_job if engine == VECTOR else dut.job
            view = View(job.shape(), Value.cast(job))
            m.d.comb += Assert(~leaves | dut.job_ready[engine] & (count > 0) & (view.index == queue[0]))
            with m.If(leaves):
                m.d.sync += [left.eq(right) for left, right in pairwise(queue)]
            for place, entry in enumerate(queue):
                with m.If(enters & (count - leaves == place)):
                    m.d.sync += entry.eq(number)
            m.d.sync += count.eq(count + enters - leaves)
            with m.If((count > 0) & (queue[0] == head)):
                m.d.comb += untaken.eq(1)

            if engine == STORE:
                for ahead in range(QUEUED_JOBS):  # a job of the queue, before that on offer
                    older = (head + ahead)[:16]
                    before = (queue[0] - older)[:16]
                    with m.If((count > 0) & (before > 0) & (before <= QUEUED_JOBS) & vectors[older[:3]]):
                        m.d.comb += waits_for_vector.eq(1)
                m.d.comb += Assert(~leaves | ~waits_for_vector)

        m.d.sync += head.eq(head + (self.ends & (number != head) & ~untaken))
        return m
