"""Measure the accelerator."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from unittest import mock

import numpy as np

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.cores import CORES
from tilewright.flows.fpga import FpgaFlow
from tilewright_sim.host import RunResult, Simulator, check_result
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .results import Measurement

__all__ = ["bench_gemm", "random_gemm"]

COMMAND = "tilewright bench gemm"
BASE, SMALL = AcceleratorConfig.preset("base"), AcceleratorConfig.preset("small")
DECODING = [(576, 576, 16), (1536, 576, 8), (576, 1536, 8), (49152, 576, 2)]
"""N, K, and the number of such GEMMs in the queue."""


def bench_gemm() -> Iterator[Measurement]:
    """Measure the accelerator; yield each result as soon as it is known. Takes about ten minutes on two cores."""
    yield _busy(BASE, 512, 64, 0.995, "16×16, 128-bit bus, memory latency 64")
    yield _busy(SMALL, 256, 0, 0.985, "8×8, 64-bit bus, one port, latency 0")
    yield _busy(SMALL, 64, 0, 0.90, "8×8, 64-bit bus, one port, latency 0")
    for n, k, count in DECODING:
        yield _decoding(n, k, count)
    yield _queue()
    yield _estimates()
    yield _area()
    yield _fmax()
    yield _speed()
    yield _build()


def random_gemm(
    config: AcceleratorConfig,
    m: int,
    n: int,
    k: int,
    count: int = 1,
    *,
    chip: Simulator | None = None,
    latency: int = 0,
) -> RunResult:
    """Run a queue of ``count`` random products with int8 results, each checked against numpy."""
    rng = np.random.default_rng(m + n + k)
    a, b = (rng.integers(-128, 128, (rows, k), dtype=np.int8) for rows in (m, n))
    bias = rng.integers(-1000, 1000, n, dtype=np.int32)
    scales = rng.uniform(0.5, 1.5, n) * 40 / (5500 * k**0.5)
    requant = golden.Requant.from_scale(scales, rounding=config.roundings[0])
    with ExitStack() as stack:
        if chip is None:
            chip = stack.enter_context(Simulator(config, latency=latency))
        left, right = stack.enter_context(chip.array(a)), stack.enter_context(chip.array(b))
        parameters = stack.enter_context(chip.parameters(n, bias, requant))
        results = [stack.enter_context(chip.empty((m, n), np.int8)) for _ in range(count)]
        run = chip.submit([chip.descriptor(left, right, c, parameters) for c in results])
        for c in results:
            check_result(c.numpy(), a, b, bias, requant)
    return run


def _busy(config: AcceleratorConfig, size: int, latency: int, target: float, about: str) -> Measurement:
    run = random_gemm(config, size, size, size, latency=latency)
    preset = "base" if config is BASE else "small"
    return Measurement(
        f"GEMM {size}³, {about}, int8 out: multipliers busy from doorbell to interrupt",
        f"≥ {target:.1%}",
        f"{run.utilisation:.2%} ({run.cycles:,} cycles)",
        run.utilisation >= target,
        f"tilewright gemm --random {size}x{size}x{size} --preset {preset} --latency {latency} --result int8",
    )


def _decoding(n: int, k: int, count: int) -> Measurement:
    run = random_gemm(BASE, 1, n, k, count, latency=64)
    beats = estimate(BASE, [Gemm(m=1, n=n, k=k)] * count).bus_cycles
    share = beats / run.cycles
    return Measurement(
        f"M = 1, N×K = {n}×{k}, 16×16, 128-bit bus, latency 64, {count} queued: share of the bus bandwidth",
        "≥ 99 %",
        f"{share:.2%} ({beats:,.0f} words in {run.cycles:,} cycles)",
        share >= 0.99,
        COMMAND,
    )


def _queue() -> Measurement:
    run = random_gemm(BASE, 64, 192, 64, 100, latency=64)
    guess = estimate(BASE, [Gemm(m=64, n=192, k=64)] * 100)
    bound = max(guess.multiplier_cycles, guess.bus_cycles)
    share = bound / run.cycles
    return Measurement(
        f"queue of 100 GEMMs 64×192×64, 16×16, 128-bit bus, latency 64: share of the peak rate of the {guess.bound}",
        "≥ 96 %",
        f"{share:.2%} ({run.cycles:,} cycles)",
        share >= 0.96,
        COMMAND,
    )


def _estimates() -> Measurement:
    """Compare `estimate` with the RTL for the shapes of this benchmark and ten random ones."""
    rng = np.random.default_rng(1)
    shapes = [(BASE, 512, 512, 512, 1, 64), (SMALL, 256, 256, 256, 1, 0), (SMALL, 64, 64, 64, 1, 0)]
    shapes += [(BASE, 1, n, k, count, 64) for n, k, count in DECODING[:3]] + [(BASE, 64, 192, 64, 100, 64)]
    for index in range(10):
        m, n, k = (int(2 ** rng.uniform(low, high)) for low, high in ((0, 9), (4, 9), (4, 10)))
        shapes.append((BASE if index % 2 else SMALL, m, n, k, 1, int(rng.choice([0, 20, 64, 100]))))
    worst = 0.0
    for config, m, n, k, count, latency in shapes:
        guess = estimate(config, [Gemm(m=m, n=n, k=k)] * count, Bus(latency=latency)).cycles
        worst = max(worst, abs(guess / random_gemm(config, m, n, k, count, latency=latency).cycles - 1))
    return Measurement(
        "cycles that `estimate` predicts: largest error over these shapes and 10 random ones",
        "≤ 3 %",
        f"{worst:.2%}",
        worst <= 0.03,
        COMMAND,
    )


def _area() -> Measurement:
    luts = FpgaFlow(CORES["accelerator"], SMALL, "ecp5").areas().total.lut4
    return Measurement(
        "whole accelerator, 8×8, 64-bit bus, ECP5",
        "≤ 8,000 LUT4-equivalents",
        f"{luts:,}",
        luts <= 8000,
        "tilewright area accelerator --preset small --target ecp5",
    )


def _fmax() -> Measurement:
    best = max(placed.mhz for placed in FpgaFlow(CORES["accelerator"], SMALL, "ecp5").placements([1, 2, 3]))
    return Measurement(
        "Fmax of the whole accelerator, 8×8, 64-bit bus, ECP5-85k speed 6, best of 3 seeds",
        "≥ 110 MHz",
        f"{best:.1f} MHz",
        best >= 110,
        "tilewright fmax accelerator --preset small --seeds 3",
    )


def _speed() -> Measurement:
    rates = []
    with Simulator(BASE, latency=64) as chip:
        for _ in range(5):
            run = random_gemm(BASE, 256, 512, 512, chip=chip)
            rates.append(run.cycles / run.seconds)
    rate = statistics.median(rates)
    return Measurement(
        "fast simulator, 16×16 accelerator with its memory, multiplying, median of 5 runs of 262,144 cycles",
        "≥ 1 million cycles/s",
        f"{rate / 1e6:.2f} million cycles/s",
        rate >= 1e6,
        COMMAND,
    )


def _build() -> Measurement:
    with (
        tempfile.TemporaryDirectory(prefix="tilewright-") as folder,
        mock.patch.dict(os.environ, {"TILEWRIGHT_CACHE": folder}),
    ):
        start = time.perf_counter()
        Simulator(BASE).close()
        first = time.perf_counter() - start
        start = time.perf_counter()
        Simulator(BASE).close()
        again = time.perf_counter() - start
    return Measurement(
        "fast simulator, 16×16: first use of a configuration, and later ones",
        "≤ 60 s, cached",
        f"{first:.0f} s, {again:.2f} s",
        first <= 60 and again <= 5,
        COMMAND,
    )
