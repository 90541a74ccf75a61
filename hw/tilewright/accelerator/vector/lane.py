"""One lane of the vector engine: a float32 operation in every cycle."""

from amaranth.hdl import Module
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .lane_op import LaneOp

__all__ = ["VectorLane"]


class VectorLane(SharedComponent):
    """Compute one `LaneOp` in each cycle, `LATENCY` cycles long; nothing stalls.

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

    LATENCY = 9

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
        return m
