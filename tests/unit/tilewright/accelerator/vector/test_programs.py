"""The programs compute what the golden model does, to the bit, and read nothing before it is there."""

import numpy as np
import pytest
from support import lane_operands
from unit.tilewright.accelerator.vector.interpreter import execute, steps

from tilewright.accelerator.contract import ONE_TYPE, ROTATIONS, SOFTMAXES, WITH_Y, ElementType, Operation
from tilewright.accelerator.vector.program.instructions import (
    CONSTANT_BITS,
    INSTRUCTION_SHAPE,
    VECTOR_REGISTERS,
    Kind,
    Mode,
    Operand,
)
from tilewright.accelerator.vector.program.store import stored_programs
from tilewright_sim.models import vector as golden

FLOAT32, BF16, INT32 = ElementType.FLOAT32, ElementType.BF16, ElementType.INT32
OPERATIONS = list(Operation.__members__.values())
SHAPES = {  # rows, elements and lanes
    "one element": (1, 1, 1),
    "a part of a group": (3, 37, 2),
    "rows beside each other": (11, 64, 4),
    "groups": (5, 130, 4),
    "a register": (2, 128, 2),
    "long": (2, 300, 2),
    "long, one lane": (3, 193, 1),
}


def operand(rng, kind, m, n, wild):
    """Rows of a type; wild ones have numbers of every magnitude, others are like those of a network."""
    if kind == INT32:
        edges = [-(2**31), 2**31 - 1, 0, -1, 1 << 24 | 1, -32768, 65535]
        numbers = rng.integers(-(2**31), 2**31, (m, n)) >> rng.integers(0, 32, (m, n))
        return np.where(rng.random((m, n)) < 0.05, rng.choice(edges, (m, n)), numbers).astype(np.int32)
    bits = (rng.standard_normal((m, n)) * 3).astype(np.float32).view(np.uint32)
    if wild:
        drawn = lane_operands.floats(rng, rng.integers(0, 256, m * n)).reshape(m, n)
        bits = np.where(rng.random((m, n)) < 0.1, drawn, bits)
    return (bits >> 16).astype(np.uint16) if kind == BF16 else bits.view(np.float32)


def case(rng, operation, m, n, x_type, y_type, wild):
    """Operands, and the numbers of a job, of which the model's have other names."""
    x = operand(rng, x_type, m, n, wild)
    y = None
    if operation in WITH_Y:
        y = operand(rng, y_type, rng.choice([1, m]), 2 * n if operation in ROTATIONS else n, wild)
    options = {"scalar": 0.0, "scalar2": 0.0, "limit": n, "causal": False, "window": 0}
    if operation in (Operation.RMS_NORM, Operation.LAYER_NORM):
        options |= {"scalar": 1e-5, "scalar2": 1 / n}
    elif operation in (Operation.SCALE, Operation.ABS_MAX, *SOFTMAXES):
        options["scalar"] = float(np.float32(rng.uniform(0.01, 2)))
    if operation in SOFTMAXES:
        options |= {"limit": int(rng.integers(1, n + 2)), "causal": bool(rng.integers(2))}
        options["window"] = int(rng.choice([0, 1, rng.integers(1, n + 1), 65535]))
    return x, y, options


def check(operation, m, n, lanes, x_type, y_type, c_type, seed, wild):
    rng = np.random.default_rng(seed)
    x, y, options = case(rng, operation, m, n, x_type, y_type, wild)
    want = golden.run(operation.name, x, y, **options)
    got = execute(operation, x, y, options, c_type, lanes, seed)
    if operation == Operation.ARGMAX:
        assert (got == want).all()
    elif operation == Operation.QUANTIZE:
        assert (got.astype(np.uint8).view(np.int8) == want).all()
    elif c_type == BF16:
        assert (got >> 16 == golden.to_bf16(want)).all()
    else:
        assert (got == want.view(np.uint32)).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_programs_give_the_golden_models_bits(operation, shape):
    m, n, lanes = SHAPES[shape]
    if operation in ROTATIONS:
        m, n = m + 1, min(64 * lanes, 1 << (n - 1).bit_length()) if n > 1 else 2
    first = 3 * list(SHAPES).index(shape)
    for seed in range(first, first + 3):
        x_type = (FLOAT32, BF16, INT32)[seed % 3]
        c_type = ONE_TYPE.get(operation, (BF16, FLOAT32)[seed % 2])
        check(operation, m, n, lanes, x_type, (FLOAT32, BF16)[seed // 2 % 2], c_type, seed, wild=seed % 4 > 1)


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_a_million_elements_of_each_operation(operation):
    n = 1024 if operation in ROTATIONS else 1000
    for seed in range(20):
        lanes = (16, 2)[seed % 2 and operation not in ROTATIONS]
        check(operation, 50, n, lanes, (FLOAT32, BF16, INT32)[seed % 3], FLOAT32, FLOAT32, seed, wild=seed > 10)


def test_a_row_with_nan_has_no_largest_element_and_equal_ones_the_first():
    x = np.array([[1, 3, 3, -4], [0, -0.0, -1, 0], [1, 2, np.nan, 9], [-np.inf] * 4], np.float32)
    options = {"scalar": 0.0, "scalar2": 0.0}
    found = execute(Operation.ARGMAX, x, None, options, INT32, 1, 0)
    assert found.tolist() == [1, 0, golden.NO_INDEX, 0]


@pytest.mark.parametrize("hold", [*range(8), 16, 17])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_the_loads_alone_are_those_of_the_program(operation, hold):
    whole, alone = stored_programs(), stored_programs(loads=True)

    def loads(store):
        found = []
        for step in steps(store, operation, 3, 300 if hold & 1 else 60, 2, hold):
            fields = store.instructions[step.instruction]
            if fields["kind"] == Kind.LOAD:
                found.append((fields, step[1:]))
        return found

    assert loads(alone) == loads(whole) != []
    assert all(fields["kind"] == Kind.LOAD for fields in alone.instructions)


def test_fields_fit_and_say_only_what_a_kind_looks_at():
    store = stored_programs()
    assert len(store.constants) <= 1 << CONSTANT_BITS
    for fields in store.instructions:
        INSTRUCTION_SHAPE.const(fields)
        for name in ("first", "second", "write"):
            if fields.get(f"{name}_mode", Mode.ROWS) != Mode.ROWS:
                assert fields[name] < VECTOR_REGISTERS
        if fields["kind"] != Kind.LOAD:
            assert not fields["limited"]
            assert fields["operand"] == Operand.X
