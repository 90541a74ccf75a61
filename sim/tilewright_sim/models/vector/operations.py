"""Golden model of the vector engine's operations on rows of float32.

Shapes: x is [m, n], and so is the result unless stated. y is [m, n], or [n] or [1, n]: one row for all. Every result is
defined to the bit: each formula below is a sequence of lane operations (`lanes`, `functions`), in the order written.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.accelerator.contract import SOFTMAXES, WITH_Y, Operation
from tilewright.accelerator.vector import coefficients as k
from tilewright.base import TilewrightError

from .functions import exp, gelu, reciprocal, rsqrt, silu
from .lanes import Float32, add, bf16, equal, high, low, madd, maximum, minimum, mul

__all__ = [
    "NO_INDEX",
    "OPERATIONS",
    "argmax",
    "filling",
    "from_bf16",
    "from_int32",
    "layer_norm",
    "quantize_rows",
    "rms_norm",
    "rotate",
    "row_magnitude",
    "row_max",
    "row_sum",
    "run",
    "softmax",
    "to_bf16",
]

PARTIAL_SUMS = 64
NO_INDEX = 2**22 - 1
"""The index of the largest element of a row that has a NaN."""


def row_sum(x: Float32) -> Float32:
    """Return the sums [m, 1] of the rows of `x` [m, n].

    Element i is added to partial sum ``i % 64``, in the order of i; partial sums begin at +0. Then, for h = 32, 16, 8,
    4, 2, 1, partial sum i + h is added to partial sum i, for all i < h.
    """
    partial = np.zeros((len(x), PARTIAL_SUMS), np.float32)
    for first in range(0, x.shape[1], PARTIAL_SUMS):
        chunk = x[:, first : first + PARTIAL_SUMS]
        partial[:, : chunk.shape[1]] = add(partial[:, : chunk.shape[1]], chunk)
    while (half := partial.shape[1] // 2) > 0:
        partial = add(partial[:, :half], partial[:, half:])
    return partial


def row_max(x: Float32) -> Float32:
    """Return the largest elements [m, 1] of the rows of `x` [m, n]; NaN where a row has one. +0 is above -0."""
    largest = np.full((len(x), 1), -np.inf, np.float32)
    if x.shape[1] == 0:
        return largest
    while (width := x.shape[1]) > 1:
        half = -(-width // 2)
        x = np.concatenate([maximum(x[:, : width - half], x[:, half:]), x[:, width - half : half]], axis=1)
    return maximum(x, largest)


def row_magnitude(x: Float32) -> Float32:
    """Return the largest absolute values [m, 1] of the rows of `x` [m, n]; NaN where a row has one."""
    return row_max(np.abs(x))


def rms_norm(x: Float32, y: Float32, epsilon: float, inverse_n: float) -> Float32:
    """Return ``x * rsqrt(sum(x * x) * inverse_n + epsilon) * y``.

    `inverse_n` is 1 / n, rounded to float32.
    """
    return mul(mul(x, _norm_factor(x, epsilon, inverse_n)), y)


def _norm_factor(x: Float32, epsilon: float, inverse_n: float) -> Float32:
    return rsqrt(madd(row_sum(mul(x, x)), inverse_n, epsilon))


def layer_norm(x: Float32, y: Float32, epsilon: float, inverse_n: float) -> Float32:
    """Return the RMS norm of ``x - sum(x) * inverse_n``. A bias is an `ADD` that follows."""
    return rms_norm(add(x, _minus_mean(x, inverse_n)), y, epsilon, inverse_n)


def _minus_mean(x: Float32, inverse_n: float) -> Float32:
    return -mul(row_sum(x), inverse_n)


def filling(operation: str, x: NDArray, epsilon: float, inverse_n: float) -> Float32:
    """Return what a norm of the rows `x` [m, n] makes of one more element, 0 as its y is, that is in no sum: [m, 1].

    It is 0, or NaN where it is multiplied by an infinite factor. The other operations make 0 of it.
    """
    rows = _floats("x", x, ("float32", "uint16", "int32"))
    element = np.zeros((len(rows), 1), np.float32)
    if operation not in ("RMS_NORM", "LAYER_NORM"):
        return element
    if operation == "LAYER_NORM":
        element = _minus_mean(rows, inverse_n)
        rows = add(rows, element)
    return mul(mul(element, _norm_factor(rows, epsilon, inverse_n)), 0.0)


def rotate(x: Float32, y: Float32, *, halves: bool) -> Float32:
    """Return ``x * cosines + p * sines``, where p is x with the elements of each pair exchanged.

    `y` is [m, 2n], or one row for all: n cosines, then n sines with their signs. Pairs are elements i and i ^ 1, n an
    even number; with `halves`, i and i ^ (n / 2), n a power of 2.
    """
    n = x.shape[1]
    if n % 2:
        raise TilewrightError(f"n: a rotation needs pairs, {n} is odd; the nearest is {n + 1}")
    if halves and n & (n - 1):
        raise TilewrightError(f"n: a rotation of halves needs a power of 2, not {n}; the next is {1 << n.bit_length()}")
    exchanged = x[:, np.arange(n) ^ (n // 2 if halves else 1)]
    return add(mul(x, y[..., :n]), mul(exchanged, y[..., n:]))


def softmax(x: Float32, scale: float, *, limit: int | None = None, causal: bool = False, window: int = 0) -> Float32:
    """Return the softmax of each row of ``x * scale`` within its limit, and +0 outside.

    The limit of row r is elements ``limit_r - window`` to ``limit_r - 1``, where ``limit_r`` is `limit`, or with
    `causal` ``limit + r``, and at most n. Without a `window` (0) it starts at 0; without a `limit` it ends at n.

    s = x * scale, of -infinity outside; e = exp(s - max(s)); the result is ``e * reciprocal(sum(e))``. The scale must
    be positive. A row that is all -infinity within its limit, or has a NaN or +infinity there, is NaN. Of an int32
    matrix, the least integer stands for -infinity.
    """
    m, n = x.shape
    ends = np.full(m, n if limit is None else limit) + (np.arange(m) if causal else 0)
    ends = np.minimum(ends, n)[:, None]
    inside = np.arange(n) < ends
    if window:
        inside &= np.arange(n) >= ends - window
    scaled = mul(np.where(inside, x, np.float32(-np.inf)), scale)
    powers = exp(add(scaled, -row_max(scaled)))
    return mul(powers, reciprocal(row_sum(powers)))


def argmax(x: Float32) -> NDArray[np.int32]:
    """Return the index [m] of the first of the largest elements of each row; `NO_INDEX` where a row has a NaN.

    Zeros of both signs are equal. n is less than `NO_INDEX`.
    """
    indices = np.arange(x.shape[1], dtype=np.float32)
    first = -row_max(-equal(x, row_max(x), indices))
    return minimum(first, NO_INDEX).astype(np.int32)[:, 0]


def from_int32(x: NDArray[np.int32]) -> Float32:
    """Return integers as float32, to nearest, ties to even: ``(high - 12582912) * 65536 + (low - 8388608)``."""
    bits = np.asarray(x, np.int32).view(np.float32)
    return madd(add(high(bits), -k.ROUND), k.HIGH_HALF_WEIGHT, add(low(bits), -k.LOW_HALF))


def from_bf16(x: NDArray[np.uint16]) -> Float32:
    """Return as float32 what 16 bits stand for: they are the upper ones."""
    return (np.asarray(x, np.uint16).astype(np.uint32) << 16).view(np.float32)


def to_bf16(x: ArrayLike) -> NDArray[np.uint16]:
    """Return the upper 16 bits of `x` rounded to them, ties to even. Subnormal numbers become zeros."""
    return (bf16(x).view(np.uint32) >> 16).astype(np.uint16)


def quantize_rows(x: Float32) -> tuple[NDArray[np.int8], Float32]:
    """Return int8 codes [m, n] and scales [m, 1] of rows, ``x`` being about ``codes * scales``.

    magnitude = max(abs(x)); scale = magnitude * (1 / 127); inverse = reciprocal(max(magnitude, 2**-119)) * 127; a code
    is ``x * inverse`` rounded to an integer, ties to even: the lowest 8 bits of ``madd(x, inverse, 12582912)``. It is
    from -127 to 127 without a clamp. Codes of a row are 0 where its magnitude is above 8.077e37 or not a number.
    """
    magnitude = row_magnitude(x)
    inverse = mul(reciprocal(maximum(magnitude, k.CODE_LEAST_MAGNITUDE)), k.CODE_HIGHEST)
    codes = madd(x, inverse, k.ROUND).view(np.uint32).astype(np.uint8).view(np.int8)
    return codes, mul(magnitude, k.CODE_STEP)


@dataclass(frozen=True)
class _Arguments:
    x: Float32
    y: Float32
    scalar: float
    scalar2: float
    limit: int | None
    causal: bool
    window: int


OPERATIONS: dict[str, Callable[[_Arguments], NDArray]] = {
    "COPY": lambda a: mul(a.x, 1.0),
    "ADD": lambda a: add(a.x, a.y),
    "MULTIPLY": lambda a: mul(a.x, a.y),
    "SCALE": lambda a: mul(a.x, a.scalar),
    "RMS_NORM": lambda a: rms_norm(a.x, a.y, a.scalar, a.scalar2),
    "LAYER_NORM": lambda a: layer_norm(a.x, a.y, a.scalar, a.scalar2),
    "ROTATE_ADJACENT": lambda a: rotate(a.x, a.y, halves=False),
    "ROTATE_HALVES": lambda a: rotate(a.x, a.y, halves=True),
    "SOFTMAX": lambda a: softmax(a.x, a.scalar, limit=a.limit, causal=a.causal, window=a.window),
    "SILU": lambda a: mul(silu(a.x), a.y),
    "GELU": lambda a: mul(gelu(a.x), a.y),
    "RELU": lambda a: mul(maximum(a.x, 0.0), a.y),
    "ARGMAX": lambda a: argmax(a.x),
    "QUANTIZE": lambda a: quantize_rows(a.x)[0],
    "ABS_MAX": lambda a: mul(row_magnitude(a.x), a.scalar),
    "WEIGHTED_SOFTMAX": lambda a: mul(softmax(a.x, a.scalar, limit=a.limit, causal=a.causal, window=a.window), a.y),
}
"""The operations by name. `COPY` makes zeros of subnormal numbers. y is the gate of `SILU`, `GELU` and `RELU`, and the
weights by which the results of a `WEIGHTED_SOFTMAX` are multiplied."""


def run(
    operation: str,
    x: NDArray,
    y: NDArray | None = None,
    scalar: float = 0.0,
    scalar2: float = 0.0,
    *,
    limit: int | None = None,
    causal: bool = False,
    window: int = 0,
) -> NDArray:
    """Return what an operation of `OPERATIONS` makes of the rows of `x` [m, n].

    Parameters
    ----------
    x, y : array
        float32, int32 (x only), or uint16: the bits of bf16. `y` is [m, n], or [n] or [1, n]: one row for all; of 2n
        elements for a rotation.
    scalar, scalar2 : float
        Rounded to float32. The factor of SCALE, ABS_MAX and softmaxes; epsilon and 1 / n of the norms.
    limit, causal, window
        Of softmaxes; see `softmax`.

    Returns
    -------
    array
        float32 [m, n], [m, 1] of ABS_MAX; int32 [m] of ARGMAX; int8 [m, n] of QUANTIZE. `to_bf16` and `to_records`
        make other types of float32.
    """
    if operation not in OPERATIONS:
        raise TilewrightError(f"operation: {operation!r} is not one of {', '.join(OPERATIONS)}")
    rows = _floats("x", x, ("float32", "uint16", "int32"))
    if Operation.__members__[operation] in SOFTMAXES and np.asarray(x).dtype == np.int32:
        rows = np.where(np.asarray(x) == np.iinfo(np.int32).min, np.float32(-np.inf), rows)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise TilewrightError(f"x: the shape must be [m, n] with n from 1, not {list(rows.shape)}")
    if (y is not None) != (Operation.__members__[operation] in WITH_Y):
        raise TilewrightError(f"y: {operation} {'has none' if y is not None else 'needs it'}")
    other = np.zeros((1, 0), np.float32) if y is None else _floats("y", y, ("float32", "uint16"))
    if y is not None:
        m, n = rows.shape
        n *= 2 if operation.startswith("ROTATE") else 1
        if other.shape not in ((n,), (1, n), (m, n)):
            raise TilewrightError(f"y: the shape must be [{m}, {n}] or [{n}], not {list(other.shape)}")
    return OPERATIONS[operation](_Arguments(rows, other, scalar, scalar2, limit, causal, window))


def _floats(name: str, values: NDArray, types: tuple[str, ...]) -> Float32:
    values = np.asarray(values)
    if values.dtype.name not in types:
        raise TilewrightError(f"{name}: the type must be one of {', '.join(types)}, not {values.dtype.name}")
    if values.dtype == np.uint16:
        return from_bf16(values)
    return from_int32(values) if values.dtype == np.int32 else values
