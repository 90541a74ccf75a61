"""Products of matrices in block formats: exactly as the accelerator computes them, or fast."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.models import Records, block_gemm

__all__ = ["ExactProducts", "FastProducts", "Pair", "Products", "rescaled"]

_COLUMNS = 1024  # rows of B whose accumulators are in memory at once
Pair = tuple[Records, Records]
"""The operands of ``A[M, K] · B[N, K]ᵀ``."""


class Products(Protocol):
    """Multiplies matrices in block formats; hardware implements this method."""

    about: str
    """How, for a reader."""

    def multiply(self, layer: int, kind: str, pairs: Sequence[Pair]) -> list[NDArray[np.float32]]:
        """Return the products of pairs, float32 [M, N] each, which do not depend on each other.

        ``layer`` (the number of layers, for the output layer) and ``kind`` (of `cycle_accounting.KINDS`) say which
        products of the network they are.
        """


class FastProducts:
    """Floating-point products of the dequantized blocks.

    Every element is rounded to float32, which only formats with a minimum need, and the sums are rounded as BLAS adds
    them. The accelerator's error has the bound in `models.block_gemm`, which is less than that of these sums. The
    values of every matrix that is multiplied twice stay in memory.
    """

    about = "float32 sums of the dequantized blocks"

    def multiply(self, layer: int, kind: str, pairs: Sequence[Pair]) -> list[NDArray[np.float32]]:
        return [a.values @ b.values.T for a, b in pairs]


class ExactProducts:
    """The accelerator's results bit for bit, by the golden model `models.block_gemm`.

    The host multiplies them by the powers of two of `Records.exponents`.
    """

    about = "the accelerator's integer sums, bit for bit"

    def multiply(self, layer: int, kind: str, pairs: Sequence[Pair]) -> list[NDArray[np.float32]]:
        return [_exact(a, b) for a, b in pairs]


def _exact(a: Records, b: Records) -> NDArray[np.float32]:
    left = a.blocks()
    parts = [
        block_gemm.block_gemm(left, b.take(slice(first, first + _COLUMNS)).blocks())
        for first in range(0, len(b.rows), _COLUMNS)
    ]
    return rescaled(np.concatenate(parts, axis=1), a, b)


def rescaled(c: NDArray[np.float32], a: Records, b: Records) -> NDArray[np.float32]:
    """Return the product ``c`` of the records of A and B, multiplied by the powers of two of their rows."""
    for exponents in (None if a.exponents is None else a.exponents[:, None], b.exponents):
        c = c if exponents is None else np.ldexp(c, exponents)
    return c
