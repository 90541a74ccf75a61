"""Operations on rows are their formulas in float64, nearly, and have the bits of the documented order, exactly."""

import numpy as np
import pytest
from unit.tilewright_sim.models.vector.rows import F32, bits, draw, sum_in_order

from tilewright.accelerator.contract import WITH_Y, Operation
from tilewright.accelerator.vector import coefficients
from tilewright.base import TilewrightError
from tilewright_sim.models import vector
from tilewright_sim.models.vector import functions, lanes

pytestmark = pytest.mark.filterwarnings("error")


def float64(operation, x, y, scalar, scalar2):
    """The formulas in float64."""
    x, y = x.astype(float), None if y is None else y.astype(float)
    n = x.shape[1]
    if operation == "LAYER_NORM":
        x = x - x.mean(axis=1, keepdims=True)
    if operation in ("RMS_NORM", "LAYER_NORM"):
        return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + scalar) * y
    if operation == "ROTATE_ADJACENT":
        p = x.reshape(len(x), -1, 2)[:, :, ::-1].reshape(x.shape)
        return x * y[:, :n] + p * y[:, n:]
    if operation == "ROTATE_HALVES":
        return x * y[:, :n] + np.concatenate([x[:, n // 2 :], x[:, : n // 2]], axis=1) * y[:, n:]
    if "SOFTMAX" in operation:
        e = np.exp(x * scalar - (x * scalar).max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True) * (y if operation == "WEIGHTED_SOFTMAX" else 1)
    z = 2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
    return {
        "COPY": lambda: x,
        "ADD": lambda: x + y,
        "MULTIPLY": lambda: x * y,
        "SCALE": lambda: x * F32(scalar),
        "SILU": lambda: x / (1 + np.exp(-x)) * y,
        "GELU": lambda: x / (1 + np.exp(-z)) * y,
        "RELU": lambda: np.maximum(x, 0) * y,
        "ABS_MAX": lambda: np.abs(x).max(axis=1, keepdims=True) * F32(scalar),
    }[operation]()


# The largest differences, in 2**-24 of the largest magnitude that the terms of an element have.
DIFFERENCES = {
    "COPY": 0, "ADD": 1, "MULTIPLY": 1, "SCALE": 1, "RMS_NORM": 6, "LAYER_NORM": 8, "ROTATE_ADJACENT": 3,
    "ROTATE_HALVES": 3, "SOFTMAX": 30, "SILU": 8, "GELU": 8, "RELU": 1,
    "ABS_MAX": 1, "WEIGHTED_SOFTMAX": 30,
}  # fmt: skip


@pytest.mark.parametrize("operation", DIFFERENCES)
def test_operations_are_their_formulas(operation):
    m, n = 30, 128
    x = draw(m, n, magnitudes=2.0)
    y = draw(m, 2 * n if "ROTATE" in operation else n, seed=1, magnitudes=2.0)
    if Operation[operation] not in WITH_Y:
        y = None
    scalar, scalar2 = (1e-5, 1 / n) if "NORM" in operation else (0.3, 0.0)
    got = vector.run(operation, x, y, scalar, scalar2)
    want = float64(operation, x, y, scalar, scalar2)
    size = np.abs(want)
    if operation == "ADD":
        size = np.abs(x) + np.abs(y)
    elif operation.startswith("ROTATE"):
        size = float64(operation, np.abs(x), np.abs(y), scalar, scalar2)
    elif operation == "LAYER_NORM":
        size = size + np.abs(y)
    elif operation == "RELU":
        size = np.abs(x * y)
    elif operation == "GELU":
        size = np.where(x < -1, np.abs(x * y), size)
    worst = (np.abs(got - want) / size).max() * 2**24
    assert got.dtype == F32
    assert DIFFERENCES[operation] / 6 <= worst <= DIFFERENCES[operation]


@pytest.mark.parametrize("operation", ["ADD", "MULTIPLY", "RMS_NORM", "LAYER_NORM", "SILU", "GELU", "RELU"])
def test_one_row_of_y_serves_all(operation):
    x, y = draw(5, 40), draw(40, seed=1)
    whole = vector.run(operation, x, np.tile(y, (5, 1)), 1e-5, 1 / 40)
    assert bits(vector.run(operation, x, y, 1e-5, 1 / 40)) == bits(whole)
    assert bits(vector.run(operation, x, y[None], 1e-5, 1 / 40)) == bits(whole)


def test_norms_are_their_operations_in_their_order():
    x, y = draw(6, 100), draw(100, seed=1)
    epsilon, inverse = F32(1e-6), F32(1 / 100)
    squares = [sum_in_order(row * row) for row in x]
    factors = functions.rsqrt([square * inverse + epsilon for square in squares])[:, None]
    assert bits(vector.run("RMS_NORM", x, y, 1e-6, 1 / 100)) == bits(x * factors * y)
    d = x - np.array([sum_in_order(row) * inverse for row in x])[:, None]
    factors = functions.rsqrt([sum_in_order(row * row) * inverse + epsilon for row in d])[:, None]
    assert bits(vector.run("LAYER_NORM", x, y, 1e-6, 1 / 100)) == bits(d * factors * y)


def test_a_row_of_zeros_has_a_norm_of_zeros():
    zeros, ones = np.zeros((1, 8), F32), np.ones(8, F32)
    for operation in ("RMS_NORM", "LAYER_NORM"):
        for epsilon in (0.0, 1e-5):
            assert not vector.run(operation, zeros, ones, epsilon, 1 / 8).any()


def test_what_fills_up_a_norm_is_0_unless_a_factor_of_it_is_infinite():
    usual, huge = np.array([[1, 2, 3, 4]], F32), np.full((1, 4), 3e38, F32)
    for operation in ("RMS_NORM", "LAYER_NORM"):
        assert vector.filling(operation, usual, 1e-5, 1 / 4).tolist() == [[0]]
        with np.errstate(all="ignore"):
            assert np.isnan(vector.filling(operation, huge, 1e-5, 1 / 4)).all()
    assert not vector.filling("ADD", huge, 0.0, 0.0).any()


def test_rotations_by_hand():
    x = np.array([[1, 2, 3, 4]], F32)
    y = np.array([10, 100, 1000, 10000, 0.5, 0.25, 2, 3], F32)
    adjacent = [10 + 2 * 0.5, 200 + 1 * 0.25, 3000 + 4 * 2, 40000 + 3 * 3]
    assert vector.run("ROTATE_ADJACENT", x, y).tolist() == [adjacent]
    halves = [10 + 3 * 0.5, 200 + 4 * 0.25, 3000 + 1 * 2, 40000 + 2 * 3]
    assert vector.run("ROTATE_HALVES", x, y).tolist() == [halves]


# Softmax


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [0, 1, 3, 100])
@pytest.mark.parametrize("limit", [1, 5, 12, 20, None])
def test_softmax_within_its_limit(limit, window, causal):
    x = draw(8, 12, magnitudes=1.0)
    got = vector.run("SOFTMAX", x, scalar=0.5, limit=limit, causal=causal, window=window)
    for row, values in enumerate(got):
        end = min((12 if limit is None else limit) + (row if causal else 0), 12)
        start = max(end - window, 0) if window else 0
        scaled = np.where((np.arange(12) >= start) & (np.arange(12) < end), x[row] * F32(0.5), F32(-np.inf))
        e = functions.exp(scaled - scaled.max())
        assert bits(values[start:end]) == bits(e * functions.reciprocal(sum_in_order(e)))[start:end]
        assert bits(values[:start]) == [0] * start
        assert bits(values[end:]) == [0] * (12 - end)


def test_softmax_is_its_operations_in_their_order():
    x = draw(6, 200)
    scaled = x * F32(0.125)
    e = functions.exp(scaled - scaled.max(axis=1, keepdims=True))
    want = e * functions.reciprocal([sum_in_order(row) for row in e])[:, None]
    assert bits(vector.run("SOFTMAX", x, scalar=0.125)) == bits(want)


def test_softmax_does_not_look_beyond_the_limit():
    x = np.array([[1, 2, np.nan, np.inf]], F32)
    assert bits(vector.run("SOFTMAX", x, scalar=1.0, limit=2)[:, :2]) == bits(vector.run("SOFTMAX", x[:, :2], scalar=1))
    assert np.isnan(vector.run("SOFTMAX", x, scalar=1.0, limit=0)).all()


def test_the_least_integer_is_minus_infinity_for_softmax():
    x = np.array([[3, -(2**31), 5, 2]], np.int32)
    floats = np.array([[3, -np.inf, 5, 2]], F32)
    assert bits(vector.run("SOFTMAX", x, scalar=0.5)) == bits(vector.run("SOFTMAX", floats, scalar=0.5))


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_softmax_of_what_has_none_is_nan(special):
    x = np.array([[1, special, 2]], F32)
    assert bits(vector.run("SOFTMAX", x, scalar=1.0)) == [[0x7FC00000] * 3]
    assert bits(vector.run("SOFTMAX", np.full((1, 2), -np.inf, F32), scalar=1.0)) == [[0x7FC00000] * 2]


def test_softmax_of_minus_infinity_is_zero_and_of_one_element_one():
    assert vector.run("SOFTMAX", np.array([[-np.inf, 5.0, -np.inf]], F32), scalar=1.0).tolist() == [[0, 1, 0]]
    assert vector.run("SOFTMAX", np.array([[-3e38]], F32), scalar=10.0)[0, 0] != 1  # -infinity after scaling


# Requests that are refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("SQUARE", np.zeros((1, 2), F32)), "operation: 'SQUARE' is not one of COPY, ADD"),
        (("COPY", np.zeros(2, F32)), r"x: the shape must be \[m, n\]"),
        (("COPY", np.zeros((1, 0), F32)), "n from 1"),
        (("COPY", np.zeros((1, 2))), "x: the type must be one of float32, uint16, int32, not float64"),
        (("ADD", np.zeros((1, 2), F32)), "y: ADD needs it"),
        (("COPY", np.zeros((1, 2), F32), np.zeros((1, 2), F32)), "y: COPY has none"),
        (("ADD", np.zeros((2, 2), F32), np.zeros((2, 3), F32)), r"y: the shape must be \[2, 2\] or \[2\], not"),
        (("ADD", np.zeros((2, 2), F32), np.zeros((2, 2), np.int32)), "y: the type"),
        (("ROTATE_HALVES", np.zeros((1, 6), F32), np.zeros(12, F32)), "power of 2, not 6; the next is 8"),
        (("ROTATE_ADJACENT", np.zeros((1, 3), F32), np.zeros(6, F32)), "3 is odd; the nearest is 4"),
    ],
)  # fmt: skip
def test_refusals(arguments, message):
    with pytest.raises(TilewrightError, match=message):
        vector.run(*arguments)


def test_specials_raise_no_warnings():
    specials = np.array([[0, -0.0, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-40, 2.0**-126, 1e20]], F32)
    x = np.tile(specials, (8, 1))
    for operation in vector.OPERATIONS:
        if operation == "ROTATE_HALVES":
            continue
        y = x if Operation[operation] in WITH_Y else None
        y = np.concatenate([x, x], axis=1) if "ROTATE" in operation else y
        result = vector.run(operation, x, y, 1.0, 0.1)
        assert result.dtype in (np.int32, np.int8) or set(bits(result[np.isnan(result)])) <= {0x7FC00000}
    assert lanes.bf16(x).shape == x.shape


def test_quantize_and_abs_max_are_the_codes_and_the_scales_of_rows():
    x = draw(20, 70, magnitudes=9.0)
    codes, scales = vector.quantize_rows(x)
    assert vector.run("QUANTIZE", x).tolist() == codes.tolist()
    assert bits(vector.run("ABS_MAX", x, scalar=coefficients.CODE_STEP)) == bits(scales)
