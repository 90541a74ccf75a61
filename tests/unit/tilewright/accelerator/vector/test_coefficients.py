"""Constants of the vector engine are float32 and what their comments say."""

import math
import struct
from fractions import Fraction

import pytest

from tilewright.accelerator.vector import coefficients as k


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def of_bits(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def test_all_are_exactly_float32():
    values = [value for name, value in vars(k).items() if name.isupper()]
    values = [one for value in values for one in (value if isinstance(value, tuple) else [value])]
    floats = [value for value in values if isinstance(value, float)]
    assert len(floats) > 20
    assert [value for value in floats if float32(value) != value] == []


def test_ln_2_is_in_two_parts_the_first_short():
    assert (k.LN2_HIGH * 2**16).is_integer()
    assert abs(k.LN2_HIGH + k.LN2_LOW - math.log(2)) < 2**-43
    assert float32(1 / math.log(2)) == k.LOG2_E


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("GELU_LINEAR", 2 * math.sqrt(2 / math.pi)),
        ("GELU_CUBIC", 2 * math.sqrt(2 / math.pi) * 0.044715),
        ("CODE_STEP", 1 / 127),
    ],
)
def test_constants_of_formulas_are_rounded_once(name, want):
    assert getattr(k, name) == float32(want)


def test_exp_of_what_is_left_is_within_2e_8():
    for step in range(-1000, 1001):
        r = step * 3.467e-4
        assert abs(sum(term * r**power for power, term in enumerate(k.EXP_TERMS[::-1])) / math.exp(r) - 1) < 1.8e-8


def test_clamps_of_exp_end_beyond_the_numbers():
    assert math.exp(k.EXP_LOWEST) < 2**-149
    assert math.exp(k.EXP_HIGHEST) > 2**128
    assert k.EXP_LOWEST * k.LOG2_E >= -256
    assert k.EXP_HIGHEST * k.LOG2_E < 255


def test_the_first_step_of_the_reciprocal_is_never_low():
    for step in range(4096):
        a = 1 + step / 4096
        s = Fraction(a) * Fraction(of_bits(k.RECIPROCAL_SEED - bits(a)))
        assert Fraction(9494, 10000) < s < Fraction(10506, 10000)
        product = float(s * ((Fraction(k.RECIPROCAL_CENTER) - s) ** 2 + Fraction(k.RECIPROCAL_OFFSET))) - 1
        assert 2.4e-6 < product < 6.95e-5


def test_the_first_step_of_rsqrt_is_within_2_5e_5():
    for step in range(4096):
        a = 1 + 3 * step / 4096
        y = of_bits(k.RSQRT_SEED - (bits(a) >> 1))
        e = 1 - a * y * y
        assert -0.0692 < e < 0.0676
        assert abs(y * (1 + e * (k.RSQRT_LINEAR + k.RSQRT_QUADRATIC * e)) * math.sqrt(a) - 1) < 2.55e-5
