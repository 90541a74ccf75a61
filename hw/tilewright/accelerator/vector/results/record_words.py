"""Makes words of rows of records."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import connect, flipped
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import SharedComponent, place
from tilewright.storage import SmallFifo, delayed

from ..entries import entry_of, row_start
from ..program.instructions import Mode
from ..shapes import entry_log2, strip_elements
from .record_format import RecordFormat
from .record_packer import RecordPacker
from .words import READ_CYCLES, words_members

__all__ = ["RecordWords"]

_BITS = 32
_QUEUE = 16  # words; no more are begun than fit with those that are between the registers and the queue
_BLOCK = 32


class RecordWords(SharedComponent):
    """Read the rows of a register as records: for each block its scale, then its codes.

    ::

        │registers│─┬─► scale ──┬─► RecordPacker ─► │queue│ ─► words
                    └─► codes ──┘

    A block takes a cycle for its scale, and one for each ``data_bits / 32`` codes; a row, one more. Codes are the
    lowest 8 bits of the instruction's first register. Its second has the block's scale, a float32, in each element.

    Parameters
    ----------
    config : AcceleratorConfig
        Its A has a `RecordFormat`.

    Members
    -------
    start, job, plan, step : In
        The instruction and its job, as in `FloatWords`.
    elements : In
        The elements of an entry, as in `FloatWords`.
    entry, words, done : Out
        What is read and made, as in `FloatWords`.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__(words_members(config))

    def elaborate(self, platform):
        m = Module()
        config, step = self.config, self.step
        record = RecordFormat.of(config.a)
        assert record
        width = config.data_bits // _BITS
        blocks = Signal(range(strip_elements(config) // _BLOCK + 1))
        m.d.comb += blocks.eq((step.elements + (_BLOCK - 1)) >> exact_log2(_BLOCK))
        block = Signal.like(blocks)
        chunk = Signal(range(_BLOCK // width))
        current = Signal(range(max(2, config.vector_lanes)))
        last_block = Signal()
        m.d.comb += last_block.eq(block == blocks - 1)
        scale = Signal()
        codes = Signal()
        row_ends = Signal()
        stored = Signal(range(_QUEUE + 1))
        room = stored < _QUEUE // 2
        drain = Signal(range(READ_CYCLES + 1))
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += block.eq(0)
                m.d.sync += current.eq(0)
                with m.If(self.start):
                    m.next = "SCALE"
            with m.State("SCALE"):
                m.d.sync += chunk.eq(0)
                with m.If(room):
                    m.d.comb += scale.eq(1)
                    m.next = "CODES"
            with m.State("CODES"):
                m.d.sync += drain.eq(READ_CYCLES)
                with m.If(room):
                    m.d.comb += codes.eq(1)
                    m.d.sync += chunk.eq(chunk + 1)
                    with m.If(chunk == _BLOCK // width - 1):
                        m.d.comb += row_ends.eq(last_block)
                        m.d.sync += block.eq(Mux(last_block, 0, block + 1))
                        m.next = "SCALE"
                        with m.If(last_block):
                            m.next = "ROW"
            with m.State("ROW"):  # the packer may have a second word
                m.d.sync += current.eq(current + 1)
                m.next = "SCALE"
                with m.If(current == step.last_row):
                    m.next = "READ"
            with m.State("READ"):
                m.d.sync += drain.eq(drain - 1)
                with m.If(drain == 0):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
        offset = Cat(Const(0, exact_log2(width)), Mux(scale, 0, chunk), block)
        in_row = row_start(current, self.plan, entry_log2(config)) | (offset >> exact_log2(config.vector_lanes))
        register = Mux(scale, step.instruction.second, step.instruction.first)
        m.d.sync += self.entry.eq(entry_of(register, Mode.ELEMENTS, current, in_row))
        packed = self._pack(m, record, offset, scale, codes, row_ends, platform)
        m.d.sync += stored.eq(stored + packed - (self.words.valid & self.words.ready))
        return m

    def _pack(self, m: Module, record: RecordFormat, offset: Value, scale, codes, row_ends, platform) -> Value:
        """Make bytes of what was read, and words of these; return whether there is one."""
        config = self.config
        lanes, width = config.vector_lanes, config.data_bits // _BITS
        part = offset[exact_log2(width) : exact_log2(lanes)]
        coming = Signal(3 * READ_CYCLES)
        m.d.sync += coming.eq(Cat(scale, codes, row_ends, coming))
        has_scale, has_codes, last = coming[-3:]
        late = delayed(m, "part_line", part, READ_CYCLES, platform) if len(part) else Const(0, 1)
        chunk = self.elements.word_select(late, config.data_bits) if len(part) else self.elements
        low = Cat(chunk.word_select(lane, _BITS)[:8] for lane in range(width))
        scale_bytes = record.form.scale.bytes
        packer = place(m, "packer", RecordPacker(max(scale_bytes, width), config.word_bytes), platform)
        m.d.comb += [
            packer.valid.eq(has_scale | has_codes),
            packer.data.eq(Mux(has_scale, _scale_code(self.elements[:_BITS], record), low)),
            packer.count.eq(Mux(has_scale, scale_bytes, width)),
            packer.row_last.eq(last),
        ]
        queue = place(m, "queue", SmallFifo(config.data_bits, _QUEUE), platform)
        m.d.comb += [
            queue.i.valid.eq(packer.word_valid),
            queue.i.payload.eq(packer.word),
        ]
        connect(m, queue.o, flipped(self.words))
        return packer.word_valid


def _scale_code(bits: Value, record: RecordFormat) -> Value:
    """The code of a scale, from the float32 that is exactly the same; all ones, but for a sign, if it is NaN."""
    scale = record.form.scale
    field, fraction = bits[23:31], bits[23 - scale.mantissa_bits : 23]
    rebias = 127 - scale.bias
    digits = Cat(fraction, Const(1, 1))
    subnormal = digits >> (rebias + 1 - field)[:4]
    normal = Cat(fraction, (field - rebias)[: scale.exponent_bits])
    code = Mux(field > rebias, normal, subnormal)[: scale.exponent_bits + scale.mantissa_bits]
    return Mux(field.all(), (1 << len(code)) - 1, code)
