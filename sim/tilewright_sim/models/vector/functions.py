"""Functions of one number as sequences of lane operations.

Arguments and results are float32 arrays of any shape. The errors are in units of the last place (ulp) of the exact
result of the float32 argument; results below 2**-126 are zeros. Outside the ranges that are named, the result is what
the sequence gives.
"""

import numpy as np
from numpy.typing import ArrayLike

from tilewright.accelerator.vector import coefficients as k

from .lanes import Float32, add, ldexp, madd, maximum, minimum, mul, seed_reciprocal, seed_rsqrt

__all__ = ["exp", "gelu", "reciprocal", "rsqrt", "sigmoid", "silu"]


def exp(x: ArrayLike) -> Float32:
    """Return e to the power of `x`, to 1.37 ulp, in 13 operations.

    Below -87.3365 (where the result is less than 2**-126) it is +0; above 88.7228, +infinity. exp(0) is 1 exactly. The
    second operation, ``minimum``, changes nothing where x <= 0.
    """
    return _exp(minimum(maximum(x, k.EXP_LOWEST), k.EXP_HIGHEST))


def _exp(x: Float32) -> Float32:
    shifted = madd(x, k.LOG2_E, k.ROUND)
    n = add(shifted, -k.ROUND)
    r = madd(n, -k.LN2_HIGH, x)
    r = madd(n, -k.LN2_LOW, r)
    first, second, *terms = k.EXP_TERMS
    p = madd(r, first, second)
    for term in terms:
        p = madd(p, r, term)
    return ldexp(p, shifted)


def reciprocal(a: ArrayLike) -> Float32:
    """Return ``1 / a``, to 1.53 ulp, in 6 operations, for magnitudes from 2**-126 to 8.077e37.

    Above, to 1.615e38, the result is zero. For zero, infinity and what is larger it is NaN or an infinity.
    """
    a = np.asarray(a, np.float32)
    y = seed_reciprocal(a)
    q = madd(-a, y, k.RECIPROCAL_CENTER)
    y = mul(madd(q, q, k.RECIPROCAL_OFFSET), y)
    return mul(madd(-a, y, k.TWO), y)


def rsqrt(a: ArrayLike) -> Float32:
    """Return ``1 / sqrt(a)``, to 1.47 ulp, in 10 operations, for positive numbers from 2**-126.

    For a zero it is finite, about 3.7e19; for an infinity NaN; for negative numbers without meaning.
    """
    a = np.asarray(a, np.float32)
    y = seed_rsqrt(a)
    d = madd(-mul(a, y), y, 1.0)
    y = madd(mul(d, madd(d, k.RSQRT_QUADRATIC, k.RSQRT_LINEAR)), y, y)
    d = madd(-mul(a, y), y, 1.0)
    return madd(mul(d, k.HALF), y, y)


def sigmoid(x: ArrayLike) -> Float32:
    """Return ``1 / (1 + exp(-x))``, to 3.39 ulp from -87.28, in 20 operations. Below -87.3365 it is +0."""
    e = _exp(minimum(maximum(-np.asarray(x, np.float32), k.EXP_LOWEST), k.SIGMOID_HIGHEST))
    return reciprocal(add(e, 1.0))


def silu(x: ArrayLike) -> Float32:
    """Return ``x * sigmoid(x)``, to 3.66 ulp from -87.28, in 21 operations; -infinity gives NaN (as 0 * infinity)."""
    return mul(x, sigmoid(x))


def gelu(x: ArrayLike) -> Float32:
    """Return GELU in its tanh form, ``x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x**3))``, in 24 operations.

    From -1 up to 3.51 ulp; below, within ``abs(x) * 2**-24`` of it. -infinity gives NaN (as 0 * infinity).
    """
    z = mul(madd(mul(x, x), k.GELU_CUBIC, k.GELU_LINEAR), x)
    return mul(x, sigmoid(z))
