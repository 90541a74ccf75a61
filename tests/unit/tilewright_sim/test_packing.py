"""Packing: elements side by side, element 0 lowest, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright_sim import packing


@st.composite
def words(draw):
    """``(array of shape [words, elements], bits)``."""
    bits = draw(st.integers(2, 38))  # the widest sum: 64 products of 16 x 16 bits
    element = st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)
    count = draw(st.integers(1, 9))
    rows = draw(st.lists(st.lists(element, min_size=count, max_size=count), min_size=1, max_size=4))
    return np.array(rows, dtype=np.int64), bits


@given(words())
def test_unpack_reverses_pack(case):
    array, bits = case
    packed = packing.pack(array, bits)
    assert (packed.dtype, packed.shape) == (np.uint32, (len(array), -(-array.shape[1] * bits // 32)))
    unpacked = packing.unpack(packed, array.shape[1], bits)
    assert (unpacked.dtype, unpacked.tolist()) == (np.int64, array.tolist())


@given(words())
def test_words_as_integers_hold_each_element_in_its_place(case):
    array, bits = case
    packed = packing.pack(array, bits)
    integers = packing.to_ints(packed)
    mask = (1 << bits) - 1
    assert integers == [sum((int(value) & mask) << bits * place for place, value in enumerate(row)) for row in array]
    back = packing.from_ints(integers, array.shape[1] * bits)
    assert (back.shape, back.tolist()) == (packed.shape, packed.tolist())


@pytest.mark.parametrize(
    ("elements", "bits", "want"),
    [
        ([1, 2, 3, 4], 8, [0x04030201]),
        ([-1, 0, -128, 127], 8, [0x7F8000FF]),
        ([1, -1, 1], 16, [0xFFFF0001, 0x00000001]),
        ([-1], 3, [0b111]),
        ([1] * 11, 3, [0x49249249, 0]),
    ],
)
def test_pack_is_the_hand_worked_word(elements, bits, want):
    assert packing.pack([elements], bits).tolist() == [want]


def test_no_words_pack_and_unpack_to_none():
    assert packing.pack(np.zeros((0, 4), int), 8).shape == (0, 1)
    assert packing.unpack(np.zeros((0, 1), np.uint32), 4, 8).shape == (0, 4)


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_values_at_the_bounds_fit_and_those_beyond_do_not(bits):
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    assert packing.check_range([[low, high]], bits).tolist() == [[low, high]]
    for values in ([[low - 1, 0]], [[0, high + 1]], [[low - 1, high + 1]]):
        message = f"^values from {min(values[0])} to {max(values[0])} do not fit into {bits} signed bits$"
        with pytest.raises(ValueError, match=message):
            packing.check_range(values, bits)
        with pytest.raises(ValueError, match=message):
            packing.pack(values, bits)
