"""Sums have the bits of the documented order; largest elements and their places are found."""

import numpy as np
import pytest
from unit.tilewright_sim.models.vector.rows import F32, bits, draw, sum_in_order

from tilewright_sim.models import vector

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 127, 128, 200, 1000])
def test_sums_have_the_documented_order(n):
    x = draw(8, n, seed=n)
    assert bits(vector.row_sum(x)[:, 0]) == [bits(sum_in_order(row)) for row in x]


def test_another_order_has_other_sums():
    x = draw(20, 1000)
    forward, backward = vector.row_sum(x), vector.row_sum(x[:, ::-1])
    assert (forward != backward).sum() > 10
    assert (forward[:, 0] != np.add.accumulate(x, axis=1)[:, -1]).sum() > 10


def test_sums_begin_at_plus_zero_and_flush():
    least = F32(2.0**-126)
    assert bits(vector.row_sum(np.array([[-0.0]], F32))) == [[0]]
    x = np.zeros((1, 129), F32)
    x[0, [0, 64, 128]] = -1.5 * least, least, least  # in one partial sum: -2**-127, which is a zero, and then 2**-126
    assert vector.row_sum(x)[0, 0] == least


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 101])
def test_maximum_of_a_row(n):
    x = draw(50, n, seed=n)
    assert np.array_equal(vector.row_max(x)[:, 0], x.max(axis=1))
    assert bits(vector.row_max(np.full((1, n), -np.inf, F32))) == [[0xFF800000]]
    x[:, n // 2] = np.nan
    assert bits(vector.row_max(x)) == [[0x7FC00000]] * 50
    zeros = np.full((1, n), -0.0, F32)
    assert bits(vector.row_max(zeros)) == [[1 << 31]]
    zeros[0, n - 1] = 0.0
    assert bits(vector.row_max(zeros)) == [[0]]


def test_argmax_is_the_first_of_the_largest():
    x = draw(40, 70)
    assert np.array_equal(vector.run("ARGMAX", x), x.argmax(axis=1))
    x = np.random.default_rng(0).integers(-3, 3, (100, 20)).astype(F32)
    assert np.array_equal(vector.run("ARGMAX", x), x.argmax(axis=1))
    assert vector.run("ARGMAX", x).dtype == np.int32


@pytest.mark.parametrize(
    ("row", "want"),
    [
        ([-0.0, 0.0], 0),
        ([-1.0, -0.0, 0.0], 1),
        ([-np.inf, -np.inf], 0),
        ([1.0, np.inf, np.inf], 1),
        ([1.0, np.nan], vector.NO_INDEX),
        ([2.0**-130, 2.0**-128], 0),
        ([7.0], 0),
    ],
)
def test_argmax_of_special_rows(row, want):
    assert vector.run("ARGMAX", np.array([row], F32)).tolist() == [want]
