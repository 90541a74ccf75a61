"""The cycles of a GEMM on a configuration, and the number of cycles in which each resource is busy."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.tile import MatmulTile, TileConfig
from tilewright_sim.models.cycles import Bus, Gemm, Shape, estimate, split_gemm

__all__ = ["DEFAULT_SHAPES", "Use", "Workload", "use"]

Workload = tuple[int, int, int]
"""M, N and K of ``C[M, N] = A[M, K] · B[N, K]ᵀ``."""

DEFAULT_SHAPES: tuple[Workload, ...] = ((256, 256, 256), (1, 2048, 2048))
"""A product whose bottleneck is the multipliers, and a step of decoding, whose bottleneck is the bus."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """Cycles of one product, and the minimum number of cycles that each resource needs for it.

    Parameters
    ----------
    m, n, k : int
    cycles : int
        For an accelerator from the doorbell to the interrupt, by `tilewright_sim.models.cycles`; for a tile from the
        first weight word to the last result: ``tiles * max(m, cols) + cols + latency``, where ``tiles = ceil(k / rows)
        * ceil(n / cols)``.
    multiplier_cycles : int
        Cycles in which activations enter the tile: ``tiles * m``. Multipliers without work at ragged edges count as
        busy.
    weight_cycles : int
        Cycles in which weights enter the tile, one word of ``rows`` per cycle: ``tiles * cols``, once for each block of
        rows.
    bus_cycles : float
        Cycles if the busier of the read and the write channel has a beat in each; 0 for a tile, which has no bus.
    requant_cycles : int
        Cycles in which results leave through the lanes: ``m * ceil(cols / lanes)`` for each N-tile; 0 for a tile.
    bus_bytes : float
        Bytes on the busier channel; for a tile, on the busier of its two input streams.
    peak_bytes_per_cycle : float
        Maximum number of bytes on that channel in a cycle.
    """

    m: int
    n: int
    k: int
    cycles: int
    multiplier_cycles: int
    weight_cycles: int
    bus_cycles: float
    requant_cycles: int
    bus_bytes: float
    peak_bytes_per_cycle: float

    @property
    def macs(self) -> int:
        """Number of multiply-accumulates."""
        return self.m * self.n * self.k

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: multiply-accumulates for each byte of `bus_bytes`."""
        return self.macs / self.bus_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, `macs` and `intensity`, ready for JSON."""
        return {**asdict(self), "macs": self.macs, "intensity": self.intensity}


def use(config: TileConfig | AcceleratorConfig, shape: Workload, bus: Bus) -> Use:
    """Return a product's cycles on a tile, or on an accelerator with a memory like ``bus``.

    The accelerator computes an int8 result, or float32 with block formats, with B in the first of them. A product that
    is too large for one descriptor is cut as the runtime cuts it; with K cut, the result is int32.
    """
    if isinstance(config, AcceleratorConfig):
        return _accelerator(config, shape, bus)
    m, n, k = shape
    tiles = math.ceil(k / config.rows) * math.ceil(n / config.cols)
    cycles = tiles * max(m, config.cols) + config.cols + MatmulTile.latency_of(config)
    word = config.rows * max(config.activation_bits, config.weight_bits) / 8
    words = tiles * max(m, config.cols)
    return Use(
        m=m, n=n, k=k, cycles=cycles, multiplier_cycles=tiles * m, weight_cycles=tiles * config.cols, bus_cycles=0.0,
        requant_cycles=0, bus_bytes=words * word, peak_bytes_per_cycle=word,
    )  # fmt: skip


def _accelerator(config: AcceleratorConfig, shape: Workload, bus: Bus) -> Use:
    m, n, k = shape
    queue = split_gemm(config, Gemm(m=m, n=n, k=k, requant=not config.scaled))
    found = estimate(config, queue, bus)
    multiplier = weights = lanes = 0
    for gemm in queue:
        loops = Shape(config, gemm)
        words, tiles = loops.k_words, len(loops.tiles)
        multiplier += words * tiles * gemm.m
        weights += words * tiles * config.tile.cols * len(loops.blocks)
        lanes += tiles * gemm.m * math.ceil(config.tile.cols / config.requant_lanes) * (gemm.requant or config.scaled)
    peak = config.word_bytes * bus.bandwidth
    return Use(
        m=m, n=n, k=k, cycles=found.cycles, multiplier_cycles=multiplier, weight_cycles=weights,
        bus_cycles=found.bus_cycles, requant_cycles=lanes, bus_bytes=found.bus_cycles * peak, peak_bytes_per_cycle=peak,
    )  # fmt: skip
