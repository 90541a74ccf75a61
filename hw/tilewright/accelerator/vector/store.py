"""Does the STORE instructions: a register to memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Member, Out, connect, flipped
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig, ElementType, transfer_shape, vector_job_shape
from tilewright.base import SharedComponent, place
from tilewright.storage import SmallFifo, delayed

from .entries import entry_of, row_start
from .shapes import ENTRIES, entry_log2, plan_shape, step_shape

__all__ = ["READ_CYCLES", "REQUESTS", "VectorStore", "store_members"]

_BITS = 32
READ_CYCLES = 3
"""From a chunk's number to its elements: a register, and 2 of the memory."""
_WORDS = 8  # on their way from the registers to the bus, at most
REQUESTS = 63
"""Requests that have not ended, at most."""


def store_members(config: AcceleratorConfig) -> dict[str, Member]:
    """The ports of a part that stores, as `VectorStore` describes them."""
    return {
        "start": In(1),
        "job": In(vector_job_shape(config)),
        "plan": In(plan_shape(config)),
        "first": In(1),
        "steps": In(stream.Signature(step_shape(config))),
        "entry": Out(range(ENTRIES)),
        "elements": In(unsigned(_BITS * config.vector_lanes)),
        "requests": Out(stream.Signature(transfer_shape(config))),
        "words": Out(stream.Signature(unsigned(config.result_word_bits))),
        "status": In(1),
        "pending": Out(1),
    }


class VectorStore(SharedComponent):
    """Write the rows of a register, 32 bits of each lane or, for bf16, the upper 16, to memory.

    A word for the bus in each cycle, for bf16 in each second one; in the first 5 cycles none. With int32 a row is one
    element, the integer in the lowest 22 bits of lane 0 of a scalar register.

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
        A request has not ended yet.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(store_members(config))

    def elaborate(self, platform):
        m = Module()
        config, job, step = self.config, self.job, self.steps.payload
        lanes, width = config.vector_lanes, config.data_bits // _BITS
        short = Signal()
        integer = Signal()
        m.d.comb += short.eq(job.c_type == ElementType.BF16)
        m.d.comb += integer.eq(job.c_type == ElementType.INT32)
        elements = Mux(integer, 1, step.elements)
        row = Signal(config.size_bits)
        base = Signal(config.addr_bits, reset_less=True)
        request = Signal(transfer_shape(config), reset_less=True)
        m.d.comb += self.requests.payload.eq(request)
        with m.If(self.start):
            m.d.sync += row.eq(0)
            m.d.sync += base.eq(job.c_address)

        chunk = Signal(range(PARTIALS * lanes // width))
        current = Signal(range(max(2, lanes)))
        offset = Cat(Const(0, exact_log2(width)), chunk)
        last_chunk = Signal()
        m.d.comb += last_chunk.eq(Cat(Const(0, exact_log2(width)), chunk + 1) >= elements)
        on_way = Signal(range(_WORDS + 1))
        reads = Signal()
        completes = Signal()
        m.d.comb += completes.eq(reads & (~short | chunk[0] | last_chunk))
        m.d.sync += on_way.eq(on_way + completes - (self.words.valid & self.words.ready))
        drain = Signal(range(READ_CYCLES + 1))
        unfinished = Signal(range(REQUESTS + 1))  # requests
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [
                    chunk.eq(0),
                    current.eq(0),
                    request.index.eq(job.index),
                    request.request.address.eq(base + Mux(short, step.element << 1, step.element << 2)),
                    request.request.bytes.eq(Mux(short, elements << 1, elements << 2)),
                    request.request.rows.eq(step.rows),
                    request.request.stride.eq(job.c_stride),
                ]
                with m.If(self.steps.valid & (step.row != row)):
                    m.d.sync += row.eq(step.row)
                    m.d.sync += base.eq(base + (job.c_stride << self.plan.rows_log2))
                with m.Elif(self.steps.valid & self.first):
                    m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.requests.valid.eq(unfinished != REQUESTS)
                with m.If(self.requests.valid & self.requests.ready):
                    m.next = "ROWS"
            with m.State("ROWS"):
                m.d.sync += drain.eq(READ_CYCLES)
                with m.If(on_way != _WORDS):
                    m.d.comb += reads.eq(1)
                    m.d.sync += chunk.eq(Mux(last_chunk, 0, chunk + 1))
                    with m.If(last_chunk):
                        m.d.sync += current.eq(current + 1)
                    with m.If(last_chunk & (current == step.rows - 1)):
                        m.next = "READ"
            with m.State("READ"):
                m.d.sync += drain.eq(drain - 1)
                with m.If(drain == 0):
                    m.d.comb += self.steps.ready.eq(1)
                    m.next = "IDLE"
        place_ = row_start(current, self.plan, entry_log2(config)) | (offset >> exact_log2(lanes))
        read = step.instruction
        m.d.sync += self.entry.eq(entry_of(read.first, read.first_mode, current, place_))
        self._gather(m, offset, completes, chunk[0], short, integer, platform)

        accepted = self.requests.valid & self.requests.ready
        m.d.sync += unfinished.eq(unfinished + accepted - self.status)
        m.d.comb += self.pending.eq(unfinished.any() | (on_way != 0))
        return m

    def _gather(self, m: Module, offset, completes, odd, short: Signal, integer: Signal, platform):
        """Make words of the chunks that were read, and queue them."""
        lanes, width = self.config.vector_lanes, self.config.data_bits // _BITS
        part = offset[exact_log2(width) : exact_log2(lanes)]
        late = delayed(m, "chunk_line", Cat(odd, part), READ_CYCLES, platform)
        completed = Signal(READ_CYCLES)
        m.d.sync += completed.eq(Cat(completes, completed))
        chunk = self.elements.word_select(late[1:], self.config.data_bits) if len(part) else self.elements
        upper = Cat(chunk.word_select(lane, _BITS)[16:] for lane in range(width))
        held = Signal(len(upper), reset_less=True)
        with m.If(~late[0]):
            m.d.sync += held.eq(upper)
        whole = Cat(chunk[:22], Mux(integer, 0, chunk[22:_BITS]), chunk[_BITS:])
        queue = place(m, "queue", SmallFifo(self.config.data_bits, _WORDS), platform)
        m.d.comb += queue.i.valid.eq(completed[-1])
        m.d.comb += queue.i.payload.eq(Mux(short, Mux(late[0], Cat(held, upper), upper), whole))
        connect(m, queue.o, flipped(self.words))
