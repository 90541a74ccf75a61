"""Does the LOAD instructions: words of the bus into a vector register."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig, ElementType, vector_job_shape
from tilewright.base import SharedComponent

from .entries import entry_of, row_start
from .program.instructions import Mode, Operand
from .results.record_format import RecordFormat
from .shapes import ENTRIES, claimed_words, entry_log2, plan_shape, step_shape, strip_words

__all__ = ["VectorLoad"]

_BITS = 32
_MINUS_INFINITY = 0xFF80_0000
_LEAST_INTEGER = 0x8000_0000


class VectorLoad(SharedComponent):
    """Spread the rows of a LOAD over the lanes of a vector register, 32 bits of the bus to a lane in each cycle.

    Element i of a row goes to lane ``i % vector_lanes``. What is behind the last element of a row is undefined; if the
    result is records, zeros up to the end of the last block.
    An element of bf16 becomes the upper half of one of float32; int32 stays as it is.

    An instruction takes 4 cycles, and one for each ``data_bits / 32`` elements of a row.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    steps : In(stream.Signature(step_shape(config)))
        LOAD instructions; accepted when the register is written.
    job : In(vector_job_shape(config))
        The job that the instructions belong to.
    plan : In(plan_shape(config))
        How its rows go into the registers.
    words : In(stream.Signature(unsigned(data_bits)))
        The words of the rows; each row begins in a new one.
    write : Out(vector_lanes)
        The lanes that write `data` to `write_entry`.
    write_entry : Out(range(ENTRIES))
        To `VectorRegisters`. Valid with `write`.
    data : Out(unsigned(32 * vector_lanes))
        The elements. Valid with `write`.
    release : Out(1)
        The words of an instruction have been taken.
    released : Out(range(strip_words(config) + 1))
        The number of words that was claimed for them.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "steps": In(stream.Signature(step_shape(config))),
            "job": In(vector_job_shape(config)),
            "plan": In(plan_shape(config)),
            "words": In(stream.Signature(unsigned(config.data_bits))),
            "write": Out(config.vector_lanes),
            "write_entry": Out(range(ENTRIES)),
            "data": Out(unsigned(_BITS * config.vector_lanes)),
            "release": Out(1),
            "released": Out(range(strip_words(config) + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        config, step = self.config, self.steps.payload
        lanes, width = config.vector_lanes, config.data_bits // _BITS
        instruction = step.instruction
        job = self.job
        bits = max(config.size_bits, len(job.window)) + 2
        high = Signal(signed(bits), reset_less=True)  # limits of the row
        low = Signal(signed(bits), reset_less=True)
        windowed = job.window.any()
        grows = job.causal & (high != job.n)
        chunk = Signal(range(PARTIALS * lanes // width))
        row = Signal(range(max(2, lanes)))
        short = Mux(instruction.operand == Operand.X, self.job.x_type, self.job.y_type) == ElementType.BF16
        offset = Cat(Const(0, exact_log2(width)), chunk)
        behind = Signal(signed(len(step.elements) + 2))  # elements of the row from the chunk's first one on
        m.d.comb += behind.eq(step.elements - offset)
        last_word = behind <= width
        last_chunk = last_word
        if RecordFormat.of(config.a):
            left = Cat(offset[:5], Const(0, 1)) + width  # of a block, at the end of this chunk
            last_chunk = last_word & ((job.c_type != ElementType.RECORDS) | left[5])
        needs_word = behind > 0
        last_row = row == step.rows - 1

        first = Signal(signed(bits))
        above = Signal(signed(bits))  # from the chunk's first element to the limits
        below = Signal(signed(bits))
        m.d.comb += [
            first.eq(step.element + offset),
            above.eq(high - first),
            below.eq(low - first),
        ]
        word = self.words.payload
        half = word.word_select(chunk[0], config.data_bits // 2)
        spread = Cat(Cat(Const(0, 16), half.word_select(lane, 16)) for lane in range(width))
        elements = Mux(short, spread, word)
        m.d.comb += self.released.eq(claimed_words(config, step, self.plan, short))
        goes = Signal()
        m.d.sync += self.write.eq(Mux(goes, ((1 << width) - 1) << offset[: exact_log2(lanes)], 0))
        place_ = row_start(row, self.plan, entry_log2(config)) | (offset >> exact_log2(lanes))
        m.d.sync += self.write_entry.eq(entry_of(instruction.write, Mode.ELEMENTS, row, place_))
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += chunk.eq(0)
                m.d.sync += row.eq(0)
                m.d.sync += high.eq(job.k + Mux(job.causal, step.row, 0))
                with m.If(self.steps.valid):
                    m.next = "HIGH"
            with m.State("HIGH"):
                with m.If(high > job.n):
                    m.d.sync += high.eq(job.n)
                m.next = "LOW"
            with m.State("LOW"):
                m.d.sync += low.eq(Mux(windowed, high - job.window, 0))
                m.next = "ROWS"
            with m.State("ROWS"), m.If(self.words.valid | ~needs_word):
                m.d.comb += goes.eq(1)
                m.d.comb += self.words.ready.eq(needs_word & (~short | chunk[0] | last_word))
                m.d.sync += chunk.eq(Mux(last_chunk, 0, chunk + 1))
                with m.If(last_chunk):
                    m.d.sync += [
                        row.eq(row + 1),
                        high.eq(high + grows),
                        low.eq(low + (grows & windowed)),
                    ]
                with m.If(last_chunk & last_row):
                    m.next = "WRITTEN"
            with m.State("WRITTEN"):
                m.d.comb += self.steps.ready.eq(1)
                m.d.comb += self.release.eq(1)
                m.next = "IDLE"
        limited = []
        for lane in range(width):
            outside = instruction.limited & ((above <= lane) | (below > lane))
            limited.append(self._limited(elements.word_select(lane, _BITS), outside, behind > lane))
        m.d.sync += self.data.eq(Cat(limited * (lanes // width)))
        return m

    def _limited(self, element: Value, outside: Value, there: Value) -> Value:
        """An element; the least there is if it is outside the row's limits, 0 behind the row's end."""
        least = Mux(self.job.x_type == ElementType.INT32, _LEAST_INTEGER, _MINUS_INFINITY)
        return Mux(outside, least, element & there.replicate(_BITS))
