"""Golden models: what the hardware must compute, from the specification, in int64."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.accelerator.contract import Rounding
from tilewright.base import TilewrightError

__all__ = ["Requant", "Rounding", "gemm", "matmul", "requantize", "stream_tiles", "wrap32"]


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
    """Return the results of a tile for packets of activations; the k-th packet uses the k-th weight tile.

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
    requant: "Requant | None" = None,
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
        The old C, if the descriptor accumulates.

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
    return requant.apply(total)


def requantize(
    acc: ArrayLike,
    multiplier: ArrayLike,
    shift: ArrayLike,
    zero_point: int = 0,
    minimum: int = -128,
    maximum: int = 127,
    rounding: Rounding = "single",
) -> NDArray[np.int64]:
    """Return ``acc * multiplier * 2**(shift - 31)``, rounded, plus ``zero_point``, clamped to ``minimum, maximum``.

    ``single`` rounds once, to the nearest, ties up, and never wraps. LiteRT's reference fully connected layer gives the
    same results. Its default kernels (XNNPACK) and onnxruntime multiply in float32 and round ties to even: about one of
    a million results differs by one.

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
        high = (wrapped * multiplier + (1 << 30)) >> 31  # ties up, also for negative products
        right = np.maximum(-shift, 0)
        mask = (np.int64(1) << right) - 1
        scaled = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    return np.minimum(np.maximum(scaled + zero_point, minimum), maximum)


def wrap32(values: ArrayLike) -> NDArray[np.int64]:
    """Return integers modulo ``2**32``, as an int32 holds them."""
    return (np.asarray(values, dtype=np.int64) + (1 << 31) & 0xFFFF_FFFF) - (1 << 31)


@dataclass(frozen=True, kw_only=True)
class Requant:
    """How int32 sums become int8 results: scale, round, add the zero point, clamp; see `requantize`.

    Parameters
    ----------
    multiplier : int or int32 array of shape [N]
        Not negative; 2**30 to 2**31 - 1 for full precision. One for all columns of C, or one for each.
    shift : int or int32 array of shape [N]
        -31 to 30; positive is left.
    zero_point : int
        Zero point of the result, -128 to 127.
    minimum, maximum : int
        Limits of the result, -128 to 127.
    rounding : str
        ``single`` or ``double``, see `requantize`; the configuration of the hardware must have it.

    Raises
    ------
    TilewrightError
        If a value is out of range.
    """

    multiplier: ArrayLike
    shift: ArrayLike
    zero_point: int = 0
    minimum: int = -128
    maximum: int = 127
    rounding: Rounding = "single"

    def __post_init__(self):
        for name in ("zero_point", "minimum", "maximum"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or not -128 <= value <= 127:
                raise TilewrightError(f"{name} = {value!r}: must be a whole number, -128 to 127")
            object.__setattr__(self, name, int(value))
        if self.rounding not in ("single", "double"):
            raise TilewrightError(f"rounding = {self.rounding!r}: must be 'single' or 'double'")
        if self.minimum > self.maximum:
            raise TilewrightError(f"minimum = {self.minimum} is above maximum = {self.maximum}")
        _check("multiplier", self.multiplier, 0, (1 << 31) - 1)
        _check("shift", self.shift, -31, 30)

    @classmethod
    def from_scale(
        cls,
        scale: ArrayLike,
        zero_point: int = 0,
        minimum: int = -128,
        maximum: int = 127,
        rounding: Rounding = "single",
    ) -> Self:
        """Return the multiplier and shift closest to real scales: (scale of A) × (scale of B) / (scale of C).

        Parameters
        ----------
        scale : float or array [N]
            One for all columns, or one for each.
        zero_point, minimum, maximum : int
        rounding : str
            See `Requant`.
        """
        try:
            scales = np.asarray(scale, dtype=np.float64)
        except (TypeError, ValueError):
            raise TilewrightError("a scale must be a number or an array [N], finite and not negative") from None
        if scales.ndim > 1 or not np.all(np.isfinite(scales)) or np.any(scales < 0):
            raise TilewrightError("a scale must be a number or an array [N], finite and not negative")
        pairs = np.array([_quantize(value) for value in scales.reshape(-1)], dtype=np.int64).reshape(-1, 2)
        multiplier, shift = (pairs[:, place].reshape(scales.shape) for place in (0, 1))
        return cls(
            multiplier=multiplier, shift=shift, zero_point=zero_point, minimum=minimum, maximum=maximum,
            rounding=rounding,
        )  # fmt: skip

    def apply(self, sums: ArrayLike) -> NDArray[np.int64]:
        """Return the results of sums [M, N] in the range of int32; they are in the range of int8."""
        limits = (self.zero_point, self.minimum, self.maximum)
        return requantize(sums, self.multiplier, self.shift, *limits, self.rounding)

    def channels(self, n: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return multipliers and shifts of ``n`` columns."""
        values = []
        for name in ("multiplier", "shift"):
            value = np.asarray(getattr(self, name))
            if value.ndim and value.shape != (n,):
                raise TilewrightError(f"{name} has the shape {list(value.shape)}: it must be one number, or [{n}]")
            values.append(np.broadcast_to(value.astype(np.int32), n))
        return values[0], values[1]

    def part(self, columns: slice) -> "Requant":
        """Return the `Requant` for some of the columns."""
        multiplier, shift = (
            value if np.ndim(value) == 0 else np.asarray(value)[columns] for value in (self.multiplier, self.shift)
        )
        return replace(self, multiplier=multiplier, shift=shift)


def _check(name: str, values: ArrayLike, low: int, high: int) -> None:
    try:
        array = np.asarray(values)
    except ValueError:
        raise TilewrightError(f"{name} is not an array: it must be a whole number, or int32 [N]") from None
    if array.dtype.kind not in "iu" or array.ndim > 1 or not array.size:
        raise TilewrightError(f"{name} is {array.dtype} {list(array.shape)}: it must be a whole number, or int32 [N]")
    if array.min() < low or array.max() > high:
        raise TilewrightError(f"{name} has values from {array.min()} to {array.max()}: they must be {low} to {high}")


def _quantize(scale: float) -> tuple[int, int]:
    """Return multiplier and shift of a scale, computed like ``QuantizeMultiplier`` of LiteRT."""
    if scale == 0:
        return 0, 0
    fraction, exponent = math.frexp(scale)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, exponent = 1 << 30, exponent + 1
    if exponent < -31:
        return 0, 0
    if exponent > 30:
        return (1 << 31) - 1, 30
    return multiplier, exponent
