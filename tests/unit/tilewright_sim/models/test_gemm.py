"""The golden models, against matrices multiplied by hand."""

import numpy as np
import pytest

from tilewright_sim.models import gemm as golden


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [
        ([[3]], [[-4]], [[-12]]),
        ([[1, 2], [3, 4]], [[5, 6], [7, 8]], [[17, 23], [39, 53]]),  # A · Bᵀ, where A · B is [[19, 22], [43, 50]]
        ([[1, 2, 3]], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], [[1, 2, 3, 6]]),
        ([[1], [2]], [[3], [4], [5]], [[3, 4, 5], [6, 8, 10]]),
        ([[-128, -128]], [[-128, -128]], [[32768]]),
    ],
)
def test_matmul_is_the_hand_worked_product(a, b, c):
    result = golden.matmul(a, b)
    assert (result.dtype, result.tolist()) == (np.int64, c)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32])
def test_matmul_of_narrow_arrays_does_not_wrap(kind):
    low = np.iinfo(kind).min
    operand = np.full((1, 2), low, dtype=kind)
    assert golden.matmul(operand, operand).tolist() == [[2 * int(low) ** 2 if kind != np.int32 else -(1 << 63)]]
    assert (operand @ operand.T).tolist() != [[2 * int(low) ** 2]]  # numpy by itself


def test_matmul_of_no_rows_has_no_rows():
    assert golden.matmul(np.zeros((0, 3)), np.zeros((2, 3))).shape == (0, 2)


@pytest.mark.parametrize(("a", "b"), [((2, 3), (3, 2)), ((3,), (2, 3)), ((2, 3), (3,)), ((1, 2, 3), (2, 3))])
def test_matmul_refuses_shapes_that_do_not_meet_along_k(a, b):
    with pytest.raises(ValueError, match=r"^expected A\[M, K\] and B\[N, K\], got \["):
        golden.matmul(np.zeros(a, int), np.zeros(b, int))


def test_stream_tiles_pairs_the_kth_packet_with_the_kth_tile():
    packets = [[[1, 0], [0, 1]], [[2, 1]], [[-128, 127]]]
    tiles = [[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[-128, 127], [127, -128]]]
    result = golden.stream_tiles(packets, tiles)
    assert result.dtype == np.int64
    assert result.tolist() == [[1, 3], [2, 4], [16, 22], [128 * 128 + 127 * 127, -2 * 127 * 128]]


def test_stream_tiles_refuses_packets_without_a_tile():
    with pytest.raises(ValueError, match="shorter"):
        golden.stream_tiles([[[1]], [[2]]], [[[1]]])


@pytest.mark.parametrize(
    ("acc", "multiplier", "shift", "double", "single"),
    [
        # 2**30 / 2**31 is 1/2: ties go up at first, so -1/2 to 0.
        (1, 1 << 30, 0, 1, 1),
        (-1, 1 << 30, 0, 0, 0),
        (3, 1 << 30, 0, 2, 2),
        (-3, 1 << 30, 0, -1, -1),
        # Then ties go away from zero: -3 * 1/2 is -1, and -1 * 1/2 is -1; once, -3/4 is -1.
        (-3, 1 << 30, -1, -1, -1),
        (3, 1 << 30, -1, 1, 1),
        (-6, 1 << 30, -1, -2, -1),  # -3/2
        (6, 1 << 30, -1, 2, 2),
        # Rounded twice, 0.35 becomes 1: 0.7 is 1, and 1/2 is 1.
        (1, 1503238554, -1, 1, 0),
        (-1, 1503238554, -1, -1, 0),
        # Shifted left.
        (5, 1 << 30, 3, 20, 20),
        (-5, 1 << 30, 1, -5, -5),
        (1, (1 << 31) - 1, 6, 64, 64),
        # 3 << 30 wraps to -1 << 30, half of which is far below int8; once, nothing wraps.
        (3, 1 << 30, 30, -128, 127),
        (4, 1 << 30, 30, 0, 127),
        # The furthest right, just below 1/2: to 1/2, and to 1. And -1/2, away from zero or up.
        ((1 << 31) - 1, 1 << 30, -31, 1, 0),
        (-(1 << 31), 1 << 30, -31, -1, 0),
        ((1 << 30) - 1, 1 << 30, -31, 0, 0),
        (12345, 0, -3, 0, 0),
    ],
)
def test_requantize_rounds_as_worked_by_hand(acc, multiplier, shift, double, single):
    assert golden.requantize(acc, multiplier, shift, rounding="double").tolist() == double
    assert golden.requantize(acc, multiplier, shift).tolist() == single


def test_requantize_adds_the_zero_point_and_clamps_after_rounding():
    acc = np.array([[-300, -5, 0, 5, 300]])
    half = {"multiplier": 1 << 30, "shift": 0}
    assert golden.requantize(acc, **half).tolist() == [[-128, -2, 0, 3, 127]]
    assert golden.requantize(acc, **half, zero_point=-3).tolist() == [[-128, -5, -3, 0, 127]]
    assert golden.requantize(acc, **half, zero_point=100, minimum=99, maximum=102).tolist() == [[99, 99, 100, 102, 102]]


def test_requantize_takes_a_multiplier_and_a_shift_for_each_column():
    result = golden.requantize(np.full((2, 3), 40), [0, 1 << 30, 1 << 30], [0, -1, 1])
    assert (result.dtype, result.tolist()) == (np.int64, [[0, 10, 40]] * 2)


def test_gemm_adds_a_bias_to_each_column_or_the_old_c():
    a, b = [[1, 2], [3, 4]], [[5, 6], [7, 8]]
    assert golden.gemm(a, b).tolist() == [[17, 23], [39, 53]]
    assert golden.gemm(a, b, bias=[1, -1]).tolist() == [[18, 22], [40, 52]]
    assert golden.gemm(a, b, addend=[[1, 2], [3, 4]]).tolist() == [[18, 25], [42, 57]]
    requant = golden.Requant(multiplier=1 << 30, shift=[0, -1], zero_point=1)
    assert golden.gemm(a, b, bias=[1, -1], requant=requant).tolist() == [[10, 7], [21, 14]]


def test_gemm_wraps_as_an_int32():
    assert golden.gemm([[1]], [[1]], bias=[(1 << 31) - 1]).tolist() == [[-(1 << 31)]]
    assert golden.gemm([[-1]], [[1]], addend=[[-(1 << 31)]]).tolist() == [[(1 << 31) - 1]]
