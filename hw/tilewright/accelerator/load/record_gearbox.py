"""Gather bus words into blocks of a block format."""

from math import gcd

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, arriving_shape, loaded_shape
from tilewright.base import SharedComponent
from tilewright.block_tile import block_word
from tilewright.formats import BlockFormat

__all__ = ["RecordGearbox"]


class RecordGearbox(SharedComponent):
    """Cut a row of bus words into its records, and hand each out as a block of the tile.

    A row begins with the first byte of a bus word and has whole records; what follows them in its last word is ignored.
    A bus word ends one record at most. Latency is 1 cycle from it, throughput 1 bus word per cycle::

        i ─┬─────────────► ┌───────┐  a bus word of the record  │ │ ─┐
           └─│previous│──► │ shift │ ──────────────────────────►│ │  ├─► codes, scale, minimum ─► o
                           │       │ ──────────────────────────►│ │ ─┘
                           └───────┘  the end of the record

    Parameters
    ----------
    config : AcceleratorConfig
    form : BlockFormat
        With one block in a record, which is longer than a bus word.

    Members
    -------
    i : In(stream.Signature(arriving_shape(config), always_ready=True))
        Bus words of a row, in order. One may come in every cycle, and the next row without a gap.
    o : Out(stream.Signature(loaded_shape(block_word(form, form.block).size), always_ready=True))
        Blocks as `block_word`, with the flags of the bus word that ends their record. For one cycle each.
    """

    def __init__(self, config: AcceleratorConfig, form: BlockFormat):
        assert form.blocks == 1, f"{form.name}: a record has {form.blocks} blocks"
        assert form.record_bytes > config.data_bits // 8, f"{form.name}: a record fits in a bus word"
        self.config = config
        self.form = form
        super().__init__({
            "i": In(stream.Signature(arriving_shape(config), always_ready=True)),
            "o": Out(stream.Signature(loaded_shape(block_word(form, form.block).size), always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        word, o = self.i.payload, self.o.payload
        bits, record_bits = self.config.data_bits, 8 * self.form.record_bytes
        parts = -(-record_bits // bits)
        end_bits = record_bits - (parts - 1) * bits  # of the last part, the others are as long as a bus word
        unit = gcd(bits, record_bits)  # each record begins at a multiple of it
        start = Signal(range(bits // unit))  # the record's, in its first bus word
        words = Signal(range(parts + 1))  # that have come of the record, with that one

        can_be_late = end_bits > unit
        late = start > (bits - end_bits) // unit  # the end extends into a further bus word
        ends = self.i.valid & (words == (Mux(late, parts, parts - 1) if can_be_late else parts - 1))
        next_start = Mux(word.row_last, 0, start + end_bits // unit)[: len(start)]
        with m.If(ends):
            m.d.sync += [
                start.eq(next_start),
                words.eq(next_start != 0),
            ]
        with m.Elif(self.i.valid):
            m.d.sync += words.eq(words + 1)

        previous = Signal(bits, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += previous.eq(word.data)
        window = _shifted(Cat(previous, word.data), start, unit, bits + end_bits)
        record = []
        for number in range(parts - 1):
            part = Signal(bits, name=f"part_{number}", reset_less=True)
            with m.If(self.i.valid & (words == number + 1)):
                m.d.sync += part.eq(window[:bits])
            record.append(part)
        end = Signal(end_bits, reset_less=True)
        at_end = window[bits:]
        if can_be_late:
            at_end = Mux(late, window[:end_bits], at_end)
        m.d.sync += end.eq(at_end)

        flags = Signal(4, reset_less=True)
        m.d.sync += [
            self.o.valid.eq(ends),
            flags.eq(Cat(word.row_last, word.last, word.block_last, word.long)),
        ]
        m.d.comb += [
            o.data.eq(self._block(Cat(record, end))),
            Cat(o.row_last, o.last, o.block_last, o.long).eq(flags),
        ]
        return m

    def _block(self, record: Value) -> Value:
        scale = self.form.scale
        headers = [record.word_select(number, 8 * scale.bytes)[: scale.bits] for number in range(1 + self.form.minimum)]
        return Cat(self.form.codes(record), headers)


def _shifted(value: Value, units: Value, unit: int, bits: int) -> Value:
    """So many bits of a value from a multiple of a unit on, found by powers of two, the largest first.

    The value is long enough, or what is beyond its end is undefined.
    """
    value = Cat(value, Const(0, bits))
    for place in reversed(range(len(units))):
        wanted = bits + unit * ((1 << place) - 1)
        value = Mux(units[place], value[unit << place :], value)[:wanted]
    return value[:bits]
