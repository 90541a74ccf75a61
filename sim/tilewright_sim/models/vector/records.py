"""Golden model of rows of float32 as records of a block format, as the vector engine makes them."""

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.vector import RecordFormat
from tilewright.accelerator.vector import coefficients as k
from tilewright_sim.models import blocks

from .functions import reciprocal
from .lanes import Float32, add, madd, maximum, minimum, mul, round_up

__all__ = ["to_records"]


def to_records(x: Float32, form: RecordFormat, fill: Float32 | float = 0.0) -> NDArray[np.uint8]:
    """Return the records [m, bytes] of rows [m, n], padded with `fill` [m, 1] to whole blocks of 32.

    For each block, with d = max(abs(x)) * CODE_STEP (1 / 127): its scale s is d rounded up to a number of the format,
    from the least to the largest; a code is x * reciprocal(s), from -127 to 127, rounded to nearest, ties to even. So a
    block of zeros has the least scale, and infinities are +-127. The scale of a block with a NaN is NaN. To the bit::

        normal = round_up(d, missing_bits)
        small  = add(add(add(min(d, LEAST_NORMAL), BELOW_HALF * step), ROUND * step), -ROUND * step)
        s      = min(max(max(normal, small), step), largest)
        code   = low 8 bits of add(min(max(mul(x, reciprocal(s)), -127), 127), ROUND)

    It differs from `tilewright_sim.models.blocks.quantize` in a block of zeros, and by 1 in codes whose quotient is
    within some 2**-20 of a half.
    """
    block = form.form.block
    padded = np.empty((len(x), -(-x.shape[1] // block) * block), np.float32)
    padded[:] = fill
    padded[:, : x.shape[1]] = x
    rows = padded.reshape(len(x), -1, block)
    largest = abs(rows[..., :1])
    for element in range(1, block):
        largest = maximum(largest, abs(rows[..., element : element + 1]))
    d = mul(largest, k.CODE_STEP)
    small = add(minimum(d, k.LEAST_NORMAL), k.BELOW_HALF * form.step)
    small = add(add(small, k.ROUND * form.step), -k.ROUND * form.step)
    scale = maximum(round_up(d, form.missing_bits), small)
    scale = minimum(maximum(scale, form.step), form.largest)
    quotients = maximum(mul(rows, reciprocal(scale)), -k.CODE_HIGHEST)
    codes = madd(minimum(quotients, k.CODE_HIGHEST), 1.0, k.ROUND).view(np.uint32) & 0xFF
    return blocks.pack(form.form, codes, _codes(scale[..., 0], form))


def _codes(scale: Float32, form: RecordFormat) -> NDArray[np.int64]:
    """The codes of scales that are numbers of the format; NaN has all ones below the sign."""
    kind = form.form.scale
    nan = (1 << kind.exponent_bits + kind.mantissa_bits) - 1
    with np.errstate(invalid="ignore"):
        fraction, exponent = np.frexp(np.where(np.isnan(scale), 1, scale).astype(np.float64))
    field = exponent - 1 + kind.bias
    normal = field << kind.mantissa_bits | np.rint((2 * fraction - 1) * 2**kind.mantissa_bits).astype(np.int64)
    small = np.rint(np.where(np.isnan(scale), 0, scale) / np.float64(form.step)).astype(np.int64)
    return np.where(np.isnan(scale), nan, np.where(field > 0, normal, small))
