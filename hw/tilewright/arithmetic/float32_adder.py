"""Add or compare numbers of IEEE 754 binary32, pipelined."""

from collections.abc import Callable
from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import enum
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place, registered, wired

from .flip_adder import FlipAdder

__all__ = ["AdderOp", "Float32Adder"]

_FRACTION = 23
_DIGITS = 24  # of a significand, with the hidden bit
_BELOW = 3  # bits below the significand that rounding sees: half, quarter, and whether there is anything below
_SUM = _DIGITS + _BELOW + 1
_EXPONENT = 8
_LARGEST = 254  # exponent field of a finite number


class AdderOp(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's keyword
    """Results of a `Float32Adder`: the sum, the larger, the smaller, a, or a's bits even if no float is like that."""

    SUM = 0
    MAX = 1
    MIN = 2
    FIRST = 3
    BITS = 4


class Float32Adder(SharedComponent):
    """Add two floats in each cycle, to nearest, ties to even; or take one of the two.

    Subnormal operands are zeros, and so is what is below 2**-126 (it is exact), with its sign. ``x + -x`` is +0. -0 is
    less than +0. NaN is 0x7FC00000, in all operations but BITS, and results if an operand is NaN that the operation
    has. Latency is `LATENCY` cycles; nothing stalls; not reset::

        cycle     0             1            2           3                  4
        a, b ──► compare, ──│ │──► align ──│ │──► add ──│ │──► normalize ──│ │──► round ──│o│
                 exchange

    The operand of the smaller magnitude is shifted right, or is 0 where one is taken. Bits that leave the word are
    gathered in its lowest. Rounding, and what normalization takes from the exponent, is one carry chain.

    Members
    -------
    op : In(AdderOp)
        What to make of the operands of this cycle.
    a, b : In(32)
        The operands of this cycle, bits of float32.
    o : Out(32)
        The bits of the result of `LATENCY` cycles before.
    """

    LATENCY = 5

    def __init__(self):
        super().__init__({"op": In(AdderOp), "a": In(32), "b": In(32), "o": Out(32)})

    def elaborate(self, platform):
        m = Module()
        register = partial(registered, m)
        wire = partial(wired, m)

        compared = self._compare(wire)
        swap = compared["swap"]
        small = Cat(Mux(swap, self.a[:_FRACTION], self.b[:_FRACTION]), Const(1, 1))
        small = register("small", small & compared["keep"].replicate(_DIGITS))
        large = register("large", Mux(swap, self.b[:-1], self.a[:-1]))
        a, b = (port[_FRACTION:-1] for port in (self.a, self.b))
        distance = register("distance", Mux(swap, (b - a)[:8], (a - b)[:8]))
        flags = register("flags_1", Cat(compared[flag] for flag in ("sign", "subtract", "nan", "bits")))

        word = wire("word", Cat(Const(0, _BELOW), small))
        for bit in reversed(range(5)):
            word = wire(f"by_{1 << bit}", Mux(distance[bit], _dropped(word, 1 << bit), word))
        aligned = register("aligned", Mux(distance[5:].any(), 0, word))  # far below, it changes nothing
        large = register("large_2", large)
        flags = register("flags_2", flags)

        subtract = flags[1]
        adder = place(m, "sum", FlipAdder(1 + _SUM), platform)
        m.d.comb += adder.a.eq(Cat(Const(0, 1), aligned))
        m.d.comb += adder.f.eq(-1)
        m.d.comb += adder.g.eq(subtract.replicate(1 + _SUM))
        m.d.comb += adder.b.eq(Cat(subtract, Const(0, _BELOW), large[:_FRACTION], Const(1, 1)))
        total = adder.total[1:]
        left_16 = wire("left_16", ~total[-16:].any())
        coarse = register("coarse", Cat(~Mux(left_16, total[-24:-16], total[-8:]).any(), left_16))
        total = register("total", total)
        exponent = register("exponent_3", large[_FRACTION:])
        added = register("added_3", large[_FRACTION:] + Const(2, _EXPONENT - 1))
        last = register("last_3", large[_FRACTION:] == _LARGEST)
        flags = register("flags_3", flags)

        word = wire("coarsely", _moved(_moved(total, 16, coarse[1]), 8, coarse[0]))
        left_4 = wire("left_4", ~word[-4:].any())
        word = wire("moved_4", _moved(word, 4, left_4))
        # The last two distances both from the same four bits, so that one multiplexer moves the word by both.
        left_2 = wire("left_2", ~word[-2:].any())
        left_1 = wire("left_1", ~Mux(left_2, word[-3], word[-1]))
        shift = register("shift", Cat(left_1, left_2, left_4, coarse))
        word = register("normal", _moved(_moved(word, 2, left_2), 1, left_1))
        exponent = register("exponent_4", exponent)
        added = register("added_4", added)
        last = register("last_4", last)
        sign, subtract, nan, bits = register("flags_4", flags)

        # The exponent is that of the sum's second bit; the bits of the shift inverted are -1 - shift. A number that
        # becomes infinite only by rounding has the right bits.
        fraction, half, below = word[_BELOW + 1 : -1], word[_BELOW], word[:_BELOW].any()
        up = wire("up", half & (below | fraction[0]))
        less = Cat(~shift, Const(-1, _EXPONENT - len(shift)))
        rounded = wire("rounded", (Cat(fraction, added) + Cat(up, Const(0, _FRACTION - 1), less))[:31])
        flush = wire("flush", ~bits & ((shift > exponent) | ~word[-1]))
        infinite = wire("infinite", nan | (~bits & last & ~shift.any()))
        kept = wire("kept", ~(flush | infinite))
        result = Cat(
            rounded[: _FRACTION - 1] & kept.replicate(_FRACTION - 1),
            (rounded[_FRACTION - 1] & kept) | nan,
            (rounded[_FRACTION:] & (~flush).replicate(8)) | infinite.replicate(8),
            sign & ~nan & (~subtract | word[-1]),
        )
        m.d.comb += self.o.eq(register("result", result))
        return m

    def _compare(self, wire: Callable[[str, Value], Signal]) -> dict[str, Value]:
        """What follows from the operands: whether b is the one to keep or that with the larger magnitude, and flags."""
        a_negative, b_negative = self.a[-1], self.b[-1]
        a_zero, b_zero = (port[_FRACTION:-1] == 0 for port in (self.a, self.b))
        a_full, b_full = (port[_FRACTION:-1].all() for port in (self.a, self.b))
        a_nan, b_nan = a_full & self.a[:_FRACTION].any(), b_full & self.b[:_FRACTION].any()
        adds, bits = self.op == AdderOp.SUM, self.op == AdderOp.BITS
        minimum = self.op == AdderOp.MIN
        chooses = minimum | (self.op == AdderOp.MAX)
        differ = a_negative ^ b_negative
        below = self.a[:-1] < self.b[:-1]
        # Of two numbers with the same sign the magnitude decides, also between subnormal ones, which are the same zero.
        by_magnitude = adds | (chooses & ~differ)
        inverted = chooses & (a_negative ^ minimum)
        swap = wire("swap", (by_magnitude & (below ^ inverted)) | (chooses & differ & inverted))
        subtract = wire("subtract", adds & differ)
        opposite = subtract & a_full & b_full
        return {
            "swap": swap,
            "keep": wire("keep", adds & ~Mux(swap, a_zero, b_zero) & ~a_full & ~b_full),
            "sign": Mux(swap, b_negative, a_negative) & ~(subtract & a_zero & b_zero),
            "subtract": subtract,
            "nan": ~bits & (a_nan | ((adds | chooses) & b_nan) | opposite),
            "bits": bits,
        }


def _dropped(word: Value, distance: int) -> Value:
    """The word shifted right; its lowest bit says if any other was 1 that left it."""
    return Cat(word[: distance + 1].any(), word[distance + 1 :], Const(0, distance))


def _moved(word: Value, distance: int, condition: Value) -> Value:
    """The word shifted left by a fixed distance, if."""
    return Mux(condition, (word << distance)[: len(word)], word)
