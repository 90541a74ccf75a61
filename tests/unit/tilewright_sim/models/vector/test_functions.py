"""Functions of the vector engine stay within their errors, which are no larger than they need be."""

import numpy as np
import pytest

from tilewright.accelerator.vector import coefficients
from tilewright_sim.models.vector import functions

pytestmark = pytest.mark.filterwarnings("error")

SQRT_8_OVER_PI = 2 * np.sqrt(2 / np.pi)


def exact(name, x):
    """The function in float64."""
    with np.errstate(over="ignore"):
        if name == "reciprocal":
            return 1 / x
        if name == "rsqrt":
            return 1 / np.sqrt(x)
        if name == "exp":
            return np.exp(x)
        z = SQRT_8_OVER_PI * (x + 0.044715 * x**3) if name == "gelu" else x
        return (1 if name == "sigmoid" else x) / (1 + np.exp(-z))


def ulp(values):
    """Units of the last place of float32 numbers next to float64 ones."""
    return np.exp2(np.maximum(np.frexp(values)[1], -125) - 24.0)


def between(low, high, count, seed=0):
    """float32 numbers that are uniform over the bits from `low` to `high`, both of one sign, and both of them."""
    ends = np.array([low, high], np.float32).view(np.uint32)
    bits = np.random.default_rng(seed).integers(ends.min(), ends.max(), count)
    return np.concatenate([bits.astype(np.uint32), ends]).view(np.float32)


def error(name, x):
    """Return the largest error of a function of `x`, in ulp."""
    got, want = getattr(functions, name)(x), exact(name, x.astype(np.float64))
    return (np.abs(got - want) / ulp(want)).max()


# Function, range, the error that is promised, and one that 100,000 random arguments exceed.
BOUNDS = [
    ("exp", 1e-3, 88.7228, 1.37, 1.1),
    ("exp", -1e-3, -87.3365, 1.37, 1.1),
    ("exp", 1e-30, 1e-3, 1.37, 0.4),
    ("reciprocal", 1.0, 4.0, 1.53, 1.42),
    ("reciprocal", 2.0**-126, 2.0**-124, 1.53, 1.42),
    ("reciprocal", -(2.0**120), -8.0773e37, 1.53, 1.42),
    ("rsqrt", 1.0, 4.0, 1.47, 1.25),
    ("rsqrt", 2.0**-126, 2.0**-124, 1.47, 1.25),
    ("rsqrt", 2.0**120, 3.4028234e38, 1.47, 1.25),
    ("sigmoid", 1e-3, 110, 2.49, 2.2),
    ("sigmoid", -1e-3, -87.28, 3.39, 2.7),
    ("silu", 1e-3, 3e38, 3.15, 2.4),
    ("silu", -1e-3, -87.28, 3.66, 2.9),
    ("gelu", 1e-3, 1e38, 3.21, 2.2),
    ("gelu", -1e-3, -1.0, 3.51, 2.9),
]


@pytest.mark.parametrize(("name", "low", "high", "bound", "reached"), BOUNDS)
def test_errors_are_within_their_bounds_and_reach_them_nearly(name, low, high, bound, reached):
    assert reached < error(name, between(low, high, 100_000)) <= bound


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("exp", "0x1.4cd8d2p+2"),
        ("exp", "-0x1.b60144p+4"),
        ("reciprocal", "0x1.0c0f74p+0"),
        ("rsqrt", "0x1.0c2b62p+0"),
        ("sigmoid", "-0x1.0a36d2p+4"),
        ("silu", "-0x1.0b26e4p+4"),
        ("gelu", "-0x1.5bd402p-2"),
    ],
)
def test_the_worst_arguments_found_are_within_the_bounds(name, argument):
    bound = max(bound for function, _, _, bound, _ in BOUNDS if function == name)
    assert bound - 0.03 < error(name, np.array([float.fromhex(argument)], np.float32)) <= bound


@pytest.mark.long
@pytest.mark.parametrize(("name", "low", "high", "bound", "reached"), BOUNDS)
def test_errors_of_many_arguments_are_within_their_bounds(name, low, high, bound, reached):
    assert error(name, between(low, high, 5_000_000, seed=1)) <= bound


@pytest.mark.parametrize(
    ("name", "coefficient", "change"),
    [
        ("exp", "LOG2_E", 1e-2),
        ("exp", "LN2_HIGH", 1e-7),
        ("exp", "LN2_LOW", 1e-2),
        *[("exp", f"EXP_TERMS[{index}]", change) for index, change in enumerate((0.1, 1e-2, 1e-3, 1e-4, 1e-5))],
        ("exp", "EXP_TERMS[5]", 1e-6),
        ("exp", "EXP_TERMS[6]", 1e-6),
        ("reciprocal", "RECIPROCAL_CENTER", 1e-3),
        ("reciprocal", "RECIPROCAL_OFFSET", 1e-3),
        ("reciprocal", "RECIPROCAL_SEED", 1e-4),
        ("rsqrt", "RSQRT_LINEAR", 1e-2),
        ("rsqrt", "RSQRT_QUADRATIC", 0.1),
        ("rsqrt", "RSQRT_SEED", 1e-3),
        ("gelu", "GELU_LINEAR", 1e-6),
        ("gelu", "GELU_CUBIC", 1e-5),
    ],
)
def test_another_coefficient_has_larger_errors(monkeypatch, name, coefficient, change):
    """The bounds see a relative change of each constant, in either direction."""
    field, _, index = coefficient.partition("[")
    value = getattr(coefficients, field)
    for factor in (1 + change, 1 - change):
        changed = value * factor if not index else list(value)
        if index:
            changed[int(index[:-1])] *= factor
        monkeypatch.setattr(coefficients, field, int(changed) if isinstance(value, int) else changed)
        ranges = [(low, high, bound) for function, low, high, bound, _ in BOUNDS if function == name]
        assert any(error(name, between(low, high, 20_000)) > bound for low, high, bound in ranges)


@pytest.mark.parametrize(
    ("name", "x", "want"),
    [
        ("exp", 0.0, 1.0),
        ("exp", -0.0, 1.0),
        ("exp", -np.inf, 0.0),
        ("exp", -87.34, 0.0),
        ("exp", -3e38, 0.0),
        ("exp", 88.8, np.inf),
        ("exp", 3e38, np.inf),
        ("exp", np.inf, np.inf),
        ("reciprocal", 1e38, 0.0),
        ("reciprocal", -1e38, -0.0),
        ("rsqrt", np.inf, np.nan),
        ("reciprocal", 0.0, np.nan),
        ("sigmoid", 0.0, 0.5),
        ("sigmoid", np.inf, 1.0),
        ("sigmoid", 3e38, 1.0),
        ("sigmoid", -87.34, 0.0),
        ("sigmoid", -3e38, 0.0),
        ("sigmoid", -np.inf, 0.0),
        ("silu", np.inf, np.inf),
        ("silu", -3e38, -0.0),
        ("silu", -np.inf, np.nan),
        ("gelu", np.inf, np.inf),
        ("gelu", 3e38, 3e38),
        ("gelu", -3e38, -0.0),
        ("gelu", -np.inf, np.nan),
        *[(name, np.nan, np.nan) for name in functions.__all__],
    ],
)  # fmt: skip
def test_ends_of_the_ranges(name, x, want):
    got = getattr(functions, name)(np.float32(x))
    assert got.view(np.uint32) == (0x7FC00000 if np.isnan(want) else np.float32(want).view(np.uint32))


def test_rsqrt_of_zero_is_finite():
    assert 3.6e19 < functions.rsqrt(0.0) < 3.8e19


def test_gelu_of_negative_numbers_is_within_a_2_to_the_24th_of_them():
    x = between(-1.0, -1e30, 200_000)
    assert (np.abs(functions.gelu(x) - exact("gelu", x.astype(np.float64))) / np.abs(x)).max() <= 2.0**-24


def test_exp_falls_by_at_most_its_last_place_where_n_changes():
    middle = np.float32((np.arange(-120, 120) + 0.5) * np.log(2))
    x = np.sort((middle.view(np.int32)[:, None] + np.arange(-50, 50, dtype=np.int32)).view(np.float32), axis=1)
    assert (np.diff(functions.exp(x), axis=1) >= -ulp(functions.exp(x)[:, 1:].astype(np.float64))).all()
