"""Compare a result with numpy."""

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.models import gemm as golden

__all__ = ["check_result"]


def check_result(
    c: NDArray, a: NDArray, b: NDArray, bias: NDArray | None = None, requant: golden.Requant | None = None
) -> None:
    """Raise `TilewrightError` unless C equals the result of numpy, bit for bit."""
    # Products of int8 are exact in float64, and so are sums of fewer than 2**39 of them; this is much faster.
    want = (a.astype(np.float64) @ b.T.astype(np.float64)).astype(np.int64)
    want = golden.wrap32(want if bias is None else want + bias)
    if requant is not None:
        want = requant.apply(want)
    wrong = np.argwhere(c != want)
    if len(wrong):
        row, column = wrong[0]
        raise TilewrightError(
            f"{len(wrong)} of {c.size} results differ from numpy's, the first at [{row}, {column}]: "
            f"{c[row, column]} instead of {want[row, column]}"
        )
