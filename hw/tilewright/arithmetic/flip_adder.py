"""Flip some bits of a vector and add another, in one carry chain."""

from amaranth.hdl import Module, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target

from .carry_adder import chain_ccu2c

__all__ = ["FlipAdder"]

# As in `CarryAdder`, with inputs A of the other vector, B and D of the flip, C of the vector with flips. The LUT is
# A ^ C ^ (B·D), which for C = D = 0 is A; and where nothing propagates, A is the carry.
FLIP_AND_ADD = 0x965A


class FlipAdder(SharedComponent):
    """Add ``a ^ (f & g)`` and ``b`` modulo ``2**width``. Combinational.

    On ECP5 it is one chain of ``ceil(width / 2)`` CCU2C cells and no other logic; elsewhere an adder behind gates.

    Parameters
    ----------
    width : int
        Bits of every port.

    Members
    -------
    a, b : In(unsigned(width))
        The operands; bits of ``a`` can be flipped before they are added.
    f, g : In(unsigned(width))
        A bit of ``a`` is flipped where both are 1.
    total : Out(unsigned(width))
        The sum modulo ``2**width``, in the same cycle.
    """

    def __init__(self, width: int):
        self.width = width
        operand = In(unsigned(width))
        super().__init__({"a": operand, "b": operand, "f": operand, "g": operand, "total": Out(unsigned(width))})

    def elaborate(self, platform):
        m = Module()
        if isinstance(platform, Target) and platform.family == "ecp5":
            operands = {"A": self.b, "B": self.f, "C": self.a, "D": self.g}
            chain_ccu2c(m, operands, lambda bit: FLIP_AND_ADD, self.total)
        else:
            m.d.comb += self.total.eq((self.a ^ (self.f & self.g)) + self.b)
        return m
