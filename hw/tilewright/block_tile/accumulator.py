"""The accumulator of a column: adds terms of different exponents to the sum of the blocks before."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.arithmetic import ChoosingAdder
from tilewright.base import SharedComponent, place
from tilewright.formats import ACCUMULATOR_BITS, EXPONENT_STEP

from .config import BlockTileConfig
from .terms import terms_shape

__all__ = ["BlockAccumulator", "peak_shape"]

DISTANCE_BITS = 4
"""Of a distance of exponents in their units; a larger one counts as the largest."""
_STEP = exact_log2(EXPONENT_STEP)
_FINE = 2  # bits of a distance that are left after the first stage
_NO = Const(0, 1)


def peak_shape(config: BlockTileConfig) -> data.StructLayout:
    """The largest exponent of the terms so far; `invalid` if one of their scales was not a finite number."""
    return data.StructLayout({"exponent": config.exponent_shape, "invalid": 1})


class BlockAccumulator(SharedComponent):
    """Add the terms of a block to the accumulator of one element of C.

    As `tilewright_sim.models.block_gemm` defines it. The exponents run ahead of the integers; both have a memory, read
    and written for all columns by `BlockSums`. Throughput is a block a cycle; nothing is reset::

        cycle      0           1            2           3           4         5          6
        peak       old ─► max ─│new│──► distances ─│ │
        terms                               ───────│ │─► by 16 ─│ │─► by 4s ─│ │─► + ─│ │
        value                                                    old ─► by 16 │ │ by 4s │ │─► + ─│new│

    Parameters
    ----------
    config : BlockTileConfig

    Members
    -------
    first : In(1)
        The block is the first of its sum, with the exponents of its terms; the old peak and value do not count.
    terms : In(terms_shape(config))
        The terms of the block: exponents and `invalid` in cycle 0, integers in cycle 1.
    old_peak : In(peak_shape(config))
        The peak after the block before, in cycle 0.
    new_peak : Out(peak_shape(config))
        The peak after this block, in cycle 1.
    old_value : In(signed(ACCUMULATOR_BITS))
        The value after the block before, in cycle 3.
    new_value : Out(signed(ACCUMULATOR_BITS))
        The value after this block, in cycle 6.
    """

    def __init__(self, config: BlockTileConfig):
        self.config = config
        super().__init__({
            "first": In(1),
            "terms": In(terms_shape(config)),
            "old_peak": In(peak_shape(config)),
            "new_peak": Out(peak_shape(config)),
            "old_value": In(signed(ACCUMULATOR_BITS)),
            "new_value": Out(signed(ACCUMULATOR_BITS)),
        })

    def elaborate(self, platform):
        m = Module()
        first, old, new = self.first, self.old_peak, self.new_peak
        exponents = [term.exponent for term in self.terms.terms]
        largest = exponents[0] if len(exponents) == 1 else Mux(exponents[0] < exponents[1], exponents[1], exponents[0])
        peak = Signal(peak_shape(self.config), reset_less=True)
        keeps = Signal()
        m.d.comb += keeps.eq(~first & (old.exponent > largest))
        m.d.sync += peak.exponent.eq(Mux(keeps, old.exponent, largest))
        m.d.sync += peak.invalid.eq(self.terms.invalid | (old.invalid & ~first))
        m.d.comb += new.eq(peak)

        late_old = Signal.like(old.exponent, name="late_old", reset_less=True)
        late_first = Signal(3, reset_less=True)
        m.d.sync += late_old.eq(old.exponent)
        m.d.sync += late_first.eq(Cat(first, late_first))
        value_distance = self._distance(m, "value", peak.exponent, late_old, late_first[0])
        moved = []
        for number, (term, exponent) in enumerate(zip(self.terms.terms, exponents, strict=True)):
            late = Signal.like(exponent, name=f"late_exponent_{number}", reset_less=True)
            integer = Signal.like(term.integer, name=f"late_integer_{number}", reset_less=True)
            m.d.sync += late.eq(exponent)
            m.d.sync += integer.eq(term.integer)
            distance = self._distance(m, f"term_{number}", peak.exponent, late)
            moved.append(self._shift(m, f"term_{number}", self._aligned(integer), distance))
        value_late = Signal.like(value_distance, name="value_distance_late", reset_less=True)
        m.d.sync += value_late.eq(value_distance)
        kept = self._shift(m, "value", self.old_value, value_late, none=late_first[2])
        self._add(m, platform, kept, moved)
        return m

    def _aligned(self, integer: Value) -> Value:
        """The term from the accumulator's lowest bit on, and one bit below that, for rounding."""
        left = self.config.left_bits + 1
        return integer << left if left >= 0 else integer >> -left

    def _distance(self, m: Module, name: str, peak: Value, exponent: Value, none: Value = _NO) -> Signal:
        """How far an exponent is below the peak, in the next cycle.

        With `none` there is no exponent, and the distance is not that of what the memory held: it may be unknown.
        """
        distance = Signal(DISTANCE_BITS, name=f"{name}_distance", reset_less=True)
        exact = Signal(unsigned(len(peak) + 1), name=f"{name}_exact")
        m.d.comb += exact.eq(peak - exponent)
        m.d.sync += distance.eq(Mux(none | exact[DISTANCE_BITS:].any(), -1, exact[:DISTANCE_BITS]))
        return distance

    def _shift(self, m: Module, name: str, value: Value, distance: Signal, none: Value = _NO) -> tuple[Value, Value]:
        """The value shifted right, with copies of its sign, 2 cycles later, but for the last step of 1; and this step.

        With `none`, the value is 0.
        """
        coarse = Signal(signed(len(value)), name=f"{name}_coarse", reset_less=True)
        left = Signal(_FINE, name=f"{name}_left", reset_less=True)
        m.d.sync += coarse.eq(value.as_signed() >> Cat(Const(0, _STEP + _FINE), distance[_FINE:]))
        with m.If(none):
            m.d.sync += coarse.eq(0)
        m.d.sync += left.eq(distance[:_FINE])
        fine = Signal(signed(len(value)), name=f"{name}_fine", reset_less=True)
        step = Signal(name=f"{name}_step", reset_less=True)
        m.d.sync += fine.eq(coarse >> Cat(Const(0, _STEP + 1), left[1]))
        m.d.sync += step.eq(left[0])
        return fine, step

    def _add(self, m: Module, platform, kept: tuple[Value, Value], moved: list[tuple[Value, Value]]):
        """Add the terms, each with its rounding bit, and then the value; an adder takes one such bit as its carry.

        The last step of a shift is in the adder, where it takes no logic of its own, but for the first term.
        """
        (fine, step), *others = moved
        first = Signal.like(fine, name="first_term")
        m.d.comb += first.eq(Mux(step, fine >> EXPONENT_STEP, fine))
        wide = first[1:].as_signed()
        # Sums are modulo the range of the value, which a term may exceed.
        total = Signal(signed(min(len(fine), len(self.new_value))), name="total", reset_less=True)
        rounding = Signal(reset_less=True)
        if others:
            ((fine, step),) = others
            m.d.sync += total.eq(
                self._sum(m, "add_terms", platform, wide, fine[1:].as_signed(), step, first[0], len(total))
            )
            m.d.sync += rounding.eq(Mux(step, fine[EXPONENT_STEP], fine[0]))
        else:
            m.d.sync += total.eq(wide)
            m.d.sync += rounding.eq(first[0])
        value = Signal.like(self.new_value, name="value", reset_less=True)
        m.d.sync += value.eq(self._sum(m, "add_value", platform, total, *kept, rounding, len(value)))
        m.d.comb += self.new_value.eq(value)

    def _sum(self, m: Module, name: str, platform, a: Value, b: Value, step: Value, carry: Value, bits: int) -> Value:
        """``a + (b >> EXPONENT_STEP * step) + carry``."""
        adder = place(m, name, ChoosingAdder(bits + 1), platform)
        m.d.comb += [
            adder.a.eq(Cat(1, a).as_signed()),
            adder.c.eq(Cat(carry, b).as_signed()),
            adder.d.eq(Cat(carry, b >> EXPONENT_STEP).as_signed()),
            adder.second.eq(step),
        ]
        return adder.total[1:].as_signed()
