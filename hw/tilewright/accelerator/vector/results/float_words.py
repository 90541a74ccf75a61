"""Makes words of rows of float32, of bf16, of indices, and of bytes."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import connect, flipped
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig, ElementType
from tilewright.base import SharedComponent, place, registered
from tilewright.storage import SmallFifo, delayed

from ..entries import entry_of, row_start
from ..shapes import entry_log2
from .words import READ_CYCLES, stored_elements, words_members

__all__ = ["FloatWords"]

_BITS = 32
_WORDS = 8  # on their way from the registers to the bus, at most


class FloatWords(SharedComponent):
    """Read the rows of a register, 32 bits of each lane or, for bf16, the upper 16, as words.

    A word in each cycle, for bf16 in each second one; in the first 5 cycles none. With int32 a row is one element, the
    integer in the lowest 22 bits of lane 0 of a scalar register. Of a result of columns, a word is the lowest byte of
    one element.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    start : In(1)
        Begin with `step` in the next cycle.
    job : In(vector_job_shape(config))
        The job that the instruction belongs to.
    plan : In(plan_shape(config))
        How its rows are in the registers.
    step : In(step_shape(config))
        The STORE, from `start` to `done`.
    entry : Out(range(ENTRIES))
        The entry to read, to `VectorRegisters`.
    elements : In(unsigned(32 * vector_lanes))
        The elements of the entry of 2 cycles before.
    words : Out(stream.Signature(unsigned(result_word_bits)))
        The words of the rows, in order; each row begins in a new one.
    done : Out(1)
        The register may be written again, from the next cycle on.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(words_members(config))

    def elaborate(self, platform):
        m = Module()
        config, step = self.config, self.step
        lanes, width = config.vector_lanes, config.data_bits // _BITS
        short = Signal()
        integer = Signal()
        columns = Signal()
        m.d.sync += [
            short.eq(self.job.c_type == ElementType.BF16),
            integer.eq(self.job.c_type == ElementType.INT32),
            columns.eq(self.job.c_type == ElementType.INT8_COLUMNS),
        ]
        each = Mux(columns, 1, width)
        # Where a row's last chunk may begin at the earliest. `step` has been there for a while when words are made.
        last = registered(m, "last", stored_elements(self.job, step) - each)

        offset = Signal(range(PARTIALS * lanes))
        chunk = offset[exact_log2(width) :]
        current = Signal(range(max(2, lanes)))
        last_chunk = Signal()
        m.d.comb += last_chunk.eq(offset >= last)
        on_way = Signal(range(_WORDS + 1))
        reads = Signal()
        completes = Signal()
        m.d.comb += completes.eq(reads & (~short | chunk[0] | last_chunk))
        m.d.sync += on_way.eq(on_way + completes - (self.words.valid & self.words.ready))
        drain = Signal(range(READ_CYCLES + 1))
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += offset.eq(0)
                m.d.sync += current.eq(0)
                with m.If(self.start):
                    m.next = "ROWS"
            with m.State("ROWS"):
                m.d.sync += drain.eq(READ_CYCLES)
                with m.If(on_way != _WORDS):
                    m.d.comb += reads.eq(1)
                    m.d.sync += offset.eq(Mux(last_chunk, 0, offset + each))
                    with m.If(last_chunk):
                        m.d.sync += current.eq(current + 1)
                    with m.If(last_chunk & (current == step.last_row)):
                        m.next = "READ"
            with m.State("READ"):
                m.d.sync += drain.eq(drain - 1)
                with m.If(drain == 0):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        place_ = row_start(current, self.plan, entry_log2(config)) | (offset >> exact_log2(lanes))
        read = step.instruction
        m.d.sync += self.entry.eq(entry_of(read.first, read.first_mode, current, place_))
        self._gather(m, offset, completes, short, integer, columns, platform)
        return m

    def _gather(self, m: Module, offset, completes, short: Signal, integer: Signal, columns: Signal, platform):
        """Make words of the chunks that were read, and queue them."""
        lanes, width = self.config.vector_lanes, self.config.data_bits // _BITS
        width_log2 = exact_log2(width)
        late = delayed(m, "chunk_line", offset[: max(width_log2 + 1, exact_log2(lanes))], READ_CYCLES, platform)
        lane, part, odd = late[:width_log2], late[width_log2 : exact_log2(lanes)], late[width_log2]
        completed = Signal(READ_CYCLES)
        m.d.sync += completed.eq(Cat(completes, completed))
        chunk = self.elements.word_select(part, self.config.data_bits) if len(part) else self.elements
        upper = Cat(chunk.word_select(lane, _BITS)[16:] for lane in range(width))
        held = Signal(len(upper), reset_less=True)
        with m.If(~odd):
            m.d.sync += held.eq(upper)
        first = Mux(columns, chunk.word_select(lane, _BITS)[:8], chunk[:22])
        whole = Cat(first, Mux(integer, 0, chunk[22:_BITS]), chunk[_BITS:])
        queue = place(m, "queue", SmallFifo(self.config.data_bits, _WORDS), platform)
        m.d.comb += queue.i.valid.eq(completed[-1])
        m.d.comb += queue.i.payload.eq(Mux(short, Mux(odd, Cat(held, upper), upper), whole))
        connect(m, queue.o, flipped(self.words))
