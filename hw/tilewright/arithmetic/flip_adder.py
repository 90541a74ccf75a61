"""Flip some bits of a vector and add another, in one carry chain."""

from amaranth.hdl import Const, Instance, Module, Signal, Value, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target

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
            self._chain_ccu2c(m)
        else:
            m.d.comb += self.total.eq((self.a ^ (self.f & self.g)) + self.b)
        return m

    def _chain_ccu2c(self, m: Module):
        carry: Value = Const(0, 1)
        for low in range(0, self.width, 2):
            halves = [low, low + 1] if low + 1 < self.width else [low]
            ports: dict[str, object] = {"i_CIN": carry}
            for half, bit in enumerate(halves):
                ports[f"p_INIT{half}"] = Const(FLIP_AND_ADD, 16)
                inputs = {"A": self.b, "B": self.f, "C": self.a, "D": self.g}
                ports |= {f"i_{name}{half}": value[bit] for name, value in inputs.items()}
                ports[f"o_S{half}"] = self.total[bit]
            if len(halves) == 1:
                ports |= {f"i_{name}1": Const(0, 1) for name in "ABCD"}
            if low + 2 < self.width:
                carry = ports["o_COUT"] = Signal(name=f"carry_{low + 2}")
            m.submodules[f"bits_{low}"] = Instance("CCU2C", p_INJECT1_0="NO", p_INJECT1_1="NO", **ports)
