"""The vector engine: rows from memory, through the lanes, and back."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.wiring import connect, flipped
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import (
    PARTIALS,
    AcceleratorConfig,
    Activity,
    ElementType,
    Operation,
    Unit,
    vector_job_shape,
    vector_ports,
)
from tilewright.base import SharedComponent, place
from tilewright.dma import Cause
from tilewright.storage import BlockFifo

from .compute import VectorCompute
from .load import VectorLoad
from .program.counter import ProgramCounter
from .program.instructions import Kind
from .reads import VectorReads
from .registers import VectorRegisters
from .results.store import VectorStore
from .shapes import plan_shape, strip_words

__all__ = ["VectorEngine"]


class VectorEngine(SharedComponent):
    """Compute an `Operation` of rows of float32, as `tilewright_sim.models.vector` does, bit for bit.

    A job is a program of a few instructions; see `programs`. Rows that fit into a vector register of 64 elements for
    each lane go through it together, as many as fit; a longer row goes through it in strips, and its elements are
    read again for each pass. Loads run ahead of the instructions::

        job ─┬─► ProgramCounter ─► VectorReads ─► requests
             │                     words ─► │queue│ ─► VectorLoad ─┐
             └─► ProgramCounter ─┬──────────────────────┘          ▼
                                 ├─► VectorCompute ◄─────► VectorRegisters
                                 └─► VectorStore ◄─────────────────┘
                                          └─► write_requests, write_words

    Instructions come one after the other. Each entry of 1 element for each lane takes a cycle, each instruction at
    least `VectorCompute.DEPTH`.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(vector_job_shape(config)))
        Jobs, in order; copied when accepted.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``. Before it equals the job's ``index``, the job writes
        nothing, and with ``fence_a`` (``fence_b``) does not read x (y).
    requests : Out(stream.Signature(transfer_shape(config)))
        Rows of x and y. A request stays until it is accepted; there is space for all of its words.
    words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The words of those requests, in order. Taken in the cycle in which they come.
    write_requests : Out(stream.Signature(transfer_shape(config)))
        Rows of the result. A request stays until it is accepted.
    write_words : Out(stream.Signature(unsigned(result_word_bits)))
        Their words, in order. They stay until they are accepted.
    write_status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        How each write request ended, in order.
    writes : Out(1)
        The oldest descriptor that is not complete is this engine's: the writer serves it.
    completed : Out(1)
        The result of a job has been written, without a failure.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        A write has failed, in the cycle of its status.
    activity : Out(Activity)
        What the engine did in the cycle before, or waited for. From a register.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(vector_ports(config))

    def elaborate(self, platform):
        m = Module()
        config = self.config
        job = Signal(vector_job_shape(config), reset_less=True)
        plan = Signal(plan_shape(config), reset_less=True)
        first = Signal(reset_less=True)
        start = Signal()
        parts = {
            "ahead": ProgramCounter(config, loads=True),
            "program_counter": ProgramCounter(config),
            "reads": VectorReads(config),
            "load": VectorLoad(config),
            "compute": VectorCompute(config),
            "store": VectorStore(config),
        }
        for name, part in parts.items():
            place(m, name, part, platform)
            for port, value in (("start", start), ("job", job), ("plan", plan), ("first", first)):
                if port in part.signature.members:
                    m.d.comb += getattr(part, port).eq(value)
        ahead, counter, reads, load, compute, store = parts.values()
        busy = self._run(m, job, plan, first, start, counter, store)
        self._count(m, job, (ahead, counter))

        words = place(m, "words", BlockFifo(config.data_bits, 2 * strip_words(config)), platform)
        m.d.comb += [
            words.i.valid.eq(self.words.valid),
            words.i.payload.eq(self.words.payload.data),
            reads.release.eq(load.release),
            reads.released.eq(load.released),
        ]
        connect(m, words.o, load.words)
        connect(m, ahead.o, reads.steps)
        connect(m, reads.requests, flipped(self.requests))
        self._dispatch(m, counter, load, compute, store)
        self._registers(m, load, compute, store, platform)
        m.d.comb += [
            compute.elements.eq(job.n),
            compute.scalar.eq(job.scalar),
            compute.scalar2.eq(job.scalar2),
        ]
        connect(m, store.requests, flipped(self.write_requests))
        connect(m, store.words, flipped(self.write_words))
        m.d.comb += [
            store.status.eq(self.write_status.valid),
            self.writes.eq(busy & first),
            self.failure.valid.eq(self.write_status.valid & (self.write_status.payload.cause != Cause.NONE)),
            self.failure.payload.unit.eq(Unit.VECTOR),
            self.failure.payload.index.eq(job.index),
            self.failure.payload.cause.eq(self.write_status.payload.cause),
            self.failure.payload.address.eq(self.write_status.payload.address),
        ]
        self._tell(m, busy, first, counter, load, store, reads)
        return m

    def _run(self, m: Module, job, plan, first: Signal, start: Signal, counter, store) -> Signal:
        """Take a job, plan and start it, and end it; return whether there is one."""
        lanes_log2 = exact_log2(self.config.vector_lanes)
        busy = Signal()
        failed = Signal()  # a write of the job; then it never completes
        columns = job.c_type == ElementType.INT8_COLUMNS  # each row of it is a write request of its own
        m.d.sync += first.eq(busy & (self.head == job.index))
        m.d.sync += start.eq(0)
        m.d.sync += failed.eq(~start & (failed | self.failure.valid))
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.job.ready.eq(1)
                m.d.sync += job.eq(self.job.payload)
                with m.If(self.job.valid):
                    m.next = "PLAN"
            with m.State("PLAN"):
                m.d.comb += busy.eq(1)
                m.d.sync += [
                    plan.pitch_log2.eq(lanes_log2),
                    plan.rows_log2.eq(0),
                    start.eq(1),
                    plan.long.eq(job.n > PARTIALS << lanes_log2),
                ]
                for log2 in reversed(range(lanes_log2)):
                    with m.If(job.n <= PARTIALS << log2):
                        m.d.sync += plan.pitch_log2.eq(log2)
                        m.d.sync += plan.rows_log2.eq(Mux(columns, 0, lanes_log2 - log2))
                m.next = "START"
            with m.State("START"):
                m.d.comb += busy.eq(1)
                m.next = "RUN"
            with m.State("RUN"):
                m.d.comb += busy.eq(1)
                with m.If(~counter.busy & ~store.pending):
                    m.d.comb += self.completed.eq(~failed)
                    m.next = "IDLE"
        return busy

    def _count(self, m: Module, job, counters: tuple[ProgramCounter, ...]):
        """Tell the counters of instructions about the job."""
        for counter in counters:
            m.d.comb += [
                counter.operation.eq(job.operation),
                counter.rows.eq(job.m),
                counter.elements.eq(job.n),
                counter.conditions.eq(
                    Cat(
                        counter.plan.long,
                        job.x_type == ElementType.INT32,
                        job.c_type == ElementType.BF16,
                        job.c_type == ElementType.RECORDS,
                        job.operation == Operation.WEIGHTED_SOFTMAX,
                    )
                ),
            ]

    def _dispatch(self, m: Module, counter, load, compute, store):
        """Give each instruction to the part that does it."""
        kinds = {Kind.LOAD: (load, compute.drained), Kind.COMPUTE: (compute, 1), Kind.STORE: (store, compute.drained)}
        for kind, (part, may) in kinds.items():
            here = counter.o.payload.instruction.kind == kind
            m.d.comb += part.steps.valid.eq(counter.o.valid & here & may)
            m.d.comb += part.steps.payload.eq(counter.o.payload)
            with m.If(here & may):
                m.d.comb += counter.o.ready.eq(part.steps.ready)

    def _registers(self, m: Module, load, compute, store, platform):
        """One of the parts at a time uses the registers."""
        registers = place(m, "registers", VectorRegisters(self.config.vector_lanes), platform)
        stores = store.steps.valid
        loads = load.write.any()
        m.d.comb += [
            registers.first_entry.eq(Mux(stores, store.entry, compute.first_entry)),
            registers.second_entry.eq(compute.second_entry),
            registers.write.eq(load.write | compute.write),
            registers.write_entry.eq(Mux(loads, load.write_entry, compute.write_entry)),
            registers.data.eq(Mux(loads, load.data, compute.data)),
            compute.first.eq(registers.first),
            compute.second.eq(registers.second),
            store.elements.eq(registers.first),
        ]

    def _tell(self, m: Module, busy: Value, first: Value, counter, load, store, reads):
        """The engine's activity."""
        waits = load.steps.valid & ~load.words.valid
        activity = Signal(Activity)
        with m.If(~busy):
            m.d.sync += activity.eq(Activity.IDLE)
        with m.Elif(waits):
            m.d.sync += activity.eq(Mux(reads.fenced, Activity.DEPENDENCY, Activity.MEMORY))
        with m.Elif(store.steps.valid & ~first):
            m.d.sync += activity.eq(Activity.DEPENDENCY)
        with m.Elif((store.requests.valid & ~store.requests.ready) | (store.words.valid & ~store.words.ready)):
            m.d.sync += activity.eq(Activity.SPACE)
        with m.Elif(~counter.busy):
            m.d.sync += activity.eq(Activity.MEMORY)
        with m.Else():
            m.d.sync += activity.eq(Activity.BUSY)
        m.d.comb += self.activity.eq(activity)
