"""Does the STORE instructions: a register to memory."""

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import (
    AcceleratorConfig,
    ElementType,
    transfer_shape,
    vector_job_shape,
)
from tilewright.base import SharedComponent, place

from ..row_addresses import RowAddresses
from ..shapes import ENTRIES, plan_shape, step_shape, strip_elements
from .float_words import FloatWords
from .record_format import RecordFormat
from .record_words import RecordWords
from .words import stored_elements

__all__ = ["VectorStore"]

_REQUESTS = 63  # that have not ended, at most


class VectorStore(SharedComponent):
    """Request the write of the rows of a register, then send their words, as the result's type asks for.

    A row of a result of columns is alone in the registers; each of its elements is a row of one byte in memory::

        steps ─┬─► requests
               └─► FloatWords or RecordWords ◄── elements
                        └─► words

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    start : In(1)
        A job begins in this cycle.
    job : In(vector_job_shape(config))
        The job that the instructions belong to.
    plan : In(plan_shape(config))
        How its rows are in the registers.
    first : In(1)
        All earlier descriptors are complete; nothing is written before.
    steps : In(stream.Signature(step_shape(config)))
        STORE instructions; accepted when the register may be written again.
    entry : Out(range(ENTRIES))
        The entry to read, to `VectorRegisters`.
    elements : In(unsigned(32 * vector_lanes))
        The elements of the entry of 2 cycles before.
    requests : Out(stream.Signature(transfer_shape(config)))
        The rows. A request stays until it is accepted.
    words : Out(stream.Signature(unsigned(result_word_bits)))
        The words of these rows, in order.
    status : In(1)
        A request has ended.
    pending : Out(1)
        A request has not ended yet, or has words to send.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "start": In(1),
            "job": In(vector_job_shape(config)),
            "plan": In(plan_shape(config)),
            "first": In(1),
            "steps": In(stream.Signature(step_shape(config))),
            "entry": Out(range(ENTRIES)),
            "elements": In(unsigned(32 * config.vector_lanes)),
            "requests": Out(stream.Signature(transfer_shape(config))),
            "words": Out(stream.Signature(unsigned(config.result_word_bits))),
            "status": In(1),
            "pending": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, job, step = self.config, self.job, self.steps.payload
        rows = RowAddresses(m, config, self.start, job, self.plan, "c")
        request = Signal(transfer_shape(config), reset_less=True)
        m.d.comb += self.requests.payload.eq(request)
        elements = stored_elements(job, step)
        columns = Signal()
        m.d.comb += columns.eq(job.c_type == ElementType.INT8_COLUMNS)
        lower = Signal(config.addr_bits, reset_less=True)  # where the strip's part of a column begins, from its top
        strip_stride = job.c_stride << exact_log2(strip_elements(config))
        offset = Mux(columns, Mux(step.element == 0, 0, lower), self._bytes_of(step.element))
        unfinished = Signal(range(_REQUESTS + 1))  # requests
        accepted = Signal()
        m.d.comb += accepted.eq(self.requests.valid & self.requests.ready)
        m.d.sync += unfinished.eq(unfinished + accepted - self.status)
        m.d.comb += self.pending.eq(unfinished.any() | self.words.valid)
        done = self._place_words(m, accepted, platform)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [
                    request.index.eq(job.index),
                    request.request.address.eq(rows.base["c"] + offset),
                    request.request.bytes.eq(Mux(columns, 1, self._bytes_of(elements))),
                    request.request.rows.eq(Mux(columns, step.elements, step.rows)),
                    request.request.stride.eq(job.c_stride),
                ]
                with m.If(rows.behind(self.steps)):
                    rows.follow(m, self.steps)
                with m.Elif(self.steps.valid & self.first):
                    m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.requests.valid.eq(unfinished != _REQUESTS)
                with m.If(accepted):
                    m.d.sync += lower.eq(Mux(step.element == 0, 0, lower) + strip_stride)
                    m.next = "WORDS"
            with m.State("WORDS"):
                m.d.comb += self.steps.ready.eq(done)
                with m.If(done):
                    m.next = "IDLE"
        return m

    def _bytes_of(self, elements: Value) -> Value:
        """Bytes of so many elements of the result."""
        record, kind = RecordFormat.of(self.config.a), self.job.c_type
        floats = Mux(kind == ElementType.BF16, elements << 1, elements << 2)
        return Mux(kind == ElementType.RECORDS, record.form.row_bytes(elements), floats) if record else floats

    def _place_words(self, m: Module, start: Value, platform) -> Signal:
        """The parts that make words, of which the result's type needs one; return when that is done."""
        records = self.job.c_type == ElementType.RECORDS
        parts = {"float_words": (FloatWords(self.config), ~records)}
        if RecordFormat.of(self.config.a):
            parts["record_words"] = (RecordWords(self.config), records)
        done = Signal()
        for name, (part, mine) in parts.items():
            place(m, name, part, platform)
            m.d.comb += [
                part.start.eq(start & mine),
                part.job.eq(self.job),
                part.plan.eq(self.plan),
                part.step.eq(self.steps.payload),
                part.elements.eq(self.elements),
                part.words.ready.eq(self.words.ready & mine),
            ]
            with m.If(mine):
                m.d.comb += [
                    self.entry.eq(part.entry),
                    self.words.valid.eq(part.words.valid),
                    self.words.payload.eq(part.words.payload),
                    done.eq(part.done),
                ]
        return done
