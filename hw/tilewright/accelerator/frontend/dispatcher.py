"""Hand one job after the other to all engines."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import INDEX_BITS, AcceleratorConfig, job_shape
from tilewright.accelerator.registers import engines_of
from tilewright.base import SharedComponent, place
from tilewright.storage import TwoPortRam

__all__ = ["Dispatcher", "dispatcher_members", "keep_interrupts"]

INCOMPLETE = 4


def dispatcher_members(config: AcceleratorConfig) -> dict[str, Any]:
    """Return the ports that both dispatchers have; see `Dispatcher`."""
    engines = len(engines_of(config))
    return {
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
    }


class Dispatcher(SharedComponent):
    """Keep a job until all engines have taken it; remember which jobs are to interrupt.

    ::

                        ┌─────┬──► load_a
        decoded ──►│job│├─────┼──► load_b
                        ├─────┼──► execute
                        └─────┴──► store

    A job decoded in cycle t is offered in t + 1. Between the last taking of a job and the next offer passes one
    cycle. At most 4 jobs are offered and not complete. With the variant ``compact`` nothing is kept: `decoded_job` is
    offered as it is, and each engine takes it when it has done its part. `QueuedDispatcher` is for a fifth engine.

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
        super().__init__(dispatcher_members(config))

    def elaborate(self, platform):
        m = Module()
        if not self.config.job_register:
            self._offer_in_place(m)
            return m
        job = Signal(job_shape(self.config), reset_less=True)
        # The next job is at most `INCOMPLETE` ahead of the head, so three bits tell.
        ahead = Signal(3)
        m.d.comb += [
            ahead.eq(self.index[:3] - self.head[:3]),
            self.job.eq(job),
            self.take.eq(self.decoded & ~self.job_valid.any() & (ahead != INCOMPLETE)),
        ]
        m.d.sync += self.job_valid.eq(self.job_valid & ~self.job_ready)
        with m.If(self.take):
            m.d.sync += job.eq(self.decoded_job)
            m.d.sync += job.index.eq(self.index)
            m.d.sync += self.job_valid.eq(0b1111)
        keep_interrupts(m, self, platform)
        return m

    def _offer_in_place(self, m: Module):
        """Leave the job in the decoder, until it is done."""
        offered = Signal()
        m.d.comb += self.job.eq(self.decoded_job)
        m.d.comb += self.job.index.eq(self.index)
        m.d.comb += self.take.eq(offered & ~self.job_valid.any())
        m.d.sync += self.job_valid.eq(self.job_valid & ~self.job_ready)
        with m.If(self.take):
            m.d.sync += offered.eq(0)
        with m.Elif(self.decoded & ~offered):
            m.d.sync += offered.eq(1)
            m.d.sync += self.job_valid.eq(0b1111)
        m.d.comb += self.head_interrupts.eq(self.interrupt)


def keep_interrupts(m: Module, dispatcher: Any, platform: Any) -> None:
    """Remember which of the jobs that are not complete are to interrupt."""
    flags = place(m, "flags", TwoPortRam(1, 8, latency=0), platform)
    # `index` is none of an incomplete job until `take`.
    m.d.comb += [
        flags.write_row.eq(dispatcher.index),
        flags.write_data.eq(dispatcher.interrupt),
        flags.write.eq(1),
        flags.read_row.eq(dispatcher.head),
        dispatcher.head_interrupts.eq(flags.read_data),
    ]
