"""The epilogue bit by bit: one sum at a time, in few LUTs."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import MAGNITUDE, RESULT, SHIFT_BITS, format_shape
from tilewright.accelerator.epilogue import right_shift
from tilewright.base import SharedComponent

__all__ = ["SerialRequantizer"]

ROUNDING_BIT = 30
"""Of the product: the one below those that the first of two roundings leaves."""
LAST = 71
"""The bit that decides is the one before this: the shift is up to 62, and 8 bits follow."""


class SerialRequantizer(SharedComponent):
    """Requantize one sum as `tilewright_sim.models.gemm.requantize` does it, a bit of the product in each cycle.

    The product of the sum's magnitude and the multiplier leaves the adder bit by bit, the lowest first, and passes
    through the rest of the arithmetic::

        sum ──►│total│── bit, negated if total < 0 ──► │upper half of product│ + multiplier, or 0
                 ▲  │                                       │ bit
                 ╰──╯ once around, to find the sign         ▼
                                    minus 1 if total < 0 ──► plus roundings ──► │magnitude│ ──► o

    With Q the magnitude of the product, less 1 if it is negative, and s = 31 - shift, the result's magnitude is
    ``((Q + 2**30 >> 31) + 2**(s - 32)) >> s - 31`` for ``double`` and s > 31, otherwise ``(Q + 2**(s - 1)) >> s``: so
    ties go where the golden model sends them, for both signs alike. Where ``double`` would shift the sum left, and
    wrap, it has a sign at bit s instead, and the bits above are its copies.

    Takes `CYCLES` cycles from `start` to `done`, whatever the operands.

    Parameters
    ----------
    rounding : str
        ``both``, ``single`` or ``double``, as in `AcceleratorConfig`.

    Members
    -------
    load : In(1)
        Take ``sum + addend`` at the end of this cycle; not between `start` and `done`.
    sum, addend : In(signed(32))
        The int32 sum and what is added to it, modulo ``2**32``. Sampled with `load`.
    total : Out(signed(32))
        The sum that was taken, from the cycle after `load` to `start`.
    start : In(1)
        Begin with the sum that was taken. `multiplier`, `shift` and `format` must not change from the next cycle to
        `done`.
    multiplier : In(unsigned(31))
        The multiplier, in units of ``2**-31``.
    shift : In(unsigned(6))
        The lowest 6 bits of the shift, which is -31 to 30: the sum is scaled by ``multiplier * 2**(shift - 31)``.
    format : In(format_shape(rounding))
        Zero point and clamp limits of the result, and whether it is rounded twice; `requant` is ignored.
    done : Out(1)
        For one cycle: `o` is the result.
    o : Out(RESULT.shape)
        The result; valid only while `done`.
    """

    CYCLES = 105
    """From `start` to `done`."""

    def __init__(self, rounding: str = "single"):
        self.rounding = rounding
        super().__init__({
            "load": In(1),
            "sum": In(signed(32)),
            "addend": In(signed(32)),
            "total": Out(signed(32)),
            "start": In(1),
            "multiplier": In(unsigned(31)),
            "shift": In(unsigned(SHIFT_BITS)),
            "format": In(format_shape(rounding)),
            "done": Out(1),
            "o": Out(RESULT.shape),
        })

    def elaborate(self, platform):
        m = Module()
        total = Signal(32, reset_less=True)
        upper = Signal(31, reset_less=True)  # bits of the product that have not been shifted out
        product = Signal(reset_less=True)  # the bit that was shifted out last
        # A 1 precedes the bits of the magnitude: they are complete when it is in the lowest position.
        magnitude = Signal(MAGNITUDE + 1, reset_less=True)
        count = Signal(range(LAST + 1))
        passed, negative, seen, borrow, carry, overflow = (
            Signal(name=name, reset_less=True) for name in ("passed", "negative", "seen", "borrow", "carry", "overflow")
        )
        around = Signal()
        working = Signal()
        double = self.format.double if self.rounding == "both" else Const(self.rounding == "double", 1)
        right = right_shift(self.shift)
        at_right = count[:SHIFT_BITS] == right
        with m.If(self.load):
            m.d.sync += total.eq(self.sum + self.addend)
        with m.Elif(around | working):
            m.d.sync += total.eq(Cat(total[1:], total[0]))
        m.d.comb += self.total.eq(total)

        with m.FSM():
            with m.State("Idle"):
                m.d.sync += count.eq(0)
                m.d.sync += passed.eq(0)
                with m.If(self.start):
                    m.next = "Around"
            with m.State("Around"):
                m.d.comb += around.eq(1)
                m.d.sync += count.eq(count + 1)
                with m.If(~passed):
                    m.d.sync += negative.eq(total[0])
                m.d.sync += passed.eq(double & (passed | at_right))
                with m.If(count == 31):
                    m.d.sync += count.eq(0)
                    m.d.sync += passed.eq(0)
                    m.next = "Work"
            with m.State("Work"):
                m.d.comb += working.eq(1)
                m.d.sync += count.eq(count + 1)
                m.d.sync += passed.eq(passed | at_right)
                with m.If(count == LAST):
                    m.next = "Done"
            with m.State("Done"):
                m.d.comb += self.done.eq(1)
                m.next = "Idle"

        # One bit of the sum's magnitude enters, one of the product leaves. All that follows the first 1 of a
        # negative number is inverted, and the copies of its sign become zeros.
        bit = Signal()
        partial = Signal(32)
        m.d.comb += bit.eq((total[0] ^ (negative & seen)) & ~count[5:].any() & (~passed | ~double))
        m.d.comb += partial.eq(Mux(bit, upper + self.multiplier, upper))
        # The bit before it, of the product's magnitude less 1 if negative, is rounded or goes into the result.
        lower = product ^ borrow
        rounded = lower ^ carry
        rounds = at_right & ~passed | ((count == ROUNDING_BIT + 1) & right[5] & double)
        with m.If(working):
            m.d.sync += upper.eq(partial[1:])
            m.d.sync += product.eq(partial[0])
            m.d.sync += seen.eq(seen | total[0])
            m.d.sync += borrow.eq(borrow & ~product)
            m.d.sync += carry.eq(Mux(rounds, lower | carry, lower & carry))
            with m.If(passed):
                with m.If(~magnitude[0]):
                    m.d.sync += magnitude.eq(Cat(magnitude[1:], rounded))
                with m.Elif(rounded):
                    m.d.sync += overflow.eq(1)
            with m.If(count == 0):
                m.d.sync += borrow.eq(negative & self.multiplier.any())
                m.d.sync += carry.eq(0)
        with m.Else():
            m.d.sync += upper.eq(0)
            m.d.sync += seen.eq(0)
            m.d.sync += overflow.eq(overflow & ~around)
            with m.If(around):
                m.d.sync += magnitude.eq(1 << MAGNITUDE)

        self._finish(m, magnitude[1:] | overflow.replicate(MAGNITUDE), negative)
        return m

    def _finish(self, m: Module, size: Value, negative: Signal):
        """Add the zero point to the magnitude with its sign, and clamp."""
        moved = Signal(signed(RESULT.bits + 2))
        signed_size = Cat(negative, size ^ negative.replicate(MAGNITUDE), negative).as_signed()
        m.d.comb += moved.eq((Cat(1, self.format.zero_point).as_signed() + signed_size) >> 1)
        minimum, maximum = self.format.minimum, self.format.maximum
        m.d.comb += self.o.eq(Mux(moved > maximum, maximum, Mux(moved < minimum, minimum, moved)))
