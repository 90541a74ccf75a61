"""Biases, multipliers, shifts and old C, from the bus to the lanes of the epilogue."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import ADDEND_BITS, SHIFT_BITS, AcceleratorConfig
from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory, WordCode

__all__ = ["ParameterBuffer"]

MULTIPLIER_BITS = 31
FOUND = ("addends", "scales")
# Fewer rows, and Yosys takes LUTs.
MIN_ROWS = 32


class ParameterBuffer(SharedComponent):
    """Keep the operands of two tiles besides their sums: of the one being stored, and of the next.

    Words fill groups of `requant_lanes` values; a row of a request starts a new one. Parameters come in three rows,
    of which each has its memory; rows of old C follow each other where the biases would be. A group fetched in cycle
    t is there in t + 2::

        words ──┬──► │addends: biases or old C, 2 tiles│ ──► addends
                ├──► │multipliers, 2 N-tiles│ ──► multipliers
                └──► │shifts, 2 N-tiles│ ──► shifts

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    parameter_words, c_words : In(stream.Signature(config.dma.word_shape, always_ready=True))
        The words of a tile's request, all of one kind.
    bank : In(1)
        Of the tile that the words are for; not that which is read.
    arrived : Out(1)
        The last word of a request comes.
    fetch : In(1)
        Read the group `row`. No group may be read in the cycle in which it is written.
    row : In(range(2 * acc_rows * cols // requant_lanes))
        Which group of the tile, the bank its uppermost bit. Multipliers and shifts take its lowest bits.
    addends, multipliers, shifts : Out(unsigned)
        The operands of the group, lane 0 lowest: 32, 31 and 6 bits a lane. They come 2 cycles after `fetch` and stay
        until 2 cycles after the next one; with `ecc`, 3.
    addends_corrected, addends_corrupt, scales_corrected, scales_corrupt : Out(unsigned(parts))
        What was found in the addends of each bus word of the group, and in their multipliers or shifts; only with
        `ecc`. Valid with them.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        self.groups = config.tile.cols // config.requant_lanes
        lanes = config.requant_lanes
        self.parts = lanes * ADDEND_BITS // config.data_bits
        found = {f"{name}_{what}": Out(self.parts) for name in FOUND for what in ("corrected", "corrupt")}
        super().__init__({
            **(found if config.ecc else {}),
            "parameter_words": In(stream.Signature(config.dma.word_shape, always_ready=True)),
            "c_words": In(stream.Signature(config.dma.word_shape, always_ready=True)),
            "bank": In(1),
            "arrived": Out(1),
            "fetch": In(1),
            "row": In(range(2 * config.acc_rows * self.groups)),
            "addends": Out(unsigned(lanes * ADDEND_BITS)),
            "multipliers": Out(unsigned(lanes * MULTIPLIER_BITS)),
            "shifts": Out(unsigned(lanes * SHIFT_BITS)),
        })

    def elaborate(self, platform):
        m = Module()
        config, groups = self.config, self.groups
        channels = config.data_bits // ADDEND_BITS
        parts = self.parts
        is_c = self.c_words.valid
        word = Mux(is_c, self.c_words.payload.as_value(), self.parameter_words.payload.as_value())
        valid = Signal()
        taken = Signal(config.dma.word_shape, reset_less=True)
        c_taken = Signal(reset_less=True)
        m.d.sync += valid.eq(is_c | self.parameter_words.valid)
        m.d.sync += taken.as_value().eq(word)
        m.d.sync += c_taken.eq(is_c)
        m.d.comb += self.arrived.eq(valid & taken.last)

        kind = Signal(range(3))  # of parameters: the row
        part = Signal(range(max(2, parts)))
        group = Signal(range(config.acc_rows * groups))
        with m.If(valid):
            m.d.sync += part.eq(Mux(taken.row_last | (part == parts - 1), 0, part + 1))
            with m.If(taken.last | (taken.row_last & ~c_taken)):
                m.d.sync += group.eq(0)
            with m.Elif(taken.row_last | (part == parts - 1)):
                m.d.sync += group.eq(group + 1)
            with m.If(taken.last):
                m.d.sync += kind.eq(0)
            with m.Elif(taken.row_last & ~c_taken):
                m.d.sync += kind.eq(kind + 1)

        fetched = Signal()
        m.d.sync += fetched.eq(self.fetch)
        log2 = (groups - 1).bit_length()
        few = max(MIN_ROWS, 2 * groups)
        found: dict[str, tuple[Value, Value]] = {}
        # A row of a small memory: the group within an N-tile, and the bank.
        small_write, small_read = Cat(group[:log2], self.bank), Cat(self.row[:log2], self.row[-1])
        for number, (name, bits, rows) in enumerate((
            ("addends", ADDEND_BITS, 2 * config.acc_rows * groups),
            ("multipliers", MULTIPLIER_BITS, few),
            ("shifts", SHIFT_BITS, few),
        )):
            values = Cat(taken.data.word_select(channel, ADDEND_BITS)[:bits] for channel in range(channels))
            code = WordCode(channels * bits, bits * min(channels, 64 // bits)) if config.ecc else None
            stored = code.encode(m, f"{name}_checks", values, platform) if code else values
            read = []
            for index in range(parts):
                memory = place(m, f"{name}_{index}", BlockMemory(len(stored), rows), platform)
                m.d.comb += [
                    memory.write.eq(valid & (kind == number) & (part == index)),
                    memory.write_row.eq(small_write if number else Cat(group, self.bank)),
                    memory.data.eq(stored),
                    memory.fetch.eq(self.fetch),
                    memory.read_row.eq(small_read if number else self.row),
                    memory.take.eq(fetched),
                ]
                read.append(self._check(m, f"{name}_{index}", code, memory.q, found, platform) if code else memory.q)
            m.d.comb += getattr(self, name).eq(Cat(read))
        for part in range(parts) if config.ecc else ():
            for place_in_pair, what in enumerate(("corrected", "corrupt")):
                scales = [found[f"{name}_{part}"][place_in_pair] for name in ("multipliers", "shifts")]
                m.d.comb += getattr(self, f"addends_{what}")[part].eq(found[f"addends_{part}"][place_in_pair])
                m.d.comb += getattr(self, f"scales_{what}")[part].eq(scales[0] | scales[1])
        return m

    def _check(
        self, m: Module, name: str, code: WordCode, stored: Value, found: dict[str, tuple[Value, Value]], platform
    ) -> Value:
        """The word that was read, corrected, a cycle later; what was found in it goes to its outputs."""
        word = Signal(code.bits, reset_less=True, name=f"{name}_word")
        syndrome = Signal(code.check_bits, reset_less=True, name=f"{name}_syndrome")
        m.d.sync += word.eq(stored[: code.bits])
        m.d.sync += syndrome.eq(code.syndrome(m, f"{name}_check", stored, platform))
        right, corrected, corrupt = code.correct(m, f"{name}_correction", word, syndrome, platform)
        found[name] = corrected, corrupt
        return right
