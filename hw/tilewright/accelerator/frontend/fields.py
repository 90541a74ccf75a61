"""The descriptor's fields: registers of its words, whole or as narrow as a configuration allows."""

from types import SimpleNamespace
from typing import Any, NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, RESULT, AcceleratorConfig
from tilewright.accelerator.registers import DESCRIPTOR, DESCRIPTOR_VERSION, FLAGS, flag_count

__all__ = ["DESCRIPTOR_SHAPE", "Source", "flags_of", "gather_narrow", "gather_whole", "over"]

DESCRIPTOR_SHAPE = data.StructLayout({
    field.name: signed(field.bits) if field.signed else unsigned(field.bits) for field in DESCRIPTOR
})
WORDS = DESCRIPTOR_BYTES // 4
_OFFSET = {field.name: field.offset for field in DESCRIPTOR}


class Source(NamedTuple):
    """Where the words come from: the ports of `DescriptorDecoder` of these names."""

    words: stream.Interface
    direct: Value
    direct_word: Value
    direct_data: Value


class Fields(SimpleNamespace):
    """A descriptor's fields by name, as attributes or items.

    Each has as many bits as are kept, and above them, if it has had more, one that says whether any of the others is 1.
    ``rotate`` has a signal for each size, stride and address: while it is 1, the kept bits move down by one in each
    cycle, the lowest to the highest place. It must be 0 while words arrive.
    """

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


def gather_whole(m: Module, config: AcceleratorConfig, source: Source) -> tuple[data.View, Value]:
    """Write the arriving words into a register; return its fields, and whether this is the last word."""
    raw = Signal(DESCRIPTOR_SHAPE, reset_less=True)
    lanes = config.data_bits // 32
    word = source.words.payload.data
    came = source.words.valid
    beats = DESCRIPTOR_BYTES // config.word_bytes
    beat = Signal(range(beats))
    with m.If(came):
        m.d.sync += beat.eq(beat + 1)
    place = Mux(source.direct, source.direct_word, Cat(Const(0, (lanes - 1).bit_length()), beat))
    written = Mux(source.direct, source.direct_data.replicate(lanes), word)
    for number in range(WORDS):
        lane = number % lanes
        here = (place >> (lanes - 1).bit_length()) == number // lanes
        direct = source.direct & ((source.direct_word & (lanes - 1)) == lane)
        with m.If(here & (came | direct)):
            m.d.sync += raw.as_value().word_select(number, 32).eq(written.word_select(lane, 32))
    return raw, came & (beat == beats - 1) | source.direct & (source.direct_word == WORDS - 1)


def gather_narrow(m: Module, config: AcceleratorConfig, source: Source) -> tuple[Fields, Value]:
    """Write the arriving words into narrow registers; return the fields, and whether this is the last word.

    The bus is 32 bits wide. A flag for each word says that one of the dropped bits is 1.
    """
    came = source.words.valid
    beat = Signal(range(WORDS))
    with m.If(came):
        m.d.sync += beat.eq(beat + 1)
    place = Mux(source.direct, source.direct_word, beat)
    word = Signal(32)
    m.d.comb += word.eq(Mux(source.direct, source.direct_data, source.words.payload.data))
    writes = came | source.direct

    # By word of the descriptor: how many of its lowest bits are kept. Flags and the last word are special.
    address, stride, size = config.addr_bits, config.stride_bits, config.size_bits
    kept = {_OFFSET[name] // 4: size for name in "mnk"}
    for name in ("a", "b", "c", "parameter"):
        kept[_OFFSET[f"{name}_address"] // 4] = min(address, 32)
        kept[_OFFSET[f"{name}_address"] // 4 + 1] = max(address - 32, 0)
    kept |= {_OFFSET[f"{name}_stride"] // 4: stride for name in "abc"}
    values: dict[int, Value] = {}
    excess = Signal(WORDS, reset_less=True)
    for number in range(WORDS):
        with m.If(writes & (place == number)):
            if number in kept:
                if kept[number]:
                    values[number] = Signal(kept[number], name=f"word_{number}", reset_less=True)
                    m.d.sync += values[number].eq(word)
                m.d.sync += excess[number].eq(word[kept[number] :].any())
            elif number == 0:
                values[0] = Signal(flag_count(config), name="flags", reset_less=True)
                known = Signal(reset_less=True)
                m.d.sync += values[0].eq(word[16:])
                m.d.sync += known.eq(word[:8] == DESCRIPTOR_VERSION)
                m.d.sync += excess[0].eq(word[8:16].any() | word[16 + flag_count(config) :].any())
            else:
                values[number] = Signal(24, name=f"word_{number}", reset_less=True)
                m.d.sync += values[number].eq(word)
                m.d.sync += excess[number].eq(word[24:].any())

    fields: dict[str, Any] = {}
    rotate = {}
    for name in (name for name in _OFFSET if name in "mnk" or name.endswith(("_stride", "_address"))):
        low = _OFFSET[name] // 4
        words = [low, low + 1] if name.endswith("address") else [low]
        value = Cat(values[number] for number in words if number in values)
        fields[name] = Cat(value, Cat(excess[number] for number in words).any())
        rotate[name] = Signal(name=f"rotate_{name}")
        with m.If(rotate[name]):
            m.d.sync += value.eq(Cat(value[1:], value[0]))
    clamps = values[WORDS - 1]
    fields |= {
        name: clamps.word_select(n, RESULT.bits).as_signed()
        for n, name in enumerate(("zero_point", "minimum", "maximum"))
    }
    fields |= {"flags": Cat(values[0], excess[0]), "b_format": Const(0, 1), "reserved_2": excess[WORDS - 1]}
    fields["version"] = Mux(known, DESCRIPTOR_VERSION, 0)
    fields["rotate"] = rotate
    return Fields(**fields), writes & (place == WORDS - 1)


def over(size: Value, limit: int) -> Value:
    """Whether a size is 0 or above a limit, a power of two or one less."""
    if limit & limit + 1 == 0:
        return size[limit.bit_length() :].any() | ~size.any()
    power = limit.bit_length() - 1
    return size[power + 1 :].any() | (size[power] == size[:power].any())


def flags_of(raw) -> dict[str, Value]:
    """The flags of a descriptor by name."""
    return {name: raw.flags[bit] for name, (bit, _) in FLAGS.items() if bit < len(raw.flags)}
