"""Add two vectors of partial products in one carry chain, the AND gates inside the carry cells."""

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Instance, Module, Mux, Signal, Value, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target

# One half of a CCU2C is a 4-input LUT that says "propagate" (its output XOR the carry is the sum), and generates
# a carry from its inputs A and B alone (the same LUT with C = D = 0). With (A·B) ^ (C·D) both are right: where
# nothing propagates, A·B equals C·D. Inverting A·B inverts both, and they stay right.
ADD = 0x7888
ADD_INVERTED = 0x8777
# With (A·B) ^ (C+D) too.
ADD_EITHER = 0x7778
# With A ^ (B ? D : C) too: where nothing propagates, A equals what B chooses, and C = D = 0 leaves A.
ADD_CHOSEN = 0x569A


class CarryAdder(SharedComponent):
    """Add ``a & b``, its upper bits inverted, and ``c & d`` (or ``c | d``), modulo ``2**width``.

    On ECP5 it is one chain of ``ceil(width / 2)`` CCU2C cells and no other logic; elsewhere an adder behind AND
    gates. Combinational::

        a, b ──► and ──► invert upper bits ──┐
                                             ├──► add ──► total
        c, d ──► and ────────────────────────┘

    Parameters
    ----------
    width : int
        Bits of every port.
    inverted_from : int or None
        First bit of ``a & b`` that is inverted, with all above it; none by default.
    either : bool
        Add ``c | d`` instead of ``c & d``; then nothing may be inverted.

    Members
    -------
    a, b, c, d : In(unsigned(width))
        The operands: ``a`` gated with ``b`` bit by bit, plus ``c`` gated with ``d``. For a plain sum, all bits of
        ``b`` and ``d`` are 1.
    total : Out(unsigned(width))
        The sum modulo ``2**width``, in the same cycle.
    """

    def __init__(self, width: int, inverted_from: int | None = None, either: bool = False):
        if either and inverted_from is not None:
            raise ValueError("either is not for inverted bits")
        self.width = width
        self.either = either
        self.inverted_from = width if inverted_from is None else inverted_from
        operand = In(unsigned(width))
        super().__init__({
            "a": operand,
            "b": operand,
            "c": operand,
            "d": operand,
            "total": Out(unsigned(width)),
        })

    def elaborate(self, platform):
        m = Module()
        if isinstance(platform, Target) and platform.family == "ecp5":
            operands = {"A": self.a, "B": self.b, "C": self.c, "D": self.d}
            chain_ccu2c(m, operands, self._function, self.total)
        else:
            at = self.inverted_from
            plain = self.a[:at] & self.b[:at]
            inverted = ~(self.a[at:] & self.b[at:])
            other = self.c | self.d if self.either else self.c & self.d
            m.d.comb += self.total.eq(Cat(plain, inverted) + other)
        return m

    def _function(self, bit: int) -> int:
        return ADD_EITHER if self.either else ADD if bit < self.inverted_from else ADD_INVERTED


class ChoosingAdder(SharedComponent):
    """Add ``a`` and one of two operands, modulo ``2**width``.

    On ECP5 it is one chain of ``ceil(width / 2)`` CCU2C cells and no other logic; elsewhere an adder behind a
    multiplexer. Combinational.

    Parameters
    ----------
    width : int
        Bits of ``a`` and of both operands.

    Members
    -------
    a : In(unsigned(width))
        The operand that is always added.
    c, d : In(unsigned(width))
        The two operands of which one is added.
    second : In(1)
        Add ``d``; otherwise ``c``.
    total : Out(unsigned(width))
        The sum modulo ``2**width``, in the same cycle.
    """

    def __init__(self, width: int):
        self.width = width
        operand = In(unsigned(width))
        super().__init__({"a": operand, "c": operand, "d": operand, "second": In(1), "total": Out(unsigned(width))})

    def elaborate(self, platform):
        m = Module()
        if isinstance(platform, Target) and platform.family == "ecp5":
            operands = {"A": self.a, "B": self.second.replicate(self.width), "C": self.c, "D": self.d}
            chain_ccu2c(m, operands, lambda _: ADD_CHOSEN, self.total)
        else:
            m.d.comb += self.total.eq(self.a + Mux(self.second, self.d, self.c))
        return m


def chain_ccu2c(m: Module, inputs: dict[str, Value], function: Callable[[int], int], total: Value) -> None:
    """Add a chain of CCU2C cells, two bits each, that computes ``total``.

    Parameters
    ----------
    inputs : dict of Value
        By the name of the cell's input, A to D: as many bits as ``total``.
    function : callable
        The 16 bits of the LUT, for the number of a bit.
    """
    carry: Value = Const(0, 1)
    width = len(total)
    for low in range(0, width, 2):
        halves = [low, low + 1] if low + 1 < width else [low]
        ports: dict[str, object] = {"i_CIN": carry}
        for half, bit in enumerate(halves):
            ports[f"p_INIT{half}"] = Const(function(bit), 16)
            ports |= {f"i_{name}{half}": value[bit] for name, value in inputs.items()}
            ports[f"o_S{half}"] = total[bit]
        if len(halves) == 1:
            ports |= {f"i_{name}1": Const(0, 1) for name in inputs}
        if low + 2 < width:
            carry = ports["o_COUT"] = Signal(name=f"carry_{low + 2}")
        m.submodules[f"bits_{low}"] = Instance("CCU2C", p_INJECT1_0="NO", p_INJECT1_1="NO", **ports)
