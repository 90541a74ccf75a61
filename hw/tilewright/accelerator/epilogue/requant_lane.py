"""One lane of the epilogue: a sum and its addend, raw or requantized."""

from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import MAGNITUDE, SHIFT_BITS
from tilewright.arithmetic import CarryAdder, FlipAdder, RegisteredProduct
from tilewright.base import SharedComponent, place, registered
from tilewright.storage import delayed

from .rounding import right_shift, wrap_bits

__all__ = ["RequantLane"]

LOW = 17
"""Bits of the lower parts of both factors: with a sign they fill an input of a `RegisteredProduct`."""


class RequantLane(SharedComponent):
    """Add, then scale by ``multiplier * 2**(shift - 31)`` and round; nothing stalls.

    The total ``sum + addend`` wraps as an int32. `scaled` is rounded as `tilewright_sim.models.requantize` does it,
    and saturated so far that adding any zero point and clamping to any bounds in int8 gives the right result.
    Throughput is 1 per cycle; the total comes 1 cycle after its sum, the scaled value `latency` cycles::

        sum ────┐
        addend ─┴─►(+)─│total│─► sign ─│ │─► wrap ─► 4 RegisteredProduct ──┐
                              ┌────────────────────────────────────────────┘
                              └─► (+) ─│ │─► (+) ─│ │─► shift ─│ │─► shift ─│o│─►

    The product P is shifted right by ``s = 31 - shift`` in one go. Its bits are inverted if it is negative, so that
    both signs round alike: up if the bit below the result is 1 (`single`, or s < 32), or if all bits from there
    down to bit 30 but the first are 1, as the first rounding then carries into it.

    Parameters
    ----------
    rounding : str
        ``both``, ``single`` or ``double``, as in `AcceleratorConfig`.
    flips : bool
        Bits of the sum can be flipped.

    Members
    -------
    flip_positions, flip_groups : In(32)
        Where both are 1, the bit of the sum is wrong; only with `flips`.
    sum, addend : In(signed(32))
        The int32 sum and what is added to it. All five inputs of a sum come in the same cycle, and one sum in each
        cycle.
    add : In(1)
        Add the addend; otherwise zero.
    multiplier : In(unsigned(31))
        The multiplier, in units of ``2**-31``.
    shift : In(unsigned(SHIFT_BITS))
        The lowest bits of a shift of -31 to 30.
    double : In(1)
        Round twice; ignored unless `rounding` is ``both``. It comes with the sum.
    total : Out(signed(32))
        ``sum + addend``, 1 cycle later.
    negative : Out(1)
        The product is negative. With the next two, `latency` cycles after the sum.
    magnitude : Out(unsigned(8))
        What is added to the zero point, or subtracted as its complement if `negative`; saturated.
    carry : Out(1)
        Another 1 is added: the rounding, and what the complement lacks to a negation.
    """

    def __init__(self, rounding: str = "single", flips: bool = False):
        self.rounding = rounding
        self.flips = flips
        flip_ports = {"flip_positions": In(32), "flip_groups": In(32)} if flips else {}
        super().__init__({
            **flip_ports,
            "sum": In(signed(32)),
            "addend": In(signed(32)),
            "add": In(1),
            "multiplier": In(unsigned(31)),
            "shift": In(unsigned(SHIFT_BITS)),
            "double": In(1),
            "total": Out(signed(32)),
            "negative": Out(1),
            "magnitude": Out(unsigned(MAGNITUDE)),
            "carry": Out(1),
        })

    @staticmethod
    def latency_of(rounding: str) -> int:
        """Cycles from a sum to its scaled value."""
        return 7 if rounding == "single" else 8

    @property
    def latency(self) -> int:
        """Cycles from a sum to its scaled value."""
        return self.latency_of(self.rounding)

    def elaborate(self, platform):
        m = Module()
        latency = self.latency
        double = self.rounding != "single"
        chosen = self.double if self.rounding == "both" else Const(1)

        delay = partial(delayed, m, platform=platform)
        register = partial(registered, m)

        total = register("total_1", self._add(m, platform))
        m.d.comb += self.total.eq(total)

        factor = total.as_signed()
        if double:
            # Without the first rounding nothing is shifted left, and nothing wraps: as for 31 or more to the right.
            least = Cat(self.shift[:5], self.shift[5] | ~chosen)
            bits = wrap_bits(total, right_shift(delay("shift_to_wrap", least, 1)))
            sign, copies = (register(name, value) for name, value in zip(("sign", "copies"), bits, strict=True))
            # Behind the register, as nothing else is before that of the DSP block.
            unwrapped = delay("total_to_product", total, 1)
            factor = ((unwrapped & ~copies) | (copies & sign.replicate(32))).as_signed()
        multiplier = delay("multiplier_to_product", self.multiplier, 2 if double else 1)
        factors = {"low": Cat(factor[:LOW], 0).as_signed(), "high": factor[LOW:].as_signed()}
        multipliers = {"low": Cat(multiplier[:LOW], 0).as_signed(), "high": Cat(multiplier[LOW:], 0).as_signed()}

        def product_of(x: str, y: str) -> Value:
            dsp = place(m, f"{x}_{y}", RegisteredProduct(len(factors[x]), len(multipliers[y])), platform)
            m.d.comb += dsp.a.eq(factors[x])
            m.d.comb += dsp.b.eq(multipliers[y])
            return dsp.product

        # Without copies of their signs; only products of the high factor can be negative.
        low_low, low_high = product_of("low", "low")[: 2 * LOW], product_of("low", "high")[:31]
        high_low, high_high = product_of("high", "low")[:32].as_signed(), product_of("high", "high")[: 63 - 2 * LOW]
        # 63 bits hold the product of 32 and 31; its lowest 17 need no addition.
        middle = register("middle", low_high + high_low)
        outer = delay("outer", Cat(low_low, high_high), 1)
        upper = register("upper", (outer[LOW:].as_signed() + middle)[: 63 - LOW])
        lower = delay("lower", outer[:LOW], 1)
        product = Cat(lower, upper)

        # A register says beforehand whether the bits from bit 30 down are looked at.
        twice = self.shift[5] & chosen
        late = delay("shift_to_product", Cat(self.shift, twice) if self.rounding == "both" else self.shift, latency - 2)
        shift = right_shift(late)
        shifter = _Shifter(Cat(0, product), product[-1], late[-1])
        for place_value in (5, 4, 3):
            shifter.step(place_value, shift[place_value])
        shifter.register(register, "_coarse")
        fine = register("shift_fine", shift[:3])
        for place_value in (2, 1, 0):
            shifter.step(place_value, fine[place_value])
        m.d.comb += [
            self.negative.eq(register("negative_o", shifter.negative)),
            self.magnitude.eq(register("magnitude_o", shifter.bits[1:] | shifter.overflow.replicate(MAGNITUDE))),
        ]
        up = shifter.bits[0] | Cat(shifter.ones).all() if double else shifter.bits[0]
        m.d.comb += self.carry.eq(register("carry_o", up ^ shifter.negative))
        return m

    def _add(self, m: Module, platform) -> Value:
        if self.flips:
            corrector = place(m, "adder", FlipAdder(32), platform)
            m.d.comb += [
                corrector.a.eq(self.sum),
                corrector.f.eq(self.flip_positions),
                corrector.g.eq(self.flip_groups),
                corrector.b.eq(Mux(self.add, self.addend, 0)),
            ]
            return corrector.total
        adder = place(m, "adder", CarryAdder(32), platform)
        m.d.comb += [
            adder.a.eq(self.sum),
            adder.b.eq(-1),
            adder.c.eq(self.addend),
            adder.d.eq(self.add.replicate(32)),
        ]
        return adder.total


class _Shifter:
    """Shift right by powers of two, the largest first, keeping only the bits that can still get into the result.

    One of ``lost`` says that a bit left out was not 0; all of ``ones``, that all from bit 31 to below the lowest
    were 1, which is looked at if ``twice``: only where the shift is 32 or more. Each step has its own of both, so
    that no step waits for one before.
    """

    def __init__(self, bits: Value, negative: Value, twice: Value):
        self.twice = twice
        self.negative = negative
        self.bits = bits
        self.lost: list[Value] = []
        self.ones: list[Value] = []

    @property
    def overflow(self) -> Value:
        return Cat(self.lost).any()

    def step(self, log2: int, shifted: Value):
        distance = 1 << log2
        width = MAGNITUDE + distance
        bits = self.bits
        if log2 == 5:
            # Bits of the complement, if it is negative; the lowest is below the product and is never looked at.
            bits = bits ^ self.negative.replicate(len(bits))
            self.ones.append(self.twice & bits[distance - 1])
        else:
            self.ones.append(~shifted | bits[:distance].all())
        self.lost.append(~shifted & bits[width:].any())
        self.bits = Mux(shifted, bits[distance:], bits[:width])[:width]

    def register(self, register, suffix: str):
        self.negative = register(f"negative{suffix}", self.negative)
        self.bits = register(f"bits{suffix}", self.bits)
        for name in ("lost", "ones"):
            terms = Cat(getattr(self, name))
            setattr(self, name, list(register(f"{name}{suffix}", terms)))
