"""The command ``gemm``."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, check_output, load_config
from tilewright.link import BAUD
from tilewright_sim.console import Printer, console
from tilewright_sim.host import (
    GemmResult,
    Simulator,
    check_bias,
    check_matrix,
    check_result,
    load_matrix,
    overflows,
    write_matrix,
)
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.cycles import Bus, Estimate, Gemm, estimate
from tilewright_sim.verilated import write_trace

from .board import gemm_on_board
from .gemm_report import report, summary, where_the_time_went
from .options import (
    COMPILING,
    FILE,
    SHAPE,
    Number,
    accelerator_options,
    distinct_files,
    json_option,
    only_with,
    result_option,
    seed_option,
    trace_option,
)

__all__ = ["gemm"]

DEFAULT_SHAPE = (64, 64, 64)
HINT = """\
This was a small example. More examples:
  tilewright gemm --random 512x512x512 --preset base --latency 64 --result int8
  tilewright gemm A.npy B.npy --save C.npy       int8 matrices [M, K] and [N, K]; C = A · Bᵀ
  tilewright gemm --random 64x64x64 --trace run.json    then open run.json in https://ui.perfetto.dev
  tilewright estimate 4096x4096x4096         cycles without simulating
  tilewright gemm --help"""
_EVENTS = 200_000


@click.command()
@click.argument("a_file", metavar="[A.npy", type=FILE, required=False)
@click.argument("b_file", metavar="B.npy]", type=FILE, required=False)
@click.option("--save", type=FILE, metavar="C.npy", help="Write the result into this file.")
@click.option("--random", "shape", metavar="MxNxK", type=SHAPE, help="Multiply random matrices of this shape.")
@result_option()
@click.option(
    "--scale", metavar="FACTOR", help="Scale of the int8 result: a number, or a .npy file with one per column."
)
@click.option(
    "--zero-point", default=0, show_default=True, type=click.IntRange(-128, 127), help="Zero point of the int8 result."
)
@click.option("--bias", "bias_file", type=FILE, metavar="BIAS.npy", help="int32 [N], added to each row of C.")
@seed_option(default=0)
@accelerator_options("small", 0)
@click.option(
    "--stall",
    default=0.0,
    show_default=True,
    type=Number(0, 0.99),
    help="Probability that a channel of the bus pauses in a cycle.",
)
@trace_option
@click.option("--waveform", type=FILE, help="Write an FST waveform.")
@click.option("--waveform-cycles", "window", metavar="FROM:TO", default=":", help="Cycles to record, since reset.")
@click.option("--port", metavar="PORT", help="Multiply on the board at this serial port instead of in a simulator.")
@click.option(
    "--baud",
    default=BAUD,
    show_default=True,
    type=click.IntRange(300, 100_000_000),
    help="Baud rate of the board's bitstream.",
)
@json_option
def gemm(
    a_file: Path | None, b_file: Path | None, save: Path | None, shape: tuple[int, int, int] | None,
    result: str | None, scale: str | None,
    zero_point: int, bias_file: Path | None, seed: int, preset: str, path: Path | None, settings: tuple[str, ...],
    latency: int, bandwidth: float, stall: float, trace: Path | None, waveform: Path | None, window: str,
    port: str | None, baud: int, as_json: bool,
) -> None:  # fmt: skip
    """Multiply matrices on the Verilog of an accelerator: C[M, N] = A[M, K] · B[N, K]ᵀ.

    Runs A.npy and B.npy, or random matrices, in the simulator, checks every result against numpy, and shows where the
    time went. Results are int32, or int8 with --scale or with --result int8, which scales them so that they fit. The
    first run of a configuration compiles it, which takes some tens of seconds.

    \b
    Examples:
      tilewright gemm --random 512x512x512 --preset base --latency 64 --result int8
      tilewright gemm A.npy B.npy --save C.npy --bias bias.npy --scale 0.002
      tilewright gemm A.npy B.npy --port /dev/ttyUSB0
    """
    only_with("window", "with --waveform", waveform is not None)
    only_with("baud", "with --port", port is not None)
    only_with(
        "trace waveform preset path settings latency bandwidth stall",
        "in the simulator, not with --port",
        port is None,
    )
    only_with("seed", "with --random or --stall", a_file is None or (stall > 0 and port is None))
    distinct_files(
        {"--save": save, "--trace": trace, "--waveform": waveform},
        {"A.npy": a_file, "B.npy": b_file, "--bias": bias_file, "--config": path},
    )
    config = load_config(AcceleratorConfig, preset, path, settings)
    for file in filter(None, (save, trace, waveform)):
        check_output(file)
    rng = np.random.default_rng(seed)
    a, b = _operands(a_file, b_file, shape, rng)
    bias = check_bias(load_matrix(bias_file), len(b)) if bias_file else None
    requant = _requant(a, scale, result, zero_point)
    cycles = _window(window)
    if port is not None:
        gemm_on_board(port, baud, a, b, bias, requant, save, as_json)
        return
    if requant:
        requant = replace(requant, rounding=config.roundings[0])
    memory: dict[str, Any] = {"latency": latency, "bandwidth": bandwidth, "stall": stall, "seed": seed}
    guess = _guess(config, a, b, bias, requant, Bus(latency=latency, bandwidth=bandwidth * (1 - stall)))
    with console.status(COMPILING):
        chip = Simulator(config, waveform=waveform, window=cycles, events=_EVENTS if trace else 0, **memory)
    with chip:
        done = _run(chip, a, b, bias, requant, guess)
        if trace:
            dropped = chip.simulated.status.dropped_events
            write_trace(trace, chip.simulated.take_events(), chip.simulated.doorbells[0])
            if dropped:
                console.print(f"the trace ends after {_EVENTS:,} events; {dropped:,} more are omitted", highlight=False)
    check_result(done.c, a, b, bias, requant)
    if waveform and not waveform.exists():
        raise TilewrightError(f"cannot write {waveform}: the simulator left no waveform; is the disk full?")
    if save:
        write_matrix(save, done.c)
    figures = report(config, done, a.shape[1], guess) | {"wrapped_sums": overflows(a, b, bias)}
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo(f"{summary(figures)}\nall {done.c.size:,} results equal numpy's")
    if figures["wrapped_sums"]:
        console.print(
            f"{figures['wrapped_sums']:,} sums do not fit into int32 and wrapped modulo 2**32", highlight=False
        )
    Printer().print(where_the_time_went(done.counters))
    if a_file is None and shape is None:
        click.echo(HINT)


def _run(
    chip: Simulator, a: NDArray, b: NDArray, bias: NDArray | None, requant: golden.Requant | None,
    guess: Estimate | None,
) -> GemmResult:  # fmt: skip
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("cycles", total=guess.cycles if guess else None)
        return chip.gemm(
            a, b, bias=bias, requant=requant, progress=lambda _, cycles: bar.update(task, completed=cycles)
        )


def _operands(
    a_file: Path | None, b_file: Path | None, shape: tuple[int, int, int] | None, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    if a_file is not None:
        if b_file is None:
            raise click.UsageError("two matrices are needed: tilewright gemm A.npy B.npy")
        if shape is not None:
            raise click.UsageError("either files or --random, not both")
        a, b = check_matrix(load_matrix(a_file), str(a_file)), check_matrix(load_matrix(b_file), str(b_file))
        if a.shape[1] != b.shape[1]:
            raise TilewrightError(f"{a_file} is {list(a.shape)} and {b_file} {list(b.shape)}: not [M, K] and [N, K]")
        return a, b
    m, n, k = shape or DEFAULT_SHAPE
    if max(m * k, n * k, m * n) > 1 << 28:
        raise TilewrightError(f"--random {m}x{n}x{k}: each matrix must have 1 to {1 << 28:,} elements")
    return rng.integers(-128, 128, (m, k), dtype=np.int8), rng.integers(-128, 128, (n, k), dtype=np.int8)


def _requant(a: NDArray, scale: str | None, result: str | None, zero_point: int) -> golden.Requant | None:
    if scale is not None and result == "int32":
        raise click.UsageError("--scale makes int8 results: leave out --result int32")
    if scale is None:
        if zero_point and result != "int8":
            raise click.UsageError("--zero-point needs an int8 result: give --result int8 or --scale")
        # Sums of K products of uniformly random int8 have a standard deviation of 74 * 74 * sqrt(K): few are clamped.
        return golden.Requant.from_scale(40 / (5500 * a.shape[1] ** 0.5), zero_point) if result == "int8" else None
    try:
        return golden.Requant.from_scale(float(scale), zero_point)
    except ValueError:
        return golden.Requant.from_scale(load_matrix(Path(scale)), zero_point)


def _window(text: str) -> range:
    match = re.fullmatch(r"([0-9]{0,18}):([0-9]{0,18})", text)
    window = range(int(match[1] or 0), int(match[2] or 1 << 62)) if match else range(0)
    if not window:
        raise click.UsageError(
            f"--waveform-cycles {text}: write it as FROM:TO, for example --waveform-cycles 1000:2000"
        )
    return window


def _guess(
    config: AcceleratorConfig, a: NDArray, b: NDArray, bias: NDArray | None, requant: golden.Requant | None, bus: Bus
) -> Estimate | None:
    """Return the estimate, or None if one descriptor is not enough."""
    try:
        (m, k), (n, _) = a.shape, b.shape
        return estimate(config, [Gemm(m=m, n=n, k=k, requant=requant is not None, bias=bias is not None)], bus)
    except TilewrightError:
        return None
