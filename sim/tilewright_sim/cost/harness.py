"""Run each core: a default size of the work, its number of cycles, and a recorded run of the RTL for power."""

import math
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.block_tile import BlockTile, BlockTileConfig
from tilewright.dma import DmaConfig
from tilewright.tile import MatmulTile, TileConfig, tile_of
from tilewright_sim.host import Simulator
from tilewright_sim.models import blocks
from tilewright_sim.models.cycles import Bus, Gemm, estimate
from tilewright_sim.verilated import BlockTileSimulator, DmaSimulator, TileSimulator, requests_for

from .recording import Recording, read_recording
from .workloads import Matrices

__all__ = ["HARNESSES", "Harness", "Run", "Shape"]

Shape = tuple[int, int, int]
"""M, N and K of the matrices A[M, K] and B[N, K]."""
# More cycles make the waveform larger but the measurement no better.
_MAX_CYCLES = 200_000
_RESET = 2  # cycles before a tile or a DMA engine starts to work


@dataclass(frozen=True)
class Run:
    """A recorded run of the RTL.

    Parameters
    ----------
    recording : Recording
    window : range
        The cycles in which the core worked.
    work : int
        Amount of work done, in the unit of the core's `Work`.
    """

    recording: Recording
    window: range
    work: int


class Harness(ABC):
    """Runs one core; every ``config`` is a configuration of this core."""

    def operand_bits(self, config: Any) -> tuple[int, int]:
        """Return the widths of the elements of A and B."""
        return 8, 8

    @abstractmethod
    def default_shape(self, config: Any) -> Shape:
        """Return a size of the work that is large enough for a stable power measurement."""

    @abstractmethod
    def busy_cycles(self, config: Any, shape: Shape) -> int:
        """Return the approximate number of cycles that the work takes.

        Raises
        ------
        TilewrightError
            If the core does not support this shape.
        """

    def check_length(self, config: Any, shape: Shape) -> None:
        """Reject work that would take too many cycles to record.

        Raises
        ------
        TilewrightError
            If the work is too long; the message contains the limit.
        """
        if self.busy_cycles(config, shape) > _MAX_CYCLES:
            raise TilewrightError(f"measuring power takes more than {_MAX_CYCLES:,} cycles: choose smaller matrices")

    def cycles(self, config: Any, shape: Shape, bus: Bus) -> dict[str, Any]:
        """Return ``cycles``, ``utilisation`` and ``source`` of a GEMM.

        Raises
        ------
        TilewrightError
            If the core does not multiply.
        """
        raise TilewrightError("a shape requires a core that multiplies: choose a tile or the accelerator")

    @abstractmethod
    def record(self, config: Any, top: str, signals: set[str], matrices: Matrices, bus: Bus) -> Run:
        """Simulate the RTL with A[M, K] and B[N, K], and record signals.

        Parameters
        ----------
        config : Config
        top : str
            The module of the core.
        signals : set of str
            Hierarchical names below ``top``, separated by dots.
        matrices : (A, B)
        bus : Bus
            The memory behind the core, if it has a bus.
        """


class MatmulHarness(Harness):
    """Multiplies A[M, K] by B[N, K]ᵀ."""

    def operand_bits(self, config: TileConfig | AcceleratorConfig) -> tuple[int, int]:
        tile = tile_of(config)
        return tile.activation_bits, tile.weight_bits

    def default_shape(self, config: TileConfig | AcceleratorConfig) -> Shape:
        """Return a shape with 16 weight tiles, each used for ``8 * cols`` rows of A."""
        tile = tile_of(config)
        return 8 * tile.cols, 4 * tile.cols, 4 * tile.rows

    def busy_cycles(self, config: TileConfig | AcceleratorConfig, shape: Shape) -> int:
        tile, (m, n, k) = tile_of(config), shape
        return math.ceil(n / tile.cols) * math.ceil(k / tile.rows) * max(m, tile.cols)


class TileHarness(MatmulHarness):
    """Multiplies A[M, K] by B[N, K]ᵀ on the tile."""

    def cycles(self, config: TileConfig, shape: Shape, bus: Bus) -> dict[str, Any]:
        cycles = config.cols + self.busy_cycles(config, shape) + MatmulTile.latency_of(config)
        share = math.prod(shape) / cycles / config.multipliers
        return {"cycles": cycles, "utilisation": share, "source": "max(M, cols) for each weight tile"}

    def record(self, config: TileConfig, top: str, signals: set[str], matrices: Matrices, bus: Bus) -> Run:
        with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
            waveform = Path(folder) / "run.fst"
            with TileSimulator(config, waveform=waveform) as tile:
                tile.matmul(*matrices)
            recording = read_recording(waveform, top, signals)
        return Run(recording, range(_RESET, recording.cycles), _macs(matrices))


class BlockTileHarness(Harness):
    """Multiplies A[M, K] by B[N, K]ᵀ on the tile with block scales, each in its block format."""

    def default_shape(self, config: BlockTileConfig) -> Shape:
        """Return a shape with 4 tiles of columns, each used for packets of as many rows as there are accumulators."""
        return min(config.acc_rows, 64), 4 * config.cols, 4 * _whole_words(config)

    def busy_cycles(self, config: BlockTileConfig, shape: Shape) -> int:
        m, n, k = shape
        whole, rest = divmod(m, config.acc_rows)
        of_block = whole * max(config.acc_rows, config.cols) + (max(rest, config.cols) if rest else 0)
        return math.ceil(n / config.cols) * math.ceil(k / config.rows) * of_block

    def cycles(self, config: BlockTileConfig, shape: Shape, bus: Bus) -> dict[str, Any]:
        cycles = config.cols + self.busy_cycles(config, shape) + BlockTile.latency_of(config)
        share = math.prod(shape) / cycles / config.tile.multipliers
        return {"cycles": cycles, "utilisation": share, "source": "max(M, cols) for each block of cols columns"}

    def record(self, config: BlockTileConfig, top: str, signals: set[str], matrices: Matrices, bus: Bus) -> Run:
        padding = [(0, 0), (0, -matrices[0].shape[1] % _whole_words(config))]
        a, b = (
            blocks.quantize(np.pad(matrix, padding).astype(np.float32), form)
            for matrix, form in zip(matrices, (config.a, config.b), strict=True)
        )
        with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
            waveform = Path(folder) / "run.fst"
            with BlockTileSimulator(config, waveform=waveform) as tile:
                tile.matmul(a, b)
            recording = read_recording(waveform, top, signals)
        return Run(recording, range(_RESET, recording.cycles), _macs(matrices))


class AcceleratorHarness(MatmulHarness):
    """Multiplies A[M, K] by B[N, K]ᵀ on the accelerator, from doorbell to interrupt."""

    def cycles(self, config: AcceleratorConfig, shape: Shape, bus: Bus) -> dict[str, Any]:
        m, n, k = shape
        guess = estimate(config, [Gemm(m=m, n=n, k=k, requant=not config.scaled)], bus)
        source = "cycle model, doorbell to interrupt"
        return {"cycles": guess.cycles, "utilisation": guess.utilisation, "source": source}

    def record(self, config: AcceleratorConfig, top: str, signals: set[str], matrices: Matrices, bus: Bus) -> Run:
        with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
            waveform = Path(folder) / "run.fst"
            with Simulator(config, waveform=waveform, latency=bus.latency, bandwidth=bus.bandwidth) as chip:
                chip.gemm(*matrices)
                start, stop = chip.simulated.doorbells[0], chip.simulated.status.interrupt_cycle
            recording = read_recording(waveform, top, signals)
        return Run(recording, range(start, min(stop, recording.cycles)), _macs(matrices))


class DmaHarness(Harness):
    """Moves the rows of A and B with a DMA engine.

    Parameters
    ----------
    core : str
        Name of the engine.
    """

    def __init__(self, core: str):
        self.core = core

    def default_shape(self, config: DmaConfig) -> Shape:
        """Return a shape with 2,048 bus words, in rows as long as the engine supports, up to 32 words."""
        words = max(1, min(32, ((1 << config.length_bits) - 1) // config.word_bytes))
        row = min(words * config.word_bytes, (1 << config.length_bits) - 1)
        return 1024 // words, 1024 // words, row

    def busy_cycles(self, config: DmaConfig, shape: Shape) -> int:
        m, n, row_bytes = shape
        for rows in (m, n):
            requests_for(config, rows, row_bytes)
        return (m + n) * math.ceil(row_bytes / config.word_bytes)

    def record(self, config: DmaConfig, top: str, signals: set[str], matrices: Matrices, bus: Bus) -> Run:
        moved = [np.asarray(matrix, dtype=np.int8) for matrix in matrices]
        size = sum(len(matrix) * (matrix.shape[1] + config.word_bytes) for matrix in moved)
        with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
            waveform = Path(folder) / "run.fst"
            with DmaSimulator(self.core, config, 8192 + size, bus.latency, waveform) as engine:
                engine.move(moved)
            recording = read_recording(waveform, top, signals)
        return Run(recording, range(_RESET, recording.cycles), sum(matrix.size for matrix in moved))


HARNESSES: dict[str, Harness] = {
    "tile": TileHarness(),
    "block-tile": BlockTileHarness(),
    "accelerator": AcceleratorHarness(),
    "dma-reader": DmaHarness("dma-reader"),
    "dma-writer": DmaHarness("dma-writer"),
}
"""Harnesses by name of the core, one for every core that has `Work`."""


def _whole_words(config: BlockTileConfig) -> int:
    """Elements along K that are whole records of both formats, and whole words."""
    return math.lcm(config.rows, config.a.record, config.b.record)


def _macs(matrices: Matrices) -> int:
    a, b = matrices
    return len(a) * len(b) * a.shape[1]
