"""Compare a result with numpy."""

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.models import gemm as golden

from .requant import Requant

__all__ = ["check_result"]


def check_result(
    c: NDArray, a: NDArray, b: NDArray, bias: NDArray | None, requant: Requant | None, rounding: golden.Rounding
) -> None:
    """Raise `TilewrightError` unless C is what numpy computes, bit for bit."""
    # Products of int8 are exact in float64, and so are sums of fewer than 2**39 of them; this is much faster.
    want = (a.astype(np.float64) @ b.T.astype(np.float64)).astype(np.int64)
    want = golden.wrap32(want if bias is None else want + bias)
    if requant is not None:
        limits = (requant.zero_point, requant.minimum, requant.maximum)
        want = golden.requantize(want, requant.multiplier, requant.shift, *limits, rounding)
    wrong = np.argwhere(c != want)
    if len(wrong):
        row, column = wrong[0]
        raise TilewrightError(
            f"{len(wrong)} of {c.size} results differ from numpy's, the first at [{row}, {column}]: "
            f"{c[row, column]} instead of {want[row, column]}"
        )
