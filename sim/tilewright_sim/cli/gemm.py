"""The command ``gemm``."""

import json
import re
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
    Requant,
    Simulator,
    check_bias,
    check_matrix,
    check_result,
    load_matrix,
    overflows,
    write_matrix,
)
from tilewright_sim.models.cycles import Bus, Estimate, Gemm, estimate
from tilewright_sim.verilated import write_trace

from .board import gemm_on_board
from .gemm_report import report, summary, where_the_time_went
from .options import Number, distinct_files, only_with, options_for, parse_shape

__all__ = ["gemm"]

DEFAULT_SHAPE = (64, 64, 64)
HINT = """\
This was a small one. Ask for more:
  tilewright gemm --random 512x512x512 --preset base --latency 64 --int8
  tilewright gemm A.npy B.npy -o C.npy       int8 matrices [M, K] and [N, K]; C = A · Bᵀ
  tilewright gemm --random 64x64x64 --trace run.json    then open run.json in https://ui.perfetto.dev
  tilewright estimate 4096 4096 4096         cycles without simulating
  tilewright gemm --help"""
_EVENTS = 200_000
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("a_file", metavar="[A.npy", type=_FILE, required=False)
@click.argument("b_file", metavar="B.npy]", type=_FILE, required=False)
@click.option("--output", "-o", type=_FILE, help="Write C here, as .npy.")
@click.option("--random", "shape", metavar="MxNxK", help="Random matrices of this shape instead of files.")
@click.option("--int8", "int8", is_flag=True, help="An int8 result, scaled so that it fits, or by --scale.")
@click.option("--scale", help="For an int8 result: a number, or a .npy file with one for each column.")
@click.option(
    "--zero-point", default=0, show_default=True, type=click.IntRange(-128, 127), help="Zero point of the int8 result."
)
@click.option("--bias", "bias_file", type=_FILE, help="An int32 [N] as .npy, added to each row.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 1 << 32), help="Of the random matrices and stalls."
)
@options_for("small", 0)
@click.option(
    "--stall",
    default=0.0,
    show_default=True,
    type=Number(0, 0.99),
    help="Probability that a channel of the bus pauses in a cycle.",
)
@click.option("--trace", type=_FILE, help="Write a trace of all engines and channels, for ui.perfetto.dev.")
@click.option("--waveform", type=_FILE, help="Write an FST waveform.")
@click.option("--window", metavar="FROM:TO", default=":", help="Cycles of the waveform, since reset.")
@click.option("--board", "port", metavar="PORT", help="Multiply on the board at this serial port, not in a simulator.")
@click.option(
    "--baud", default=BAUD, show_default=True, type=click.IntRange(300, 100_000_000), help="Baud rate of its bitstream."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def gemm(
    a_file: Path | None, b_file: Path | None, output: Path | None, shape: str | None, int8: bool, scale: str | None,
    zero_point: int, bias_file: Path | None, seed: int, preset: str, path: Path | None, settings: tuple[str, ...],
    latency: int, bandwidth: float, stall: float, trace: Path | None, waveform: Path | None, window: str,
    port: str | None, baud: int, as_json: bool,
) -> None:  # fmt: skip
    """Multiply matrices on the Verilog of an accelerator: C[M, N] = A[M, K] · B[N, K]ᵀ.

    Runs A.npy and B.npy, or random matrices, in the simulator, checks every result against numpy, and shows where the
    time went. The first run of a configuration compiles it, which takes some tens of seconds.

    \b
    Examples:
      tilewright gemm --random 512x512x512 --preset base --latency 64 --int8
      tilewright gemm A.npy B.npy -o C.npy --bias bias.npy --scale 0.002
      tilewright gemm A.npy B.npy --board /dev/ttyUSB0
    """
    only_with("window", "with --waveform", waveform is not None)
    only_with("baud", "with --board", port is not None)
    only_with(
        "trace waveform preset path settings latency bandwidth stall",
        "in the simulator, not with --board",
        port is None,
    )
    only_with("seed", "with --random or --stall", a_file is None or (stall > 0 and port is None))
    distinct_files(
        {"-o": output, "--trace": trace, "--waveform": waveform},
        {"A.npy": a_file, "B.npy": b_file, "--bias": bias_file, "--config": path},
    )
    config = load_config(AcceleratorConfig, preset, path, settings)
    for file in filter(None, (output, trace, waveform)):
        check_output(file)
    rng = np.random.default_rng(seed)
    a, b = _operands(a_file, b_file, shape, rng)
    bias = check_bias(load_matrix(bias_file), len(b)) if bias_file else None
    requant = _requant(a, scale, int8, zero_point)
    cycles = _window(window)
    if port is not None:
        gemm_on_board(port, baud, a, b, bias, requant, output, as_json)
        return
    memory: dict[str, Any] = {"latency": latency, "bandwidth": bandwidth, "stall": stall, "seed": seed}
    guess = _guess(config, a, b, bias, requant, Bus(latency=latency, bandwidth=bandwidth * (1 - stall)))
    with console.status("compiling the accelerator, if it is the first run of this configuration: up to a minute"):
        chip = Simulator(config, waveform=waveform, window=cycles, events=_EVENTS if trace else 0, **memory)
    with chip:
        result = _run(chip, a, b, bias, requant, guess)
        if trace:
            dropped = chip.simulated.status.dropped_events
            write_trace(trace, chip.simulated.take_events(), chip.simulated.doorbells[0])
            if dropped:
                console.print(
                    f"the trace ends after {_EVENTS:,} events; {dropped:,} more are left out", highlight=False
                )
    check_result(result.c, a, b, bias, requant, config.rounding)
    if waveform and not waveform.exists():
        raise TilewrightError(f"cannot write {waveform}: the simulator left no waveform; is the disk full?")
    if output:
        write_matrix(output, result.c)
    figures = report(config, result, a.shape[1], guess) | {"wrapped_sums": overflows(a, b, bias)}
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo(f"{summary(figures)}\nall {result.c.size:,} results equal numpy's")
    if figures["wrapped_sums"]:
        console.print(
            f"{figures['wrapped_sums']:,} sums do not fit into int32 and wrapped modulo 2**32", highlight=False
        )
    Printer().print(where_the_time_went(result.counters))
    if a_file is None and shape is None:
        click.echo(HINT)


def _run(
    chip: Simulator, a: NDArray, b: NDArray, bias: NDArray | None, requant: Requant | None, guess: Estimate | None
) -> GemmResult:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("cycles", total=guess.cycles if guess else None)
        return chip.gemm(
            a, b, bias=bias, requant=requant, progress=lambda _, cycles: bar.update(task, completed=cycles)
        )


def _operands(
    a_file: Path | None, b_file: Path | None, shape: str | None, rng: np.random.Generator
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
    m, n, k = DEFAULT_SHAPE if shape is None else parse_shape(shape, "--random")
    if max(m * k, n * k, m * n) > 1 << 28:
        raise TilewrightError(f"--random {shape}: each matrix must have 1 to {1 << 28:,} elements")
    return rng.integers(-128, 128, (m, k), dtype=np.int8), rng.integers(-128, 128, (n, k), dtype=np.int8)


def _requant(a: NDArray, scale: str | None, int8: bool, zero_point: int) -> Requant | None:
    if scale is None:
        if zero_point and not int8:
            raise click.UsageError("--zero-point is of an int8 result: give --int8 or --scale")
        # Sums of K products of uniformly random int8 spread by 74 * 74 * sqrt(K); this leaves few to the clamp.
        return Requant.from_scale(40 / (5500 * a.shape[1] ** 0.5), zero_point) if int8 else None
    try:
        return Requant.from_scale(float(scale), zero_point)
    except ValueError:
        return Requant.from_scale(load_matrix(Path(scale)), zero_point)


def _window(text: str) -> range:
    match = re.fullmatch(r"([0-9]{0,18}):([0-9]{0,18})", text)
    window = range(int(match[1] or 0), int(match[2] or 1 << 62)) if match else range(0)
    if not window:
        raise click.UsageError(f"--window {text}: write it as FROM:TO, for example --window 1000:2000")
    return window


def _guess(
    config: AcceleratorConfig, a: NDArray, b: NDArray, bias: NDArray | None, requant: Requant | None, bus: Bus
) -> Estimate | None:
    """The estimate, if one descriptor does it all."""
    try:
        (m, k), (n, _) = a.shape, b.shape
        return estimate(config, [Gemm(m=m, n=n, k=k, requant=requant is not None, bias=bias is not None)], bus)
    except TilewrightError:
        return None
