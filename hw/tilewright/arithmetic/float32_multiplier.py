"""Multiply numbers of IEEE 754 binary32, pipelined."""

from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Value
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place, registered, wired

from .carry_adder import CarryAdder, ChoosingAdder
from .registered_product import RegisteredProduct

__all__ = ["Float32Multiplier"]

_FRACTION = 23
_DIGITS = 24  # of a significand, with the hidden bit
_LOW = 17  # of these, the lower ones, which are a factor of their own: the largest of an 18-bit signed multiplier
_BIAS = 127
_EXPONENT = 10  # bits of an exponent that may be out of range, signed
_LARGEST = 254  # exponent field of a finite number


class Float32Multiplier(SharedComponent):
    """Multiply two floats in each cycle, to nearest, ties to even; or pass another one on.

    Subnormal factors are zeros. A product whose exact magnitude is below 2**-126 is a zero with its sign, also if it
    would be rounded up to 2**-126. NaN is 0x7FC00000. Latency is `LATENCY` cycles; nothing stalls; not reset::

        cycle      0            1                 2              3
        a, b ──► │ │──► 4 products ──► │ │──► add them ──► │ │──► round ──► choose ──► │product│
                                                           other, bypass ─────┘

    The significands are multiplied as numbers of 17 and 7 bits, in 4 DSP blocks with registers of their own. Rounding
    adds to the exponent and the fraction in one carry chain, which also chooses between the two ways to normalize.

    Members
    -------
    a, b : In(32)
        The factors of this cycle, bits of float32.
    other : In(32)
        Taken in place of the product of the factors of `OTHER` cycles before, bit by bit, while `bypass` is 1.
    bypass : In(1)
        Take `other` in this cycle.
    product : Out(32)
        The product of the factors of `LATENCY` cycles before, or `other` of 1 cycle before.
    """

    LATENCY = 4
    OTHER = 3

    def __init__(self):
        super().__init__({"a": In(32), "b": In(32), "other": In(32), "bypass": In(1), "product": Out(32)})

    def elaborate(self, platform):
        m = Module()
        register = partial(registered, m)
        wire = partial(wired, m)

        a, b = register("a_1", self.a[_FRACTION:]), register("b_1", self.b[_FRACTION:])
        a_fraction = register("a_fraction", self.a[:_FRACTION].any())
        b_fraction = register("b_fraction", self.b[:_FRACTION].any())
        a_zero, b_zero = a[:8] == 0, b[:8] == 0
        a_full, b_full = a[:8] == 255, b[:8] == 255
        nan = register("nan_2", (a_full & (a_fraction | b_zero)) | (b_full & (b_fraction | a_zero)))
        zero = register("zero_2", a_zero | b_zero)
        infinite = register("infinite_2", a_full | b_full)
        sign = register("sign_2", a[8] ^ b[8])
        exponents = register("exponents", a[:8] + b[:8])

        upper, sticky = self._significand(m, platform)
        digits = register("digits", upper[-_DIGITS - 2 :])
        rest = register("rest", upper[: -_DIGITS - 2].any() | sticky)
        exponent = register("exponent", (exponents - _BIAS)[:_EXPONENT])
        least = register("least", exponents == _BIAS)
        last = register("last", exponents == _BIAS + _LARGEST)
        zero = register("zero_3", zero)
        infinite = register("infinite_3", infinite | nan | (exponents > _BIAS + _LARGEST))
        sign = register("sign_3", sign & ~nan)
        nan = register("nan_3", nan)

        # The product is in [1, 4); from 2 on, `top`, it is shifted right, and the exponent incremented. A product that
        # becomes infinite only by rounding has the right bits.
        half, top = digits[0], digits[-1]
        up = wire("up", Mux(top, digits[1] & (half | rest | digits[2]), half & (rest | digits[1])))
        rounded = place(m, "round", ChoosingAdder(_FRACTION + _EXPONENT), platform)
        m.d.comb += rounded.a.eq(Cat(up, Const(0, _FRACTION - 1), top))
        m.d.comb += rounded.c.eq(Cat(digits[1:_DIGITS], exponent))
        m.d.comb += rounded.d.eq(Cat(digits[2 : _DIGITS + 1], exponent))
        m.d.comb += rounded.second.eq(top)
        flush = wire("flush", zero | exponent[-1] | (least & ~top))
        large = wire("large", infinite | (last & top))
        kept = wire("kept", ~(flush | large))
        product = Cat(
            rounded.total[: _FRACTION - 1] & kept.replicate(_FRACTION - 1),
            (rounded.total[_FRACTION - 1] & kept) | nan,
            (rounded.total[_FRACTION:31] & (~flush).replicate(8)) | large.replicate(8),
            sign,
        )
        m.d.comb += self.product.eq(register("result", Mux(self.bypass, self.other, product)))
        return m

    def _significand(self, m: Module, platform: object) -> tuple[Value, Value]:
        """The product's bits from `_LOW` on, and whether any below is 1, of the factors of 2 cycles before."""
        a, b = (Cat(port[:_FRACTION], Const(1, 1)) for port in (self.a, self.b))
        products = []
        for name, factors in {
            "low": (a[:_LOW], b[:_LOW]),
            "a_high": (a[_LOW:], b[:_LOW]),
            "b_high": (a[:_LOW], b[_LOW:]),
            "high": (a[_LOW:], b[_LOW:]),
        }.items():
            widths = [len(factor) + 1 for factor in factors]  # signed factors
            part = place(m, name, RegisteredProduct(*widths), platform)
            m.d.comb += part.a.eq(factors[0])
            m.d.comb += part.b.eq(factors[1])
            products.append(part.product[: sum(widths) - 2])
        low, a_high, b_high, high = products
        # Two chains, one behind the other; synthesis would make a tree of LUTs of them.
        middle = place(m, "middle", CarryAdder(_DIGITS + 1), platform)
        m.d.comb += middle.a.eq(a_high)
        m.d.comb += middle.b.eq(-1)
        m.d.comb += middle.c.eq(b_high)
        m.d.comb += middle.d.eq(-1)
        width = 2 * _DIGITS - _LOW
        upper = place(m, "upper", CarryAdder(width), platform)
        m.d.comb += upper.a.eq(Cat(low[_LOW:], high))
        m.d.comb += upper.b.eq(-1)
        m.d.comb += upper.c.eq(middle.total)
        m.d.comb += upper.d.eq(-1)
        return upper.total, low[:_LOW].any()
