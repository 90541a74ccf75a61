"""The programs of the vector engine: a sequence of instructions for each operation."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from tilewright.accelerator.contract import Operation

from .. import coefficients as c
from ..lanes.lane_op import LaneOp
from ..results.record_format import RecordFormat
from .instructions import HALVES, Extent, Instruction, Kind, Mode, Operand, Read
from .sequences import compute, exp, gelu, int32, reciprocal, records, rsqrt, sigmoid

__all__ = ["STORE", "Phase", "program_of", "same_program", "store"]

INFINITY = float("inf")
NO_INDEX = 16777215.0
"""The index of the largest element of a row with a NaN, 2**22 - 1, as an index is: in the low bits of a float."""


class Phase(NamedTuple):
    """Instructions that are repeated for each strip of the rows in the registers, or done once for these rows."""

    instructions: list[Instruction]
    strips: bool = True


def vector(register: int, exchange: int = 0) -> Read:
    """The elements of a vector register."""
    return Read(register, Mode.ELEMENTS, exchange)


def scalar(register: int) -> Read:
    """The rows' numbers in a scalar register."""
    return Read(register, Mode.ROWS)


X, Y, SCALE, T, ACC = 0, 1, 2, 4, 5  # vector registers; 2, 3 and T belong to the sequences of functions
STORE = Instruction(Kind.STORE)
"""The end of a program, which all have in common: see `store`."""


_X, _TEMPORARIES = vector(X), (vector(2), vector(3))


def load_x(*, limited: bool = False) -> list[Instruction]:
    """Load x as float32, of whatever type it is."""
    x = vector(X)
    load = Instruction(Kind.LOAD, x, operand=Operand.X, limited=limited)
    return [load, *(instruction.conditional("int32") for instruction in int32(x, vector(T)))]


def load_y(operand: Any = Operand.Y, register: int = Y) -> Instruction:
    """Load y, or the second half of its row."""
    return Instruction(Kind.LOAD, vector(register), operand=operand)


def store(form: RecordFormat | None) -> Phase:
    """How every program but ARGMAX ends: store register X as float32, rounded to bf16, or as records."""
    x, scale = vector(X), vector(SCALE)
    codes = records(x, scale, (vector(3), vector(T)), form) if form else []
    return Phase([
        compute(x, x, op=LaneOp.BF16).conditional("bf16"),
        *(instruction.conditional("records") for instruction in codes),
        Instruction(Kind.STORE, a=x, c=scale),
    ])


def again(instructions: Iterable[Instruction]) -> list[Instruction]:
    """The same for rows that are longer than a register, whose elements must come once more."""
    return [instruction.conditional("again") for instruction in instructions]


def clear(value: float) -> Phase:
    """Give all partial sums their first value."""
    sums = Read(ACC, Mode.PARTIALS)
    return Phase([compute(sums, value, addend=value, op=LaneOp.MAX, extent=Extent.PARTIALS)], strips=False)


def fold(term: int, op: Any = LaneOp.MADD) -> Instruction:
    """Add a register to the partial sums, or take the largest."""
    sums = Read(ACC, Mode.PARTIALS)
    return compute(sums, sums, 1.0, vector(term), op=op, extent=Extent.FOLD)


def reduce(register: int, op: Any = LaneOp.MADD) -> list[Instruction]:
    """Make one number of a row's partial sums, in a scalar register."""
    steps = []
    source, target = ACC, T  # by turns: no partner is overwritten before it is read
    for exchange in range(6, 0, -1):
        one, partner = Read(source, Mode.PARTIALS), Read(source, Mode.PARTIALS, exchange)
        steps.append(compute(Read(target, Mode.PARTIALS), one, 1.0, partner, op=op, extent=Extent.PARTIALS))
        source, target = target, source
    steps.append(compute(scalar(register), Read(source, Mode.PARTIALS)))
    return steps


def elementwise(*instructions: Instruction, y: bool = False) -> list[Phase]:
    """A program of one phase: load, compute, store."""
    return [Phase([*load_x(), *([load_y()] if y else []), *instructions, STORE])]


def gate(function: list[Instruction]) -> list[Phase]:
    """``c = function(x) * y``."""
    return elementwise(*function, compute(vector(X), vector(X), vector(Y)), y=True)


def rms_norm() -> list[Phase]:
    x, square = vector(X), vector(T)
    return [
        clear(0.0),
        Phase([*load_x(), compute(square, x, x), fold(T)]),
        Phase([*reduce(0), *_inverse_deviation(0)], strips=False),
        Phase([*again(load_x()), load_y(), compute(x, x, scalar(1)), compute(x, x, vector(Y)), STORE]),
    ]


def layer_norm() -> list[Phase]:
    x, square = vector(X), vector(T)
    centre = compute(x, x, 1.0, scalar(2), negate_c=True)
    return [
        clear(0.0),
        Phase([*load_x(), fold(X)]),
        Phase(
            [
                *reduce(0),
                compute(scalar(2), scalar(0), "scalar2"),
                *clear(0.0).instructions,
            ],
            strips=False,
        ),
        Phase([*again(load_x()), centre, compute(square, x, x), fold(T)]),
        Phase([*reduce(0), *_inverse_deviation(0)], strips=False),
        Phase([
            *again([*load_x(), centre]),
            load_y(),
            compute(x, x, scalar(1)),
            compute(x, x, vector(Y)),
            STORE,
        ]),
    ]


def _inverse_deviation(total: int) -> list[Instruction]:
    """Scalar 1 from a sum of squares: ``rsqrt(madd(total, scalar2, scalar))``."""
    variance = compute(scalar(total), scalar(total), "scalar2", "scalar")
    return [variance, *rsqrt(scalar(1), scalar(total), (scalar(3), scalar(4)))]


def rotate(exchange: int) -> list[Phase]:
    x, turned = vector(X), vector(T)
    return [
        Phase([
            *load_x(),
            load_y(),
            load_y(Operand.Y_SECOND, 2),
            compute(turned, vector(2), vector(X, exchange)),
            compute(x, x, vector(Y)),
            compute(x, x, 1.0, turned),
            STORE,
        ])
    ]


def softmax() -> list[Phase]:
    x = vector(X)
    outside = compute(vector(T), x, -INFINITY, -(2.0**31), op=LaneOp.EQUAL)
    begin = [
        *load_x(limited=True),
        outside.conditional("int32"),
        compute(x, x, addend=vector(T), op=LaneOp.MIN).conditional("int32"),
        compute(x, x, "scalar"),
    ]
    powers = [compute(x, x, 1.0, scalar(0), negate_c=True), *exp(x, x, _TEMPORARIES)]
    return [
        clear(-INFINITY),
        Phase([*begin, fold(X, LaneOp.MAX)]),
        Phase([*reduce(0, LaneOp.MAX), *clear(0.0).instructions], strips=False),
        Phase([*again(begin), *powers, fold(X)]),
        Phase([*reduce(1), *reciprocal(scalar(2), scalar(1), (scalar(3),))], strips=False),
        Phase([
            *again([*begin, *powers]),
            load_y().conditional("weighted"),
            compute(x, x, scalar(2)),
            compute(x, x, vector(Y)).conditional("weighted"),
            STORE,
        ]),
    ]


def magnitude() -> list[Phase]:
    """The largest absolute value of each row, in scalar 0."""
    return [
        clear(0.0),
        Phase([*load_x(), replace(fold(X, LaneOp.MAX), absolute_c=True)]),
        Phase(reduce(0, LaneOp.MAX), strips=False),
    ]


def abs_max() -> list[Phase]:
    *load, largest = magnitude()
    scaled = compute(scalar(0), scalar(0), "scalar")
    return [*load, Phase([*largest.instructions, scaled, Instruction(Kind.STORE, a=scalar(0))], strips=False)]


def quantize() -> list[Phase]:
    *load, largest = magnitude()
    inverse = [
        compute(scalar(0), scalar(0), addend=c.CODE_LEAST_MAGNITUDE, op=LaneOp.MAX),
        *reciprocal(scalar(1), scalar(0), (scalar(2),)),
        compute(scalar(1), scalar(1), c.CODE_HIGHEST),
    ]
    return [
        *load,
        Phase([*largest.instructions, *inverse], strips=False),
        Phase([*again(load_x()), compute(vector(X), vector(X), scalar(1), c.ROUND), STORE]),
    ]


def argmax() -> list[Phase]:
    found, x = vector(T), vector(X)
    return [
        clear(-INFINITY),
        Phase([*load_x(), fold(X, LaneOp.MAX)]),
        Phase([*reduce(0, LaneOp.MAX), *clear(NO_INDEX).instructions], strips=False),
        Phase([
            *again(load_x()),
            compute(found, x, "index", scalar(0), op=LaneOp.EQUAL),
            fold(T, LaneOp.MIN),
        ]),
        Phase([*reduce(0, LaneOp.MIN), Instruction(Kind.STORE, a=scalar(0))], strips=False),
    ]


_PROGRAMS: dict[Any, Callable[[], list[Phase]]] = {
    Operation.COPY: lambda: elementwise(compute(_X, _X)),
    Operation.ADD: lambda: elementwise(compute(_X, _X, 1.0, vector(Y)), y=True),
    Operation.MULTIPLY: lambda: elementwise(compute(_X, _X, vector(Y)), y=True),
    Operation.SCALE: lambda: elementwise(compute(_X, _X, "scalar")),
    Operation.RMS_NORM: rms_norm,
    Operation.LAYER_NORM: layer_norm,
    Operation.ROTATE_ADJACENT: lambda: rotate(1),
    Operation.ROTATE_HALVES: lambda: rotate(HALVES),
    Operation.SOFTMAX: softmax,
    Operation.SILU: lambda: gate([*sigmoid(vector(T), _X, _TEMPORARIES), compute(_X, _X, vector(T))]),
    Operation.GELU: lambda: gate(gelu(_X, vector(ACC), vector(T), _TEMPORARIES)),
    Operation.RELU: lambda: gate([compute(_X, _X, addend=0.0, op=LaneOp.MAX)]),
    Operation.ARGMAX: argmax,
    Operation.QUANTIZE: quantize,
    Operation.ABS_MAX: abs_max,
    Operation.WEIGHTED_SOFTMAX: softmax,
}


def program_of(operation: Operation) -> list[Phase]:
    """The program of an operation."""
    return _PROGRAMS[operation]()


def same_program(operation: Operation) -> Operation:
    """The first operation that has the same program."""
    return next(one for one, program in _PROGRAMS.items() if program is _PROGRAMS[operation])
