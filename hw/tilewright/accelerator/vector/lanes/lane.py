"""One lane of the vector engine: a float32 operation in every cycle."""

from amaranth.hdl import Cat, Module, Mux, Value
from amaranth.lib.enum import EnumView
from amaranth.lib.wiring import In, Out

from tilewright.arithmetic import AdderOp, Float32Adder, Float32Multiplier
from tilewright.base import SharedComponent, place
from tilewright.storage import delayed

from .bit_operations import BitOperations
from .lane_op import LaneOp

__all__ = ["VectorLane"]


class VectorLane(SharedComponent):
    """Compute one `LaneOp` of float32 operands in each cycle.

    `LaneOp` says what the results are, to the bit. Latency is `LATENCY` cycles; nothing stalls; not reset::

        cycle       0          1    2           3            4 … 8
        a, b ──► signs ──► multiply ──────► multiply or bits ─│ │──► add, choose, or take ──► o
                   │ └───► operations on bits ──┘             │ │       ▲
        c ─────────┴───────────────────────────────────────── │ │───────┘

    Members
    -------
    op : In(LaneOp)
        The operation of this cycle; it says what is made of the operands.
    negate_a, negate_c : In(1)
        Invert the sign of that operand first, after it was made positive if it is.
    absolute_a, absolute_c : In(1)
        Take that operand without its sign.
    a, b, c : In(32)
        The operands, bits of float32; what the operation does not use may be anything.
    o : Out(32)
        The bits of the result of `LATENCY` cycles before.
    """

    LATENCY = Float32Multiplier.LATENCY + Float32Adder.LATENCY

    def __init__(self):
        super().__init__({
            "op": In(LaneOp),
            "negate_a": In(1),
            "absolute_a": In(1),
            "negate_c": In(1),
            "absolute_c": In(1),
            "a": In(32),
            "b": In(32),
            "c": In(32),
            "o": Out(32),
        })

    def elaborate(self, platform):
        m = Module()

        a = Cat(self.a[:-1], (self.a[-1] & ~self.absolute_a) ^ self.negate_a)
        c = Cat(self.c[:-1], (self.c[-1] & ~self.absolute_c) ^ self.negate_c)

        bits = place(m, "bits", BitOperations(), platform)
        m.d.comb += bits.op.eq(self.op)
        m.d.comb += bits.a.eq(a)
        m.d.comb += bits.b.eq(self.b)
        m.d.comb += bits.c.eq(c)

        multiplier = place(m, "multiplier", Float32Multiplier(), platform)
        bypass = self.op != LaneOp.MADD
        m.d.comb += multiplier.a.eq(a)
        m.d.comb += multiplier.b.eq(self.b)
        m.d.comb += multiplier.other.eq(bits.o)
        m.d.comb += multiplier.bypass.eq(delayed(m, "bypass", bypass, Float32Multiplier.OTHER, platform))

        adder = place(m, "adder", Float32Adder(), platform)
        adder_op = _adder_op(self.op)
        m.d.comb += adder.op.eq(delayed(m, "adder_op", adder_op, Float32Multiplier.LATENCY, platform))
        m.d.comb += adder.a.eq(multiplier.product)
        m.d.comb += adder.b.eq(delayed(m, "addend", c, Float32Multiplier.LATENCY, platform))
        m.d.comb += self.o.eq(adder.o)
        return m


def _adder_op(op: EnumView) -> Value:
    """What the adder makes of the product, or of what bypasses it, and c."""
    seed = (op == LaneOp.SEED_RECIPROCAL) | (op == LaneOp.SEED_RSQRT)
    code = Mux(seed, AdderOp.BITS, AdderOp.FIRST)
    for lane_op, adder_op in ((LaneOp.MADD, AdderOp.SUM), (LaneOp.MAX, AdderOp.MAX), (LaneOp.MIN, AdderOp.MIN)):
        code = Mux(op == lane_op, adder_op, code)
    return code
