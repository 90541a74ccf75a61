"""What is computed while power is measured."""

import math

import numpy as np
from numpy.typing import NDArray

from tilewright.base import Config, TilewrightError
from tilewright.dma import DmaConfig
from tilewright.tile import TileConfig
from tilewright_sim.nn import digits
from tilewright_sim.verilated import requests_for

__all__ = ["WORKLOADS", "Matrices", "check_length", "default_shape", "workload"]


WORKLOADS = ("random", "zeros", "digits")
"""What can be computed while power is measured; see `workload`."""


Matrices = tuple[NDArray[np.signedinteger], NDArray[np.signedinteger]]


# More makes the waveform large and the figure no better.
_MOST_CYCLES = 200_000


def default_shape(config: Config) -> tuple[int, int, int]:
    """A GEMM long enough for a steady figure: 16 tiles of weights, each used for 8 times its columns.

    For a DMA engine both operands together have 2,048 bus words, in rows as long as it can move, 32 words at most.
    """
    if isinstance(config, DmaConfig):
        words = max(1, min(32, ((1 << config.length_bits) - 1) // config.word_bytes))
        row = min(words * config.word_bytes, (1 << config.length_bits) - 1)
        return 1024 // words, 1024 // words, row
    rows, cols = getattr(config, "rows", 8), getattr(config, "cols", 8)
    return 8 * cols, 4 * cols, 4 * rows


def check_length(config: Config, shape: tuple[int, int, int]) -> None:
    """Refuse work that would take too many cycles to record.

    Raises
    ------
    TilewrightError
        With the limit.
    """
    m, n, k = shape
    if isinstance(config, DmaConfig):
        for rows in (m, n):
            requests_for(config, rows, k)
        what, cycles = "moving these matrices", (m + n) * math.ceil(k / config.word_bytes)
    elif isinstance(config, TileConfig):
        blocks = math.ceil(n / config.cols) * math.ceil(k / config.rows)
        what, cycles = "this GEMM", blocks * max(m, config.cols)
    else:
        return
    if cycles > _MOST_CYCLES:
        raise TilewrightError(f"{what} takes more than {_MOST_CYCLES:,} cycles: choose a smaller one for power")


def workload(name: str, shape: tuple[int, int, int], config: Config) -> Matrices:
    """Return matrices A[M, K] and B[N, K] of a workload, in the widths of the tile.

    ``random`` is uniform over all values, ``zeros`` is zeros, and ``digits`` is the first layer of the demo's network
    (M handwritten digits, whatever N and K are), without its lowest bits where an operand has fewer than 8.
    """
    m, n, k = shape
    bits = [getattr(config, f"{operand}_bits", 8) for operand in ("activation", "weight")]
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
