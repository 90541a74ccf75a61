"""The functions of the vector engine as instructions.

The docstring of `tilewright_sim.models.vector.functions` gives the formulas and errors; each line here is one of its.
"""

from dataclasses import replace

from .. import coefficients as c
from ..lanes.lane_op import LaneOp
from ..results.record_format import RecordFormat
from .instructions import Extent, Instruction, Kind, Mode, Read, Term

__all__ = ["compute", "exp", "gelu", "int32", "reciprocal", "records", "rsqrt", "sigmoid"]

Temporaries = tuple[Read, ...]


def compute(write: Read, first: Term, factor: Term = 1.0, addend: Term = -0.0, **options) -> Instruction:
    """``write = madd(first, factor, addend)``, or another operation; for all rows if that is a scalar register."""
    if write.mode is Mode.ROWS:
        options.setdefault("extent", Extent.ROWS)
    return Instruction(Kind.COMPUTE, write, first, factor, addend, **options)


def exp(write: Read, x: Read, temporaries: Temporaries) -> list[Instruction]:
    """e to the power of x; `write` may be x."""
    t = temporaries[0]
    return [
        compute(t, x, addend=c.EXP_LOWEST, op=LaneOp.MAX),
        compute(t, t, addend=c.EXP_HIGHEST, op=LaneOp.MIN),
        *_power(write, temporaries),
    ]


def _power(e: Read, temporaries: Temporaries) -> list[Instruction]:
    """e to the power of the first temporary, which is within the range of exponents."""
    t, u = temporaries
    return [
        compute(u, t, c.LOG2_E, c.ROUND),
        compute(e, u, 1.0, -c.ROUND),
        compute(t, e, -c.LN2_HIGH, t),
        compute(t, e, -c.LN2_LOW, t),
        compute(e, t, c.EXP_TERMS[0], c.EXP_TERMS[1]),
        *(compute(e, e, t, term) for term in c.EXP_TERMS[2:]),
        compute(e, e, addend=u, op=LaneOp.LDEXP),
    ]


def reciprocal(y: Read, a: Read, temporaries: Temporaries) -> list[Instruction]:
    """1 / a, in another register."""
    q = temporaries[0]
    return [
        compute(y, a, op=LaneOp.SEED_RECIPROCAL),
        compute(q, a, y, c.RECIPROCAL_CENTER, negate_a=True),
        compute(q, q, q, c.RECIPROCAL_OFFSET),
        compute(y, q, y),
        compute(q, a, y, c.TWO, negate_a=True),
        compute(y, q, y),
    ]


def rsqrt(y: Read, a: Read, temporaries: Temporaries) -> list[Instruction]:
    """1 / sqrt(a), in another register."""
    d, f = temporaries
    return [
        compute(y, a, op=LaneOp.SEED_RSQRT),
        compute(d, a, y),
        compute(d, d, y, 1.0, negate_a=True),
        compute(f, d, c.RSQRT_QUADRATIC, c.RSQRT_LINEAR),
        compute(f, d, f),
        compute(y, f, y, y),
        compute(d, a, y),
        compute(d, d, y, 1.0, negate_a=True),
        compute(d, d, c.HALF),
        compute(y, d, y, y),
    ]


def sigmoid(s: Read, x: Read, temporaries: Temporaries) -> list[Instruction]:
    """1 / (1 + exp(-x)), in another register."""
    t, u = temporaries
    return [
        compute(t, x, addend=c.EXP_LOWEST, op=LaneOp.MAX, negate_a=True),
        compute(t, t, addend=c.SIGMOID_HIGHEST, op=LaneOp.MIN),
        *_power(s, temporaries),
        compute(t, s, 1.0, 1.0),
        *reciprocal(s, t, (u,)),
    ]


def gelu(x: Read, z: Read, s: Read, temporaries: Temporaries) -> list[Instruction]:
    """The tanh form of GELU, in place; `z` and `s` are further temporaries."""
    return [
        compute(z, x, x),
        compute(z, z, c.GELU_CUBIC, c.GELU_LINEAR),
        compute(z, z, x),
        *sigmoid(s, z, temporaries),
        compute(x, x, s),
    ]


def int32(x: Read, low: Read) -> list[Instruction]:
    """The float32 of an int32, in place."""
    return [
        compute(low, x, op=LaneOp.LOW),
        compute(x, x, op=LaneOp.HIGH),
        compute(x, x, 1.0, -c.ROUND),
        compute(low, low, 1.0, -c.LOW_HALF),
        compute(x, x, c.HIGH_HALF_WEIGHT, low),
    ]


def records(x: Read, scale: Read, temporaries: Temporaries, form: RecordFormat) -> list[Instruction]:
    """Make codes of x, in its lowest 8 bits, and give each element of `scale` the scale of its block."""
    s, t, u = scale, *temporaries
    largest = [compute(s, x, addend=replace(x, exchange=1), op=LaneOp.MAX, absolute_a=True, absolute_c=True)]
    for exchange in range(2, 6):
        source, target = (s, t) if exchange % 2 == 0 else (t, s)
        largest.append(compute(target, source, addend=replace(source, exchange=exchange), op=LaneOp.MAX))
    return [
        *largest,
        compute(t, s, c.CODE_STEP),
        compute(s, t, addend=form.missing_bits, op=LaneOp.ROUND_UP),
        compute(u, t, addend=c.LEAST_NORMAL, op=LaneOp.MIN),
        compute(u, u, 1.0, c.BELOW_HALF * form.step),
        compute(u, u, 1.0, c.ROUND * form.step),
        compute(u, u, 1.0, -c.ROUND * form.step),
        compute(s, s, addend=u, op=LaneOp.MAX),
        compute(s, s, addend=form.step, op=LaneOp.MAX),
        compute(s, s, addend=form.largest, op=LaneOp.MIN),
        *reciprocal(t, s, (u,)),
        # Of integers the limits are the same after rounding as before.
        compute(x, x, t, c.ROUND),
        compute(x, x, addend=c.ROUND - c.CODE_HIGHEST, op=LaneOp.MAX),
        compute(x, x, addend=c.ROUND + c.CODE_HIGHEST, op=LaneOp.MIN),
    ]
