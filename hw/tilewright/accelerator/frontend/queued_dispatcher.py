"""Hand jobs to engines of two kinds, each of which may be some jobs ahead of another."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import QUEUED_JOBS, AcceleratorConfig, job_shape, vector_job_shape
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

from .dispatcher import dispatcher_members, keep_interrupts

__all__ = ["QueuedDispatcher"]

PLACE_BITS = 3
STORE, VECTOR = 3, 4


class QueuedDispatcher(SharedComponent):
    """Keep jobs until the engines of their kind have taken them, each engine at its own pace.

    ::

                                                   ┌──► load_a    products
        decoded ──►│ up to 6 jobs │──► job on offer ├──► load_b
                                                   ├──► execute
                                                   ├──► store
                                                   └──► vector    vector jobs

    So the weights of the next products are loaded while the vector engine works. An engine that is ready gets its next
    job; one place of the queue is on offer at a time, to all engines whose turn it is. A job decoded in cycle t is on
    offer from t + 3 on, or t + 6 if another was. At most 6 jobs are taken and not complete: all engines order
    them by the low 3 bits of their numbers.

    Store is not offered a job before the vector jobs ahead of it are complete: its words would be in the writer, which
    serves both, before theirs.

    Parameters
    ----------
    config : AcceleratorConfig
        Shapes of jobs; it has `vector_lanes`.

    Members
    -------
    decoded : In(1)
        There is a job, `decoded_job`, without its ``index``; until `take`.
    decoded_job : In(job_shape(config))
        The job. It must not change while `decoded` is 1.
    index : In(16)
        Number of the job's descriptor, modulo ``2**16``; valid with `decoded`.
    interrupt : In(1)
        Completion of the job must interrupt; valid with `decoded`.
    take : Out(1)
        `decoded_job` is taken in this cycle; from the next on, `decoded` is for another job.
    head : In(16)
        Number of the oldest incomplete job, modulo ``2**16``.
    head_interrupts : Out(1)
        Completion of that job must interrupt. Undefined if none is incomplete.
    decoded_vector : In(1)
        It is the vector job `decoded_vector_job`; valid with `decoded`.
    decoded_vector_job : In(vector_job_shape(config))
        That job, without its ``index``. What both jobs have is that of `decoded_job`.
    job : Out(job_shape(config))
        What is on offer; it may change in any cycle.
    vector_job : Out(vector_job_shape(config))
        The same for the vector engine.
    job_valid : Out(5)
        `job` is the next of load A, load B, execute, store or the vector engine, and that takes it at the end of this
        cycle. Only if its bit of `job_ready` is 1.
    job_ready : In(5)
        The engine of the same bit can take a job. It must not depend on `job_valid`.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        vector = vector_job_shape(config)
        super().__init__(
            dispatcher_members(config)
            | {"decoded_vector": In(1), "decoded_vector_job": In(vector), "vector_job": Out(vector)}
        )

    def elaborate(self, platform):
        m = Module()
        ahead = Signal(PLACE_BITS)  # of the head, by at most `QUEUED_JOBS`
        taken = Signal(2)  # the last cycles, the later one first
        last = Signal(PLACE_BITS, reset_less=True)
        end = Signal(PLACE_BITS, reset_less=True)  # behind the last job that engines know of
        vectors = Signal(1 << PLACE_BITS, reset_less=True)  # by place: it is a vector job
        m.d.comb += ahead.eq(self.index[:PLACE_BITS] - self.head[:PLACE_BITS])
        m.d.comb += self.take.eq(self.decoded & (ahead != QUEUED_JOBS) & ~taken.any())
        m.d.sync += taken.eq(Cat(self.take, taken))
        with m.If(self.take):
            m.d.sync += last.eq(self.index[:PLACE_BITS])
            m.d.sync += vectors.bit_select(self.index[:PLACE_BITS], 1).eq(self.decoded_vector)
        with m.If(taken[-1]):  # from the next cycle on the memory can show it
            m.d.sync += end.eq(last + 1)

        chosen = Signal(PLACE_BITS)
        fetched = Signal(PLACE_BITS)
        shown = Signal(PLACE_BITS)
        self._keep(m, chosen, platform)
        m.d.sync += fetched.eq(chosen)
        m.d.sync += shown.eq(fetched)
        for engine, ready in enumerate(self.job_ready):
            waiting = Signal(PLACE_BITS, name=f"waiting_{engine}")  # jobs of both kinds from the engine's turn on
            turn = Signal(PLACE_BITS, name=f"turn_{engine}")
            wants = Signal(name=f"wants_{engine}")
            passes = Signal(name=f"passes_{engine}")
            is_vector = vectors.bit_select(turn, 1)
            other = ~is_vector if engine == VECTOR else is_vector
            m.d.comb += [
                turn.eq(end - waiting),
                wants.eq(waiting.any() & ~other & ready),
                passes.eq(waiting.any() & other),
                self.job_valid[engine].eq(wants & (turn == shown)),
            ]
            if engine == STORE:
                m.d.comb += passes.eq(waiting.any() & other & ((turn + 1)[:PLACE_BITS] == self.head[:PLACE_BITS]))
            m.d.sync += waiting.eq(waiting + taken[-1] - (passes | self.job_valid[engine]))
            with m.If(wants):
                m.d.sync += chosen.eq(turn)
        keep_interrupts(m, self, platform)
        return m

    def _keep(self, m: Module, chosen: Signal, platform):
        """Keep jobs of both kinds, and show the chosen one two cycles later."""
        product, vector = job_shape(self.config).members, vector_job_shape(self.config).members
        own = {name: shape for name, shape in vector.items() if product.get(name) != shape}
        row = data.StructLayout({"job": job_shape(self.config), "vector": data.StructLayout(own)})
        jobs = place(m, "jobs", BlockMemory(row.size, 1 << PLACE_BITS, shallow=True), platform)
        written = Signal(row)
        read = Signal(row)
        m.d.comb += [
            written.job.eq(self.decoded_job),
            written.job.index.eq(self.index),
            *(written.vector[name].eq(self.decoded_vector_job[name]) for name in own),
            jobs.write.eq(self.take),
            jobs.write_row.eq(self.index),
            jobs.data.eq(written),
            jobs.fetch.eq(1),
            jobs.read_row.eq(chosen),
            jobs.take.eq(1),
            read.eq(jobs.q),
            self.job.eq(read.job),
            *(self.vector_job[name].eq((read.vector if name in own else read.job)[name]) for name in vector),
        ]
