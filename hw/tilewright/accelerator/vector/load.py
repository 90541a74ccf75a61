"""Does the LOAD instructions: words of the bus into a vector register."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig, ElementType, vector_job_shape
from tilewright.base import SharedComponent, registered

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
        LOAD instructions; accepted in the cycle before the last write.
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
        high = Signal(signed(bits), reset_less=True)  # the row's upper limit
        span = Signal(bits, reset_less=True)  # from the lower limit to the upper one of the row's element 0
        windowed = Signal(reset_less=True)
        grows = Signal(reset_less=True)  # the next row's limit is another one
        m.d.sync += windowed.eq(job.window.any())
        m.d.sync += span.eq(job.window + step.element)
        chunk = Signal(range(PARTIALS * lanes // width))
        row = Signal(range(max(2, lanes)))
        short = Mux(instruction.operand == Operand.X, self.job.x_type, self.job.y_type) == ElementType.BF16
        offset = Cat(Const(0, exact_log2(width)), chunk)
        # From the chunk's first element to the row's end and to its limits, and to the latter from the row's first one:
        # registers, as sums one behind the other would be too slow. So is what is compared with the chunk's width.
        behind = Signal(signed(len(step.elements) + 2), reset_less=True)
        above, above_first, below, below_first = (
            Signal(signed(bits), name=name, reset_less=True)
            for name in ("above", "above_first", "below", "below_first")
        )
        last_word = Signal(reset_less=True)  # behind <= width
        needs_word = Signal(reset_less=True)  # behind > 0
        last_chunk = last_word & self._ends_block(offset)

        def begin_row(above_row: Value, below_row: Value) -> list:
            return [
                behind.eq(step.elements),
                last_word.eq(step.elements <= width),
                needs_word.eq(1),
                above.eq(above_row),
                above_first.eq(above_row),
                below.eq(below_row),
                below_first.eq(below_row),
            ]

        m.d.sync += self.released.eq(claimed_words(config, step, self.plan, short))
        goes = Signal()
        self._address(m, goes, row, offset)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += chunk.eq(0)
                m.d.sync += row.eq(0)
                m.d.sync += high.eq(job.k + Mux(job.causal, step.row, 0))
                with m.If(self.steps.valid):
                    m.next = "HIGH"
            with m.State("HIGH"):
                within = high < job.n
                with m.If(~within):
                    m.d.sync += high.eq(job.n)
                m.d.sync += grows.eq(job.causal & within)
                m.next = "LOW"
            with m.State("LOW"):
                m.d.sync += begin_row(high - step.element, Mux(windowed, high, 0) - span)
                m.next = "ROWS"
            with m.State("ROWS"), m.If(self.words.valid | ~needs_word):
                m.d.comb += goes.eq(1)
                m.d.comb += self.words.ready.eq(needs_word & (~short | chunk[0] | last_word))
                m.d.sync += chunk.eq(Mux(last_chunk, 0, chunk + 1))
                m.d.sync += [
                    behind.eq(behind - width),
                    last_word.eq(behind <= 2 * width),
                    needs_word.eq(~last_word),
                    above.eq(above - width),
                    below.eq(below - width),
                ]
                with m.If(last_chunk):
                    m.d.sync += [
                        row.eq(row + 1),
                        high.eq(high + 1),
                        grows.eq(grows & (high + 1 != job.n)),
                    ]
                    m.d.sync += begin_row(above_first + grows, below_first + (grows & windowed))
                with m.If(last_chunk & (row == step.last_row)):
                    m.next = "WRITTEN"
            with m.State("WRITTEN"):
                m.d.comb += self.steps.ready.eq(1)
                m.d.comb += self.release.eq(1)
                m.next = "IDLE"
        elements = registered(m, "elements", self._elements(chunk, short))
        limited = []
        for lane in range(width):
            outside = registered(m, f"outside_{lane}", instruction.limited & ((above <= lane) | (below > lane)))
            there = registered(m, f"there_{lane}", behind > lane)
            limited.append(self._limited(elements.word_select(lane, _BITS), outside, there))
        m.d.sync += self.data.eq(Cat(limited * (lanes // width)))
        return m

    def _ends_block(self, offset: Value) -> Value:
        """Whether a chunk may be the last of a row: of records there must be whole blocks."""
        if not RecordFormat.of(self.config.a):
            return Const(1, 1)
        ends = (Cat(offset[:5], Const(0, 1)) + self.config.data_bits // _BITS)[5]
        return (self.job.c_type != ElementType.RECORDS) | ends

    def _address(self, m: Module, goes: Value, row: Value, offset: Value) -> None:
        """Say 2 cycles later which lanes of which entry a chunk is for."""
        lanes_log2 = exact_log2(self.config.vector_lanes)
        chunk = (1 << self.config.data_bits // _BITS) - 1
        write = Signal.like(self.write)
        m.d.sync += write.eq(Mux(goes, chunk << offset[:lanes_log2], 0))
        m.d.sync += self.write.eq(write)
        place_ = row_start(row, self.plan, entry_log2(self.config)) | (offset >> lanes_log2)
        entry = entry_of(self.steps.payload.instruction.write, Mode.ELEMENTS, row, place_)
        m.d.sync += self.write_entry.eq(registered(m, "entry", entry))

    def _elements(self, chunk: Value, short: Value) -> Value:
        """The elements of a chunk as float32 or int32; bf16 has twice as many in a word."""
        word, bits = self.words.payload, self.config.data_bits
        half = word.word_select(chunk[0], bits // 2)
        return Mux(short, Cat(Cat(Const(0, 16), half.word_select(lane, 16)) for lane in range(bits // _BITS)), word)

    def _limited(self, element: Value, outside: Value, there: Value) -> Value:
        """An element; the least there is if it is outside the row's limits, 0 behind the row's end."""
        least = Mux(self.job.x_type == ElementType.INT32, _LEAST_INTEGER, _MINUS_INFINITY)
        return Mux(outside, least, element & there.replicate(_BITS))
