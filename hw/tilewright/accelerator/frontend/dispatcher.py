"""Hand one job after the other to all four engines."""

from amaranth.hdl import Module, Signal
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import INDEX_BITS, AcceleratorConfig, job_shape
from tilewright.base import SharedComponent

__all__ = ["Dispatcher"]

INCOMPLETE = 4


class Dispatcher(SharedComponent):
    """Keep a job until all four engines have taken it; remember which jobs are to interrupt.

    ::

                        ┌─────┬──► load_a
        decoded ──►│job│├─────┼──► load_b
                        ├─────┼──► execute
                        └─────┴──► store

    A job decoded in cycle t is offered in t + 1. Between the last taking of a job and the next offer passes one
    cycle. At most 4 jobs are offered and not complete. With the variant ``compact`` nothing is kept: `decoded_job` is
    offered as it is, and each engine takes it when it has done its part.

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
    job : Out(job_shape(config))
        What is offered; it changes only when all have taken it.
    job_valid : Out(4)
        To load A, load B, execute and store: each until its bit of `job_ready` is 1.
    job_ready : In(4)
        The engine of the same bit takes the job at the end of this cycle, if it is offered to it.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "decoded": In(1),
            "decoded_job": In(job_shape(config)),
            "index": In(INDEX_BITS),
            "interrupt": In(1),
            "take": Out(1),
            "head": In(INDEX_BITS),
            "head_interrupts": Out(1),
            "job": Out(job_shape(config)),
            "job_valid": Out(4),
            "job_ready": In(4),
        })

    def elaborate(self, platform):
        m = Module()
        if self.config.job_register:
            job = Signal(job_shape(self.config), reset_less=True)
            m.d.comb += self.job.eq(job)

        # The next job is at most `INCOMPLETE` ahead of the head, so three bits tell.
        ahead = Signal(3)
        m.d.comb += ahead.eq(self.index[:3] - self.head[:3])
        m.d.sync += self.job_valid.eq(self.job_valid & ~self.job_ready)
        if self.config.job_register:
            m.d.comb += self.take.eq(self.decoded & ~self.job_valid.any() & (ahead != INCOMPLETE))
            with m.If(self.take):
                m.d.sync += job.eq(self.decoded_job)
                m.d.sync += job.index.eq(self.index)
                m.d.sync += self.job_valid.eq(0b1111)
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
        m.submodules.flags = flags = Memory(shape=1, depth=2 * INCOMPLETE, init=[])
        write = flags.write_port()
        read = flags.read_port(domain="comb")
        # `index` is none of an incomplete job until `take`.
        m.d.comb += write.addr.eq(self.index)
        m.d.comb += write.data.eq(self.interrupt)
        m.d.comb += write.en.eq(1)
        m.d.comb += read.addr.eq(self.head)
        m.d.comb += self.head_interrupts.eq(read.data)
        return m
