"""The golden models, against matrices multiplied by hand."""

import numpy as np
import pytest

from tilewright_sim import golden


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
