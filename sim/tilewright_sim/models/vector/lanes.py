"""Operations of a lane: the whole arithmetic of the vector engine, element by element.

Arguments are float32 arrays, or what numpy makes one of, of shapes that broadcast; so is the result. Bits are IEEE
binary32. Subnormal arguments count as zeros of their sign, except where an operation is one of bits (`seed_reciprocal`,
`seed_rsqrt`, `high`, `low`, the second argument of `ldexp`). A NaN that results is 0x7FC00000. No numpy warnings.
Negation and absolute value (``-x``, ``abs(x)``) are modifiers of an argument: they change bit 31 only.
"""

from collections.abc import Callable
from functools import wraps

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.accelerator.vector import coefficients

__all__ = [
    "Float32",
    "add",
    "bf16",
    "equal",
    "high",
    "ldexp",
    "low",
    "madd",
    "maximum",
    "minimum",
    "mul",
    "round_up",
    "seed_reciprocal",
    "seed_rsqrt",
]

Float32 = NDArray[np.float32]

NAN = np.uint32(0x7FC00000).view(np.float32)
_SIGN = np.uint32(1 << 31)
_LEAST = 2.0**-126  # the least magnitude that is not subnormal


def _flush(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(np.abs(values) < _LEAST, np.copysign(0, values), values)


def _lane(operation: Callable[..., NDArray[np.floating]]) -> Callable[..., Float32]:
    """Convert and flush the arguments, round the result to float32, and give its NaNs their one form."""

    @wraps(operation)
    def wrapped(*arguments: ArrayLike) -> Float32:
        with np.errstate(all="ignore"):
            flushed = (_flush(np.asarray(argument, np.float32)) for argument in arguments)
            result = operation(*flushed).astype(np.float32)
        return np.where(np.isnan(result), NAN, result)

    return wrapped


def _bits(values: ArrayLike) -> NDArray[np.uint32]:
    return np.asarray(values, np.float32).view(np.uint32)


@_lane
def mul(a: Float32, b: Float32) -> NDArray[np.floating]:
    """Return ``a * b`` to nearest, ties to even.

    An exact magnitude below 2**-126 gives a zero with the product's sign: this is decided before rounding.
    """
    return _flush(a.astype(np.float64) * b)  # 48 bits: exact


@_lane
def add(a: Float32, b: Float32) -> Float32:
    """Return ``a + b`` to nearest, ties to even; a magnitude below 2**-126 is a zero with the sum's sign."""
    return _flush(a + b)  # below 2**-126 it is exact


def madd(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> Float32:
    """Return ``add(mul(a, b), c)``: rounded twice."""
    return add(mul(a, b), c)


@_lane
def maximum(a: Float32, c: Float32) -> Float32:
    """Return the larger; -0 is below +0, and NaN results if either is NaN."""
    return np.where(np.isnan(a) | (a > c) | ((a == c) & ~np.signbit(a)), a, c)


@_lane
def minimum(a: Float32, c: Float32) -> Float32:
    """Return the smaller; -0 is below +0, and NaN results if either is NaN."""
    return np.where(np.isnan(a) | (a < c) | ((a == c) & np.signbit(a)), a, c)


@_lane
def bf16(a: Float32) -> Float32:
    """Return `a` rounded to the upper 16 bits, ties to even; large ones become infinite."""
    bits = a.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(a), a, rounded.view(np.float32))


@_lane
def equal(a: Float32, c: Float32, b: Float32) -> Float32:
    """Return `b` where ``a == c`` (zeros of both signs are), else +infinity. NaN equals nothing."""
    return np.where(a == c, b, np.float32(np.inf))


def ldexp(a: ArrayLike, t: ArrayLike) -> Float32:
    """Return ``a * 2**n``, where n is the lowest 9 bits of t's bits, signed: ``t = n + 12582912``.

    Zero, infinity and NaN stay. Below 2**-126 a zero results, above the largest an infinity, with a's sign.
    """
    n = ((_bits(t) & 511).astype(np.int64) ^ 256) - 256
    return _scale(a, n)


def _scale(a: ArrayLike, n: NDArray[np.int64]) -> Float32:
    bits = _bits(a)
    field = (bits >> 23 & 255).astype(np.int64)
    scaled = field + n
    result = (bits & 0x807FFFFF) | (scaled & 255).astype(np.uint32) << 23
    result = np.where(scaled > 254, bits & _SIGN | 0x7F800000, result)
    result = np.where((scaled < 1) | (field == 0), bits & _SIGN, result)
    result = np.where(field == 255, bits, result)
    values = result.astype(np.uint32).view(np.float32)
    return np.where(np.isnan(values), NAN, values)


def seed_reciprocal(a: ArrayLike) -> Float32:
    """Return about ``1 / a``: a's sign, and 0x7EF311C7 less the bits of a's magnitude, modulo 2**31."""
    bits = _bits(a)
    seed = coefficients.RECIPROCAL_SEED - (bits & ~_SIGN).astype(np.int64)
    return (bits & _SIGN | (seed % 2**31).astype(np.uint32)).view(np.float32)


def seed_rsqrt(a: ArrayLike) -> Float32:
    """Return about ``1 / sqrt(a)``: the bits 0x5F375A86 less half of a's bits, modulo 2**32."""
    seed = coefficients.RSQRT_SEED - (_bits(a) >> 1).astype(np.int64)
    return (seed % 2**32).astype(np.uint32).view(np.float32)


def round_up(a: ArrayLike, c: ArrayLike) -> Float32:
    """Return a's bits plus c's, without the bits of c: a's magnitude rounded up.

    The bits of c are ones from the lowest on, up to 23. A carry out of the magnitude, which only a NaN has, is lost.
    """
    bits, missing = _bits(a), _bits(c) & np.uint32(0x7FFFFF)
    values = (bits & _SIGN | (bits & ~_SIGN) + missing & ~missing & ~_SIGN).view(np.float32)
    return np.where(np.isnan(values), NAN, _flush(values))


def high(a: ArrayLike) -> Float32:
    """Return 12582912 plus the upper 16 bits of a's bits, signed."""
    upper = _bits(a).view(np.int32) >> 16
    return (np.int32(0x4B400000) + upper).view(np.float32)


def low(a: ArrayLike) -> Float32:
    """Return 8388608 plus the lower 16 bits of a's bits."""
    return (np.uint32(0x4B000000) | _bits(a) & np.uint32(0xFFFF)).view(np.float32)
