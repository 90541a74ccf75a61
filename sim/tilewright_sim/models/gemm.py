"""Golden models: what the hardware must compute, from the specification, in int64."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Requant", "Rounding", "gemm", "matmul", "requantize", "stream_tiles", "wrap32"]

Rounding = Literal["single", "double"]


@dataclass(frozen=True, kw_only=True)
class Requant:
    """How int32 results become int8: the arguments of `requantize` besides the results themselves.

    ``multiplier`` and ``shift`` are integers, or arrays with one for each column.
    """

    multiplier: ArrayLike
    shift: ArrayLike
    zero_point: int = 0
    minimum: int = -128
    maximum: int = 127
    rounding: Rounding = "single"


def matmul(a: ArrayLike, b: ArrayLike) -> NDArray[np.int64]:
    """Return ``C[M, N] = A[M, K] · B[N, K]ᵀ``, int64 throughout.

    Parameters
    ----------
    a : integers of shape [M, K]
    b : integers of shape [N, K]
        Both contiguous along K, as a framework holds activations and weights.
    """
    a, b = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"expected A[M, K] and B[N, K], got {list(a.shape)} and {list(b.shape)}")
    return a @ b.T


def stream_tiles(packets: Sequence[ArrayLike], tiles: Sequence[ArrayLike]) -> NDArray[np.int64]:
    """Return what a tile answers to packets of activations, the k-th with the k-th tile of weights.

    Parameters
    ----------
    packets : list of integers of shape [m, rows], m any
    tiles : list of integers of shape [cols, rows]
        One for each packet.

    Returns
    -------
    int64 of shape [sum of all m, cols]
        One row for each activation word, in order.
    """
    return np.concatenate([matmul(packet, tile) for packet, tile in zip(packets, tiles, strict=True)])


def gemm(
    a: ArrayLike,
    b: ArrayLike,
    bias: ArrayLike | None = None,
    requant: Requant | None = None,
    addend: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Return what one descriptor writes to C: int32, or int8 with ``requant``.

    Parameters
    ----------
    a : integers of shape [M, K]
    b : integers of shape [N, K]
    bias : integers of shape [N], optional
    requant : Requant, optional
    addend : integers of shape [M, N], optional
        The C before, to accumulate on.

    Returns
    -------
    int64 of shape [M, N]
        In the range of int32, modulo ``2**32``, or of int8.
    """
    total = matmul(a, b)
    for term in (bias, addend):
        if term is not None:
            total = total + np.asarray(term, dtype=np.int64)
    total = wrap32(total)
    if requant is None:
        return total
    return requantize(
        total,
        requant.multiplier,
        requant.shift,
        requant.zero_point,
        requant.minimum,
        requant.maximum,
        requant.rounding,
    )


def requantize(
    acc: ArrayLike,
    multiplier: ArrayLike,
    shift: ArrayLike,
    zero_point: int = 0,
    minimum: int = -128,
    maximum: int = 127,
    rounding: Rounding = "single",
) -> NDArray[np.int64]:
    """Return about ``acc * multiplier * 2**(shift - 31) + zero_point``, rounded first and clamped last.

    ``single`` rounds once, to the nearest, ties up, and never wraps. LiteRT's default kernels (XNNPACK), convolutions
    and fully connected layers, and its reference fully connected layer give the same results.

    ``double`` is ``MultiplyByQuantizedMultiplier`` as LiteRT's reference convolution computes it: ``acc`` is shifted
    left if ``shift`` is positive, and wraps as an int32; the upper half of twice the product is rounded to the nearest,
    ties up; the right shift, if ``shift`` is negative, rounds to the nearest, ties away from zero.

    Parameters
    ----------
    acc : integers of any shape, in the range of int32
    multiplier : integers 0 to ``2**31 - 1``, and
    shift : integers -31 to 30, of shapes that broadcast with it
        One for each column, or one for all.
    """
    acc, multiplier, shift = (np.asarray(value, dtype=np.int64) for value in (acc, multiplier, shift))
    if rounding == "single":
        scaled = (acc * multiplier + (np.int64(1) << (30 - shift))) >> (31 - shift)
    else:
        wrapped = wrap32(acc << np.maximum(shift, 0))
        high = (wrapped * multiplier + (1 << 30)) >> 31  # ties up, for negative products too: the nudge does it
        right = np.maximum(-shift, 0)
        mask = (np.int64(1) << right) - 1
        scaled = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return np.minimum(np.maximum(scaled + zero_point, minimum), maximum)


def wrap32(values: ArrayLike) -> NDArray[np.int64]:
    """Return integers modulo ``2**32``, as an int32 holds them."""
    return (np.asarray(values, dtype=np.int64) + (1 << 31) & 0xFFFF_FFFF) - (1 << 31)
