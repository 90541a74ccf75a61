"""Golden models: what the hardware must compute, from the specification, in int64."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["matmul", "stream_tiles"]


def matmul(a: ArrayLike, b: ArrayLike) -> NDArray[np.int64]:
    """Return ``C[M, N] = A[M, K] · B[N, K]ᵀ``, int64 throughout.

    Parameters
    ----------
    a : integers of shape [M, K]
    b : integers of shape [N, K]
        Both contiguous along K, as a framework holds activations and weights.
    """
    a, b = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"expected A[M, K] and B[N, K], got {list(a.shape)} and {list(b.shape)}")
    return a @ b.T


def stream_tiles(packets: Sequence[ArrayLike], tiles: Sequence[ArrayLike]) -> NDArray[np.int64]:
    """Return what a tile answers to packets of activations, the k-th with the k-th tile of weights.

    Parameters
    ----------
    packets : list of integers of shape [m, rows], m any
    tiles : list of integers of shape [cols, rows]
        One for each packet.

    Returns
    -------
    int64 of shape [sum of all m, cols]
        One row for each activation word, in order.
    """
    return np.concatenate([matmul(packet, tile) for packet, tile in zip(packets, tiles, strict=True)])
