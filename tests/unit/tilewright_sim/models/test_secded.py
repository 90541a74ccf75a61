"""The code of stored words: all single and double flips, for every width."""

from itertools import combinations

import numpy as np
import pytest

from tilewright_sim.models.secded import Secded

WIDTHS = [1, 5, 6, 12, 24, 31, 32, 40, 41, 48, 62, 64, 116, 120, 124, 128]


@pytest.mark.parametrize("bits", WIDTHS)
def test_every_single_flip_is_corrected_and_every_double_one_detected(bits):
    code = Secded(bits)
    data = np.random.default_rng(bits).integers(0, 2, (3, bits), dtype=np.uint8)
    words = code.encode(data)
    right, corrected, corrupt = code.decode(words)
    assert (right == data).all()
    assert not corrected.any()
    assert not corrupt.any()
    singles = words[:, None] ^ np.eye(code.code_bits, dtype=np.uint8)
    right, corrected, corrupt = code.decode(singles)
    assert (right == data[:, None]).all()
    assert corrected.all()
    assert not corrupt.any()
    pairs = np.array(list(combinations(range(code.code_bits), 2)))
    doubles = np.repeat(words[:1], len(pairs), axis=0)
    for side in (0, 1):
        doubles[np.arange(len(pairs)), pairs[:, side]] ^= 1
    _, corrected, corrupt = code.decode(doubles)
    assert corrupt.all()
    assert not corrected.any()


def test_columns_are_distinct_and_odd_for_all_widths():
    """So that the syndrome of a single flip is odd and names the bit, and that of a double one is even and not 0."""
    for bits in range(1, 513):
        columns = Secded(bits).columns
        assert len({tuple(column) for column in columns.T}) == columns.shape[1], bits
        assert (columns.sum(axis=0) % 2 == 1).all(), bits


@pytest.mark.parametrize(("bits", "check_bits"), [(32, 9), (64, 12), (120, 14), (128, 14)])
def test_the_documented_numbers_of_check_bits(bits, check_bits):
    assert Secded(bits).check_bits == check_bits
