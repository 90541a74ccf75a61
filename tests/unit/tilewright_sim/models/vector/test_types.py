"""Results as integers, bfloat16 and int8 codes."""

import ml_dtypes
import numpy as np
import pytest
from unit.tilewright_sim.models.vector.rows import F32, bits, draw

from tilewright_sim.models import vector

pytestmark = pytest.mark.filterwarnings("error")


def test_integers_are_rounded_as_numpy_rounds_them():
    rng = np.random.default_rng(0)
    x = rng.integers(-(2**31), 2**31, 100_000) >> rng.integers(0, 32, 100_000)
    x = np.concatenate([x, [0, 2**31 - 1, -(2**31), 2**24 + 1, 2**24 + 3, -(2**24) - 1]]).astype(np.int32)
    assert bits(vector.from_int32(x)) == bits(x.astype(F32))


def test_bf16_is_that_of_ml_dtypes():
    pattern = np.random.default_rng(0).integers(0, 1 << 32, 100_000, dtype=np.uint32)
    x = pattern.view(F32)
    x = x[np.isfinite(x) & (np.abs(x) >= 2.0**-126)]
    with np.errstate(over="ignore"):
        want = x.astype(ml_dtypes.bfloat16)
    assert np.array_equal(vector.to_bf16(x), want.view(np.uint16))
    assert bits(vector.from_bf16(want.view(np.uint16))) == bits(want.astype(F32))


def test_special_numbers_as_bf16():
    x = np.array([np.nan, -np.inf, -(2.0**-127), -0.0], F32)
    assert vector.to_bf16(x).tolist() == [0x7FC0, 0xFF80, 0x8000, 0x8000]


def test_run_converts_types():
    x, y = np.array([[1, -2, 3]], np.int32), np.array([0x3F80, 0x4000, 0xC000], np.uint16)
    assert vector.run("ADD", x, y).tolist() == [[2, 0, 1]]
    assert bits(vector.run("COPY", np.array([[2.0**-130, -np.nan]], F32))) == [[0, 0x7FC00000]]


def test_codes_are_the_nearest_of_127_steps():
    x = draw(50, 96)
    codes, scales = vector.quantize_rows(x)
    assert codes.dtype == np.int8
    assert scales.shape == (50, 1)
    step = np.abs(x).max(axis=1, keepdims=True).astype(float) / 127
    assert np.abs(scales / step - 1).max() <= 2.0**-23
    assert np.abs(codes - x / step).max() <= 0.5 + 127 * 2.0**-21
    assert (np.abs(codes.astype(int)).max(axis=1) == 127).all()


@pytest.mark.parametrize("exponent", [*range(-119, 126, 4), 125])
def test_codes_of_the_largest_elements_are_127_at_every_scale(exponent):
    x = np.exp2(np.random.default_rng(0).uniform(0, 1, (200, 1)) + min(exponent, 125)).astype(F32)
    x = np.minimum(x, F32(8.07e37))
    codes, _ = vector.quantize_rows(np.concatenate([x, -x, x / 2, 0 * x], axis=1))
    assert (codes[:, :2] == [127, -127]).all()
    assert ((codes[:, 2] == 63) | (codes[:, 2] == 64)).all()
    assert not codes[:, 3].any()


@pytest.mark.parametrize(("value", "scale"), [(0.0, 0.0), (-0.0, 0.0), (np.inf, np.inf), (np.nan, np.nan)])
def test_codes_of_rows_without_a_magnitude_are_zero(value, scale):
    codes, scales = vector.quantize_rows(np.array([[value, value]], F32))
    assert codes.tolist() == [[0, 0]]
    assert np.array_equal(scales, [[scale]], equal_nan=True)


def test_small_rows_have_small_codes():
    codes, _ = vector.quantize_rows(np.array([[2.0**-120, -(2.0**-126)]], F32))
    assert codes.tolist() == [[64, -1]]
