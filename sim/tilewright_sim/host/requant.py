"""How int32 sums become int8 results, with the multipliers and shifts of LiteRT (TensorFlow Lite)."""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.base import TilewrightError
from tilewright_sim.models import gemm as golden

__all__ = ["Requant"]


@dataclass(frozen=True, kw_only=True)
class Requant(golden.Requant):
    """Multiply a sum (with its bias) by ``multiplier / 2**31 * 2**shift``, add the zero point, clamp.

    Parameters
    ----------
    multiplier : int or int32 array of shape [N]
        Not negative; 2**30 to 2**31 - 1 for full precision. One for all columns of C, or one for each.
    shift : int or int32 array of shape [N]
        -31 to 30; positive is left.
    zero_point : int
        Of the result, -128 to 127.
    minimum, maximum : int
        The activation's clamp, within int8.
    rounding : str
        For the golden model; the hardware rounds as it was configured. See `golden.requantize` for which is which.
    """

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
    def from_scale(cls, scale: ArrayLike, zero_point: int = 0, minimum: int = -128, maximum: int = 127) -> Self:
        """Return the multiplier and shift closest to real scales (of A times B by C), one or one for each column."""
        try:
            scales = np.asarray(scale, dtype=np.float64)
        except (TypeError, ValueError):
            raise TilewrightError("a scale must be a number or an array [N], finite and not negative") from None
        if scales.ndim > 1 or not np.all(np.isfinite(scales)) or np.any(scales < 0):
            raise TilewrightError("a scale must be a number or an array [N], finite and not negative")
        pairs = np.array([_quantize(value) for value in scales.reshape(-1)], dtype=np.int64).reshape(-1, 2)
        multiplier, shift = (pairs[:, place].reshape(scales.shape) for place in (0, 1))
        return cls(multiplier=multiplier, shift=shift, zero_point=zero_point, minimum=minimum, maximum=maximum)

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
        """Return what belongs to some of the columns."""
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
    """As LiteRT's ``QuantizeMultiplier``."""
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
