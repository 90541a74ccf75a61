"""The operations of a lane that neither multiply nor add floats: on their bits."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .coefficients import RECIPROCAL_SEED, RSQRT_SEED
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
    a_bits, b_bits, c_bits : In(32)
        The operands of this cycle, bits of float32.
    o : Out(32)
        The bits of the result of `LATENCY` cycles before.
    """

    LATENCY = 3

    def __init__(self):
        # Not `a` and `b`, which are arguments of the functions that Yosys makes of a Switch in Verilog.
        operands = {"a_bits": In(32), "b_bits": In(32), "c_bits": In(32)}
        super().__init__({"op": In(LaneOp), **operands, "o": Out(32)})

    def elaborate(self, platform):
        m = Module()

        def register(name: str, value: Value) -> Signal:
            stage = Signal(value.shape(), name=name, reset_less=True)
            m.d.sync += stage.eq(value)
            return stage

        a, b, c = (register(f"{name}_1", getattr(self, f"{name}_bits")) for name in "abc")
        op = Signal(LaneOp, name="op_1", reset_less=True)
        m.d.sync += op.eq(self.op)

        field = a[_FRACTION:-1]
        normal = field.any() & ~field.all()
        more = Signal(32, reset_less=True)
        base = Signal(32, reset_less=True)  # bit 31 is not a sign, but takes a carry
        sign = Signal(reset_less=True)
        m.d.sync += base.eq(a[:-1])
        m.d.sync += more.eq(0)
        m.d.sync += sign.eq(a[-1])
        with m.Switch(op):
            with m.Case(LaneOp.SEED_RECIPROCAL):
                m.d.sync += base.eq(~a[:-1])
                m.d.sync += more.eq(RECIPROCAL_SEED + 1)
            with m.Case(LaneOp.SEED_RSQRT):
                m.d.sync += base.eq(Cat(~a[1:], Const(1, 1)))
                m.d.sync += more.eq(RSQRT_SEED + 1)
            with m.Case(LaneOp.LDEXP):
                m.d.sync += more[_FRACTION:-1].eq(c[:8] & normal.replicate(8))
            with m.Case(LaneOp.HIGH):
                m.d.sync += base.eq(Cat(a[16:], Mux(a[-1], _HIGH - 1, _HIGH)))
                m.d.sync += sign.eq(0)
            with m.Case(LaneOp.LOW):
                m.d.sync += base.eq(Cat(a[:16], Const(_LOW, 16)))
                m.d.sync += sign.eq(0)
            with m.Case(LaneOp.BF16):
                with m.If(~field.all()):  # a NaN may have nothing but lower bits
                    m.d.sync += base[:16].eq(0)
                m.d.sync += more[16].eq(normal & a[15] & (a[:15].any() | a[16]))
            with m.Case(LaneOp.EQUAL):
                m.d.sync += base.eq(b[:-1])
                m.d.sync += sign.eq(b[-1])
        scales = (op == LaneOp.LDEXP) & normal
        scaled = field + c[:8]
        flush = register("flush", scales & c[8] & ~scaled[8])
        differs = (op == LaneOp.EQUAL) & ~_equal(a, c)
        infinite = register("infinite", differs | (scales & ~c[8] & (scaled[8] | scaled[:8].all())))
        differs = register("differs", differs)
        carries = register("carries", op == LaneOp.SEED_RSQRT)

        total = (base + more)[:32]
        o = Cat(
            total[:_FRACTION] & (~infinite).replicate(_FRACTION),
            (total[_FRACTION:-1] & (~flush).replicate(8)) | infinite.replicate(8),
            Mux(carries, total[-1], sign) & ~differs,
        )
        m.d.comb += self.o.eq(register("result", o))
        return m


def _equal(a: Value, c: Value) -> Value:
    """Whether two floats are equal."""
    field = a[_FRACTION:-1]
    zeros = ~field.any() & ~c[_FRACTION:-1].any()
    return zeros | ((a == c) & ~(field.all() & a[:_FRACTION].any()))
