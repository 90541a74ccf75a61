"""The operations of a lane that neither multiply nor add floats: on their bits."""

from functools import partial, reduce
from operator import or_
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, registered

from ..coefficients import RECIPROCAL_SEED, RSQRT_SEED
from .lane_op import LaneOp

__all__ = ["BitOperations"]

_FRACTION = 23
_HIGH = 0x4B40  # upper half of the float 12582912
_LOW = 0x4B00  # of 8388608


class BitOperations(SharedComponent):
    """Compute the operations of a `VectorLane` that are one addition to an operand's bits, and EQUAL.

    The result may be a subnormal number that stands for a zero, or a NaN of any kind, except that the bits of seeds
    are exact. For MAX and MIN it is a. Latency is `LATENCY` cycles; nothing stalls; not reset::

        cycle       0           1                                  2
        a, b, c ──► │ │─┬─► choose operands ──│base, more│──► add ──► choose ──│o│
                        └─► compare ──────────│flush, infinite│────────┘

    Members
    -------
    op : In(LaneOp)
        The operation of this cycle; undefined results for MADD.
    a, b, c : In(32)
        The operands of this cycle, bits of float32.
    o : Out(32)
        The bits of the result of `LATENCY` cycles before.
    """

    LATENCY = 3

    def __init__(self):
        super().__init__({"op": In(LaneOp), "a": In(32), "b": In(32), "c": In(32), "o": Out(32)})

    def elaborate(self, platform):
        m = Module()
        register = partial(registered, m)

        a, b, c = register("a_1", self.a), register("b_1", self.b), register("c_1", self.c)
        op_is = {name: register(f"is_{name}", self.op == one) for name, one in LaneOp.__members__.items()}
        field = a[_FRACTION:-1]
        normal = field.any() & ~field.all()
        scale = c[:8] & normal.replicate(8)
        up = normal & a[15] & (a[:15].any() | a[16])

        # Bit 31 of the sum is not a sign. No Switch: in Verilog it becomes functions, whose arguments `a` and `b` hide
        # the ports of the lane.
        base = _one_of([
            (register("takes_a", _any_of(self.op, LaneOp.MAX, LaneOp.MIN, LaneOp.LDEXP, LaneOp.ROUND_UP)), a[:-1]),
            (op_is["SEED_RECIPROCAL"], ~a[:-1]),
            (op_is["SEED_RSQRT"], Cat(~a[1:], Const(1, 1))),
            (op_is["HIGH"], Cat(a[16:], Mux(a[-1], _HIGH - 1, _HIGH))),
            (op_is["LOW"], Cat(a[:16], Const(_LOW, 16))),
            (op_is["BF16"], Cat(Mux(field.all(), a[:16], 0), a[16:-1])),  # a NaN may have nothing but lower bits
            (op_is["EQUAL"], b[:-1]),
        ])
        more = _one_of([
            (op_is["SEED_RECIPROCAL"], Const(RECIPROCAL_SEED + 1, 32)),
            (op_is["SEED_RSQRT"], Const(RSQRT_SEED + 1, 32)),
            (op_is["LDEXP"], Cat(Const(0, _FRACTION), scale)),
            (op_is["BF16"], Cat(Const(0, 16), up)),
            (op_is["ROUND_UP"], c[:_FRACTION]),
        ])
        base = register("base", base)
        more = register("more", more)
        sign = register("sign", Mux(op_is["EQUAL"], b[-1], a[-1] & ~op_is["HIGH"] & ~op_is["LOW"]))
        scales = op_is["LDEXP"] & normal
        scaled = field + c[:8]
        flush = register("flush", scales & c[8] & ~scaled[8])
        differs = register("differs", op_is["EQUAL"] & ~_equal(a, c))
        infinite = register("infinite", scales & ~c[8] & (scaled[8] | scaled[:8].all()))
        dropped = register("dropped", c[:_FRACTION] & op_is["ROUND_UP"].replicate(_FRACTION))
        carries = register("carries", op_is["SEED_RSQRT"])

        total = (base + more)[:32]
        o = Cat(
            total[:_FRACTION] & ~(dropped | (infinite | differs).replicate(_FRACTION)),
            (total[_FRACTION:-1] & (~flush).replicate(8)) | (infinite | differs).replicate(8),
            Mux(carries, total[-1], sign) & ~differs,
        )
        m.d.comb += self.o.eq(register("result", o))
        return m


def _one_of(values: list[tuple[Value, Value]]) -> Value:
    """The value whose condition holds, of conditions that exclude each other; else 0."""
    return reduce(or_, (value & condition.replicate(len(value)) for condition, value in values))


def _any_of(op: Signal, *ops: Any) -> Value:
    return reduce(or_, (op == one for one in ops))


def _equal(a: Value, c: Value) -> Value:
    """Whether two floats are equal."""
    field = a[_FRACTION:-1]
    zeros = ~field.any() & ~c[_FRACTION:-1].any()
    return zeros | ((a == c) & ~(field.all() & a[:_FRACTION].any()))
