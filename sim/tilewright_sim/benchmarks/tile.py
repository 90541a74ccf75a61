"""Measure the matrix-multiply tile."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tilewright.base import load_config
from tilewright.cores import CORES
from tilewright.flows.fpga import Area, FpgaFlow
from tilewright.tile import TileConfig
from tilewright.verilog import generate
from tilewright_sim.models import gemm as golden
from tilewright_sim.verilated import TileResult, TileSimulator

from .results import Measurement

__all__ = ["bench_tile"]

TILE = CORES["tile"]


def bench_tile() -> Iterator[Measurement]:
    """Measure the tile; yield each result as soon as it is known. Takes about five minutes on two cores."""
    for dot in (1, 8):
        yield _area_with_dsp(dot)
    yield _area_without_dsp()
    for dot in (1, 8):
        yield _fmax(dot)
    yield _utilisation()
    yield _giant()
    yield _speed()


def _small(multiplier: str, dot: int) -> tuple[TileConfig, str]:
    settings = [f"multiplier={multiplier}", f"dot={dot}"]
    return load_config(
        TileConfig, "small", settings=settings
    ), f"--preset small {' '.join(f'--set {s}' for s in settings)}"


def _per_multiplier(area: Area) -> tuple[float, float]:
    return area.lut4 / area.multipliers, area.ff / area.multipliers


def _area_with_dsp(dot: int) -> Measurement:
    config, options = _small("dsp", dot)
    luts, flip_flops = _per_multiplier(FpgaFlow(TILE, config, "ecp5").areas().total)
    return Measurement(
        f"8×8 int8, `dot` {dot}, ECP5 with DSPs, per multiplier",
        "≤ 18 LUT4-equivalents, ≤ 50 FF",
        f"{luts:.1f} LUT4-equivalents, {flip_flops:.1f} FF",
        luts <= 18 and flip_flops <= 50,
        f"tilewright area tile {options} --target ecp5",
    )


def _area_without_dsp() -> Measurement:
    config, options = _small("lut", 8)
    luts, _ = _per_multiplier(FpgaFlow(TILE, config, "ecp5").areas().total)
    return Measurement(
        "8×8 int8, ECP5 without DSPs, per multiplier",
        "≤ 100 LUT4-equivalents",
        f"{luts:.1f} LUT4-equivalents",
        luts <= 100,
        f"tilewright area tile {options} --target ecp5",
    )


def _fmax(dot: int) -> Measurement:
    config, options = _small("dsp", dot)
    best = max(placed.mhz for placed in FpgaFlow(TILE, config, "ecp5").placements([1, 2, 3]))
    return Measurement(
        f"Fmax 8×8 int8, `dot` {dot}, ECP5-85k speed 6, ports registered, best of 3 seeds",
        "≥ 200 MHz",
        f"{best:.1f} MHz",
        best >= 200,
        f"tilewright fmax tile {options} --seeds 3",
    )


def _utilisation() -> Measurement:
    config = TileConfig.preset("base")
    result = _run_back_to_back(config, tiles=200)
    share = len(result.sums) / result.result_cycles
    return Measurement(
        "multipliers busy, 200 weight tiles back to back with `cols` rows each, 16×16",
        "100 %",
        f"{share:.2%} ({len(result.sums)} results in {result.result_cycles} cycles)",
        share == 1,
        "tilewright bench tile",
    )


def _giant() -> Measurement:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        generate(TILE, TileConfig.preset("giant"), Path(folder))
        seconds = time.perf_counter() - start
        size = (Path(folder) / "tile.v").stat().st_size
    return Measurement(
        "64×64, `dot` 16: time to generate and size of the Verilog",
        "≤ 20 s, ≤ 1 MB",
        f"{seconds:.1f} s, {size / 1e6:.3f} MB",
        seconds <= 20 and size <= 1_000_000,
        "tilewright generate tile --preset giant",
    )


def _speed() -> Measurement:
    config = TileConfig.preset("base")
    runs = [_run_back_to_back(config, tiles=16_000) for _ in range(5)]
    rate = statistics.median(run.cycles / run.seconds for run in runs)
    return Measurement(
        "16×16 in Verilator with a C++ driver, median of 5 runs of 256,000 cycles",
        "≥ 1.5 million cycles/s",
        f"{rate / 1e6:.2f} million cycles/s",
        rate >= 1.5e6,
        "tilewright bench tile",
    )


def _run_back_to_back(config: TileConfig, tiles: int) -> TileResult:
    """Run packets of exactly ``cols`` words, each with its own weights; check every sum."""
    random = np.random.default_rng(1)
    few = 8
    packets = [random.integers(-128, 128, (config.cols, config.rows)) for _ in range(few)]
    weights = [random.integers(-128, 128, (config.cols, config.rows)) for _ in range(few)]
    with TileSimulator(config) as tile:
        result = tile.run(packets * (tiles // few), weights * (tiles // few))
    expected = golden.stream_tiles(packets, weights)
    if not (result.sums.reshape(-1, *expected.shape) == expected).all():
        raise AssertionError("the tile's sums differ from the golden model's")
    return result
