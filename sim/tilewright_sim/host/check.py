"""Compare a result with numpy, or with the golden model."""

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.vector import RecordFormat
from tilewright.base import TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.models import Records, block_gemm, blocks, vector
from tilewright_sim.models import gemm as golden

from .planning.block_product import BlockOperand, rows_of
from .planning.vector_descriptor import operation_of, scalars_of

__all__ = ["check_block_result", "check_result", "check_vector_result"]

_CHUNK = 1 << 20  # results that are compared at once


def check_result(
    c: NDArray, a: NDArray, b: NDArray, bias: NDArray | None = None, requant: golden.Requant | None = None
) -> None:
    """Raise `TilewrightError` unless C equals the result of numpy, bit for bit."""
    # Products of int8 are exact in float64, and so are sums of fewer than 2**39 of them; this is much faster.
    want = (a.astype(np.float64) @ b.T.astype(np.float64)).astype(np.int64)
    want = golden.wrap32(want if bias is None else want + bias)
    if requant is not None:
        want = requant.apply(want)
    _compare(c, want, c != want, "numpy's")


def check_block_result(c: NDArray[np.float32], a: BlockOperand, b: BlockOperand) -> None:
    """Raise `TilewrightError` unless C equals the golden model's product of block formats, bit for bit."""
    right = _blocks(b)
    rows = max(1, _CHUNK // c.shape[1])
    for first in range(0, len(c), rows):
        part = slice(first, first + rows)
        left = _blocks(rows_of(a, part))
        got, want = c[part], block_gemm.block_gemm(left, right)
        different = (got.view(np.uint32) != want.view(np.uint32)) & ~(np.isnan(got) & np.isnan(want))
        _compare(got, want, different, "the golden model's", first)


def check_vector_result(
    c: NDArray | Records,
    operation: str,
    x: NDArray,
    y: NDArray | None = None,
    *,
    scalar: float | None = None,
    scalar2: float | None = None,
    limit: int | None = None,
    causal: bool = False,
    window: int = 0,
) -> None:
    """Raise `TilewrightError` unless C equals what the golden model makes of the rows of x, bit for bit.

    Arguments are those of `Runtime.vector`, the type of C tells its ``result``.
    """
    m, n = x.shape
    scalars = scalars_of(operation_of(operation), n, scalar, scalar2)
    end = n if limit is None else min(limit, n)
    records = RecordFormat.of(c.form) if isinstance(c, Records) else None
    held = c.rows if isinstance(c, Records) else c.reshape(m, -1)
    bits = held.view({1: np.uint8, 2: np.uint16, 4: np.uint32}[held.dtype.itemsize])
    rows = max(1, _CHUNK // n)
    for first in range(0, m, rows):
        part = slice(first, first + rows)
        other = y if y is None or y.ndim == 1 or len(y) == 1 else y[part]
        begin = min(end + (first if causal else 0), n)
        want = vector.run_stored(
            operation, x[part], other, *scalars, limit=begin, causal=causal, window=window,
            stored=records or held.dtype.name,
        )  # fmt: skip
        want = want.reshape(len(want), -1)
        different = bits[part] != want.view(bits.dtype)
        _compare(held[part], want, different, "the golden model's", first)


def _blocks(operand: BlockOperand) -> blocks.Blocks:
    if isinstance(operand, Records):
        return operand.blocks()
    return blocks.unpack(np.ascontiguousarray(operand).view(np.uint8), FORMATS["int8"])


def _compare(c: NDArray, want: NDArray, different: NDArray[np.bool_], whose: str, first: int = 0) -> None:
    """Raise if anything is different; ``first`` is the number of the first row."""
    wrong = np.argwhere(different)
    if len(wrong):
        row, column = wrong[0]
        raise TilewrightError(
            f"{len(wrong)} of {c.size} results differ from {whose}, the first at [{first + row}, {column}]: "
            f"{c[row, column]} instead of {want[row, column]}"
        )
