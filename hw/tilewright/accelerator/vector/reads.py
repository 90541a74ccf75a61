"""Asks for the words of the LOAD instructions, ahead of their execution."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, ElementType, transfer_shape, vector_job_shape
from tilewright.base import SharedComponent

from .program.instructions import Operand
from .row_addresses import RowAddresses
from .shapes import claimed_words, plan_shape, step_shape, strip_words

__all__ = ["VectorReads"]


class VectorReads(SharedComponent):
    """Request the rows of each LOAD, as soon as there is space for its words and no fence holds it up.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    start : In(1)
        A job begins in this cycle.
    job : In(vector_job_shape(config))
        The job. It stays until the next `start`.
    plan : In(plan_shape(config))
        How its rows go into the registers.
    first : In(1)
        All earlier descriptors are complete.
    steps : In(stream.Signature(step_shape(config)))
        The LOADs of the job, from a `ProgramCounter` of its own; accepted with their requests.
    release : In(1)
        The words of a LOAD have left their buffer.
    released : In(range(strip_words(config) + 1))
        The number of words that was claimed for it. Sampled with `release`.
    requests : Out(stream.Signature(transfer_shape(config)))
        The rows of a LOAD. A request stays until it is accepted.
    fenced : Out(1)
        A request waits for earlier descriptors.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "start": In(1),
            "job": In(vector_job_shape(config)),
            "plan": In(plan_shape(config)),
            "first": In(1),
            "steps": In(stream.Signature(step_shape(config))),
            "release": In(1),
            "released": In(range(strip_words(config) + 1)),
            "requests": Out(stream.Signature(transfer_shape(config))),
            "fenced": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, job, step = self.config, self.job, self.steps.payload
        space = 2 * strip_words(config)
        free = Signal(range(space + 1), init=space)
        claim = Signal(range(strip_words(config) + 1))
        claims = Signal()
        m.d.sync += free.eq(free - Mux(claims, claim, 0) + Mux(self.release, self.released, 0))

        rows = RowAddresses(m, config, self.start, job, self.plan, "ab")
        operand = step.instruction.operand
        of_x = operand == Operand.X
        short = Mux(of_x, job.x_type, job.y_type) == ElementType.BF16
        stride = Mux(of_x, job.a_stride, job.b_stride)
        offset = Signal(config.size_bits + 4, reset_less=True)
        request = Signal(transfer_shape(config), reset_less=True)
        m.d.comb += self.requests.payload.eq(request)
        m.d.comb += self.fenced.eq(Mux(of_x, job.fence_a, job.fence_b) & ~self.first)
        # From a register: the arbiter comes behind it. In `CLAIM` and `REQUEST` it can only become 1.
        may = Signal()
        m.d.sync += may.eq((free >= claim) & ~self.fenced)
        with m.FSM():
            with m.State("DECODE"):
                with m.If(rows.behind(self.steps)):
                    rows.follow(m, self.steps)
                with m.Elif(self.steps.valid):
                    second = Mux(operand == Operand.Y_SECOND, job.n, 0)
                    m.d.sync += offset.eq(_bytes_of(step.element + second, short))
                    m.d.sync += claim.eq(claimed_words(config, step, self.plan, short))
                    m.next = "CLAIM"
            with m.State("CLAIM"):
                m.d.sync += [
                    request.index.eq(job.index),
                    request.request.address.eq(Mux(of_x, rows.base["a"], rows.base["b"]) + offset),
                    request.request.bytes.eq(_bytes_of(step.elements, short)),
                    request.request.rows.eq(step.rows),
                    request.request.stride.eq(stride),
                ]
                m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.requests.valid.eq(may)
                with m.If(may & self.requests.ready):
                    m.d.comb += claims.eq(1)
                    m.d.comb += self.steps.ready.eq(1)
                    m.next = "DECODE"
        return m


def _bytes_of(elements: Value, short: Value) -> Value:
    """Bytes of so many elements."""
    return Mux(short, elements << 1, elements << 2)
