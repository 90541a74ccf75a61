"""Checks whether a matrix extends past the last address, from operands that come bit by bit."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

__all__ = ["SerialRangeCheck"]


class SerialRangeCheck(SharedComponent):
    """Do what `RangeCheck` does with a quarter of its logic: three of the operands come a bit a cycle, lowest first.

    In each cycle `rows` or, where the stride has a 0, 1 is added to the upper part of a product. After n bits that is
    ``rows * stride + (2**n - 1 - stride)``, so ``(rows - 1) * stride - 1`` above ``2**n``, and with address and row
    the sum is at least ``2 * 2**n`` if the range goes past ``2**n``. Of the lower bits only carries are kept::

        stride, bit ──► × rows, or 1 ──► + ──│upper part│──┐
                                         ▲                 │ >> 1
                                         └─────────────────┤
                                                           └─► bit ─► + ──► │carry│ ──► beyond
        address, bit ──► + ──► │carry│                                ▲
        row_bytes, bit ──►                └──► bit ───────────────────┘

    Parameters
    ----------
    size_bits : int
        Width of the number of rows.

    Members
    -------
    start : In(1)
        The cycle before the first bit, or any before that.
    work : In(1)
        The bits of this cycle count: from the first cycle after the last `start` for as many cycles as an address has
        bits. The operands are 0 above their own bits.
    address, stride, row_bytes : In(1)
        A bit of the address of the first row, of the distance between rows, of the bytes of a row, which are 1 or
        more.
    rows : In(size_bits)
        Number of rows, at least 1; stable while `work`.
    beyond : Out(1)
        The range goes past the last address. Valid from the cycle after the last bit to the next `start`.
    """

    def __init__(self, size_bits: int):
        super().__init__({
            "start": In(1),
            "work": In(1),
            "address": In(1),
            "stride": In(1),
            "row_bytes": In(1),
            "rows": In(unsigned(size_bits)),
            "beyond": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        upper = Signal.like(self.rows, reset_less=True)
        product = Signal(len(upper) + 1)
        carry = Signal(reset_less=True)
        carry_of_product = Signal(reset_less=True)
        bit = Signal()
        # The lowest place carries the 1 into the others.
        total = Cat(Const(1, 1), upper) + Cat(~self.stride, Mux(self.stride, self.rows, 0))
        m.d.comb += product.eq(total[1:])
        m.d.comb += bit.eq(self.address ^ self.row_bytes ^ carry)
        with m.If(self.start):
            m.d.sync += [
                upper.eq(0),
                carry.eq(0),
                carry_of_product.eq(0),
            ]
        with m.Elif(self.work):
            m.d.sync += [
                upper.eq(product[1:]),
                carry.eq(_majority(self.address, self.row_bytes, carry)),
                carry_of_product.eq(_majority(bit, product[0], carry_of_product)),
            ]
        m.d.comb += self.beyond.eq(upper[1:].any() | _majority(upper[0], carry, carry_of_product))
        return m


def _majority(a, b, c):
    return a & b | a & c | b & c
