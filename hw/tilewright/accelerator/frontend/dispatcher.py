"""Hand one job after the other to all engines of its kind."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import INDEX_BITS, AcceleratorConfig, job_shape, vector_job_shape
from tilewright.accelerator.registers import engines_of
from tilewright.base import SharedComponent, place
from tilewright.storage import TwoPortRam

__all__ = ["Dispatcher"]

INCOMPLETE = 4
STORE = 3


class Dispatcher(SharedComponent):
    """Keep a job until all engines of its kind have taken it; remember which jobs are to interrupt.

    ::

                        ┌─────┬──► load_a
        decoded ──►│job│├─────┼──► load_b
                        ├─────┼──► execute
                        ├─────┴──► store
                        └────────► vector, if the job is one of its kind

    A job decoded in cycle t is offered in t + 1. Between the last taking of a job and the next offer passes one
    cycle. At most 4 jobs are offered and not complete. A vector job is offered to the vector engine alone, and store is
    not offered a job before the vector jobs ahead of it are complete: its words would be in the writer, which serves
    both, before theirs. With the variant ``compact`` nothing is kept: `decoded_job` is offered as it is, and each
    engine takes it when it has done its part.

    Parameters
    ----------
    config : AcceleratorConfig
        Shape of a job.

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
        It is the vector job `decoded_vector_job`; valid with `decoded`. Only with `vector_lanes`, like all of `vector`.
    decoded_vector_job : In(vector_job_shape(config))
        That job, without its ``index``. What both jobs have is that of `decoded_job`.
    job : Out(job_shape(config))
        What is offered; it changes only when all have taken it.
    vector_job : Out(vector_job_shape(config))
        The same for the vector engine.
    job_valid : Out(4), with `vector_lanes` Out(5)
        To load A, load B, execute, store and the vector engine: each until its bit of `job_ready` is 1.
    job_ready : In, as wide
        The engine of the same bit takes the job at the end of this cycle, if it is offered to it.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        vector = vector_job_shape(config)
        engines = len(engines_of(config))
        super().__init__({
            "decoded": In(1),
            "decoded_job": In(job_shape(config)),
            "index": In(INDEX_BITS),
            "interrupt": In(1),
            "take": Out(1),
            "head": In(INDEX_BITS),
            "head_interrupts": Out(1),
            "job": Out(job_shape(config)),
            "job_valid": Out(engines),
            "job_ready": In(engines),
            **({"decoded_vector": In(1), "decoded_vector_job": In(vector), "vector_job": Out(vector)}
               if config.vector_lanes else {}),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        if self.config.job_register:
            job = Signal(job_shape(self.config), reset_less=True)
            m.d.comb += self.job.eq(job)

        # The next job is at most `INCOMPLETE` ahead of the head, so three bits tell.
        ahead = Signal(3)
        m.d.comb += ahead.eq(self.index[:3] - self.head[:3])
        everyone: Value | int = 0b1111
        valid, taken = self.job_valid, self.job_ready
        if self.config.vector_lanes:
            everyone = Mux(self.decoded_vector, 0b10000, 0b01111)
            valid = Signal.like(self.job_valid, name="waiting")
            taken = self.job_ready & self.job_valid
            m.d.comb += self.job_valid.eq(valid)
            with m.If(self._vector_before(m)):
                m.d.comb += self.job_valid[STORE].eq(0)
            self._keep_vector_job(m)
        m.d.sync += valid.eq(valid & ~taken)
        if self.config.job_register:
            m.d.comb += self.take.eq(self.decoded & ~valid.any() & (ahead != INCOMPLETE))
            with m.If(self.take):
                m.d.sync += job.eq(self.decoded_job)
                m.d.sync += job.index.eq(self.index)
                m.d.sync += valid.eq(everyone)
        else:  # the job stays in the decoder, until it is done
            offered = Signal()
            m.d.comb += self.job.eq(self.decoded_job)
            m.d.comb += self.job.index.eq(self.index)
            m.d.comb += self.take.eq(offered & ~self.job_valid.any())
            with m.If(self.take):
                m.d.sync += offered.eq(0)
            with m.Elif(self.decoded & ~offered):
                m.d.sync += offered.eq(1)
                m.d.sync += self.job_valid.eq(0b1111)

        if not self.config.job_register:
            m.d.comb += self.head_interrupts.eq(self.interrupt)
            return m
        flags = place(m, "flags", TwoPortRam(1, 2 * INCOMPLETE, latency=0), platform)
        # `index` is none of an incomplete job until `take`.
        m.d.comb += flags.write_row.eq(self.index)
        m.d.comb += flags.write_data.eq(self.interrupt)
        m.d.comb += flags.write.eq(1)
        m.d.comb += flags.read_row.eq(self.head)
        m.d.comb += self.head_interrupts.eq(flags.read_data)
        return m

    def _vector_before(self, m: Module) -> Value:
        """Whether a vector job is not complete that was taken before the one on offer."""
        incomplete = Signal(name="vector_incomplete")
        after = Signal(3)  # the head then
        with m.If(self.take & self.decoded_vector):
            m.d.sync += incomplete.eq(1)
            m.d.sync += after.eq(self.index[:3] + 1)
        with m.Elif(self.head[:3] == after):
            m.d.sync += incomplete.eq(0)
        return incomplete

    def _keep_vector_job(self, m: Module):
        """Offer the vector job: what only that has is kept beside the other."""
        members, others = vector_job_shape(self.config).members, job_shape(self.config).members
        own = {name: shape for name, shape in members.items() if others.get(name) != shape}
        kept = Signal(data.StructLayout(own), name="vector_own", reset_less=True)
        for name in members:
            if name in own:
                with m.If(self.take):
                    m.d.sync += kept[name].eq(self.decoded_vector_job[name])
            m.d.comb += self.vector_job[name].eq((kept if name in own else self.job)[name])
