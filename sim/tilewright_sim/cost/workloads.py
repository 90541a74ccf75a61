"""Operands for the power measurement."""

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn import digits

__all__ = ["WORKLOADS", "Matrices", "workload"]

WORKLOADS = ("random", "zeros", "digits")
"""Names of the operands for the power measurement; see `workload`."""
Matrices = tuple[NDArray[np.signedinteger], NDArray[np.signedinteger]]
"""A[M, K] and B[N, K]."""


def workload(name: str, shape: tuple[int, int, int], bits: tuple[int, int] = (8, 8)) -> Matrices:
    """Return matrices A[M, K] and B[N, K] of a workload; ``bits`` are the widths of their elements.

    ``random`` is uniform over all values, ``zeros`` is zeros, and ``digits`` is the first layer of the demo's network
    (M handwritten digits; N and K are ignored), without the lowest bits if an operand has fewer than 8.
    """
    m, n, k = shape
    if name == "zeros":
        return np.zeros((m, k), np.int8), np.zeros((n, k), np.int8)
    if name == "digits":
        pixels, _ = digits.test_set()
        return pixels[:m] >> max(0, 8 - bits[0]), digits.Network.load().w1 >> max(0, 8 - bits[1])
    random = np.random.default_rng(1)
    a, b = (
        random.integers(-(1 << width - 1), 1 << width - 1, (rows, k), dtype=np.int16)
        for rows, width in zip((m, n), bits, strict=True)
    )
    return (a, b) if max(bits) > 8 else (a.astype(np.int8), b.astype(np.int8))
