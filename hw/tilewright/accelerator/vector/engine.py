"""The vector engine."""

from amaranth.hdl import Module, Mux, Signal, unsigned

from tilewright.accelerator.contract import INDEX_BITS, AcceleratorConfig, Activity, vector_ports
from tilewright.base import SharedComponent

__all__ = ["VectorEngine"]


class VectorEngine(SharedComponent):
    """Complete each job without doing anything: the place of the engine that works.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    job : In(stream.Signature(vector_job_shape(config)))
        Jobs, in order; copied when accepted.
    head : In(unsigned(INDEX_BITS))
        Number of descriptors that are complete, modulo ``2**16``. Before it equals the job's ``index``, the job
        writes nothing, and reads nothing that is fenced.
    requests : Out(stream.Signature(transfer_shape(config)))
        Rows of x and y. A request stays until it is accepted; there is space for all of its words.
    words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The words of those requests, in order. Taken in the cycle in which they come.
    write_requests : Out(stream.Signature(transfer_shape(config)))
        Rows of results, to a `DmaWriter`. A request stays until it is accepted.
    write_words : Out(stream.Signature(unsigned(result_word_bits)))
        Their words, in order. They may come before their request, and stay until they are accepted.
    write_status : In(stream.Signature(config.dma.status_shape, always_ready=True))
        How each write request ended, in order.
    writes : Out(1)
        The writer serves this engine: from before its first request or word of a job to `completed`, or to the reset
        after a failure, but never before `head` equals the job's ``index``. A request, a word and a status pass only
        meanwhile.
    completed : Out(1)
        A job is complete: all its writes are answered, and none of it failed. For one cycle.
    failure : Out(stream.Signature(failure_shape(config), always_ready=True))
        Writing rows has failed, with the unit VECTOR, in the cycle of its status; the arbiter reports failed reads.
    activity : Out(Activity)
        What the engine did in the cycle before, or waited for. From a register.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(vector_ports(config))

    def elaborate(self, platform):
        m = Module()
        busy = Signal()
        index = Signal(unsigned(INDEX_BITS))
        m.d.comb += self.job.ready.eq(~busy)
        m.d.comb += self.writes.eq(busy & (index == self.head))
        m.d.comb += self.completed.eq(self.writes)
        with m.If(self.job.valid & self.job.ready):
            m.d.sync += busy.eq(1)
            m.d.sync += index.eq(self.job.payload.index)
        with m.If(self.completed):
            m.d.sync += busy.eq(0)
        m.d.sync += self.activity.eq(Mux(self.completed, Activity.BUSY, Mux(busy, Activity.DEPENDENCY, Activity.IDLE)))
        return m
