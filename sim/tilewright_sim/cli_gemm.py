"""The commands ``gemm`` and ``estimate``.

What needs more than the base packages is imported where it is used, so that the help needs no more than these.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tilewright.accelerator_config import AcceleratorConfig
from tilewright.board.link_protocol import BAUD
from tilewright.config import load_config
from tilewright.cycle_model import Bus, Estimate, Gemm, estimate
from tilewright.errors import TilewrightError
from tilewright.terminal import Printer, console

from .chip.cli import chip_options, estimate_chip, wants_chip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .requant import Requant
    from .runtime import GemmResult
    from .simulator import Simulator

__all__ = ["check_writable", "gemm", "load_matrix", "options_for"]

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


def options_for(preset: str, latency: int) -> Callable[[Callable], Callable]:
    """Return a decorator that adds the options that choose the accelerator and the memory behind it."""
    options = [
        click.option("--preset", "-p", default=preset, show_default=True, help="Start from this preset."),
        click.option(
            "--config", "-c", "path", type=click.Path(path_type=Path), help="A TOML file; wins over the preset."
        ),
        click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="Set a field; wins over both."),
        click.option("--latency", default=latency, show_default=True, help="Cycles of the memory's latency."),
        click.option("--bandwidth", default=1.0, show_default=True, help="Beats per cycle, at most 1."),
    ]

    def add(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return add


accelerator_options = options_for("small", 0)


@click.command()
@click.argument("a_file", metavar="[A.npy", type=_FILE, required=False)
@click.argument("b_file", metavar="B.npy]", type=_FILE, required=False)
@click.option("--output", "-o", type=_FILE, help="Write C here, as .npy.")
@click.option("--random", "shape", metavar="MxNxK", help="Random matrices of this shape instead of files.")
@click.option("--int8", "int8", is_flag=True, help="An int8 result, scaled so that it fits, or by --scale.")
@click.option("--scale", help="For an int8 result: a number, or a .npy file with one for each column.")
@click.option("--zero-point", default=0, show_default=True, help="Of an int8 result.")
@click.option("--bias", "bias_file", type=_FILE, help="An int32 [N] as .npy, added to each row.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0, 1 << 32), help="Of the random matrices and stalls."
)
@accelerator_options
@click.option(
    "--stall", default=0.0, show_default=True, help="Probability that a channel of the bus pauses in a cycle."
)
@click.option("--trace", type=_FILE, help="Write what every walker and channel did, for ui.perfetto.dev.")
@click.option("--waveform", type=_FILE, help="Write an FST waveform.")
@click.option("--window", metavar="FROM:TO", default=":", help="Cycles of the waveform, since reset.")
@click.option("--board", "port", metavar="PORT", help="Multiply on the board at this serial port, not in a simulator.")
@click.option("--baud", default=BAUD, show_default=True, type=click.IntRange(1), help="Baud rate of its bitstream.")
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
    import numpy as np

    from .cli_board import gemm_on_board
    from .device_array import check_bias
    from .gemm_report import check_result, report, summary, where_the_time_went
    from .simulator import Simulator
    from .trace import write_trace

    config = load_config(AcceleratorConfig, preset, path, settings)
    for file in filter(None, (output, trace, waveform)):
        check_writable(file)
    rng = np.random.default_rng(seed)
    a, b = _operands(a_file, b_file, shape, rng)
    bias = check_bias(load_matrix(bias_file), len(b)) if bias_file else None
    requant = _requant(a, scale, int8, zero_point)
    cycles = _window(window)
    if port is not None:
        if trace or waveform:
            raise click.UsageError("--trace and --waveform are of the simulator: not with --board")
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
    if output:
        with output.open("wb") as stream:  # given a name, numpy may change it
            np.save(stream, result.c)
    figures = report(config, result, a.shape[1], guess)
    if as_json:
        click.echo(json.dumps(figures))
        return
    click.echo(f"{summary(figures)}\nall {result.c.size:,} results equal numpy's")
    Printer().print(where_the_time_went(result.counters))
    if a_file is None and shape is None:
        click.echo(HINT)


@click.command("estimate")
@click.argument("sizes", metavar="[M N K]", nargs=3, type=click.IntRange(1), required=False)
@click.option("--int32", is_flag=True, help="The result is int32 rather than int8.")
@click.option("--queue", default=1, show_default=True, type=click.IntRange(1, 10_000), help="As many of them at once.")
@accelerator_options
@chip_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def estimate_command(
    sizes: tuple[int, int, int], int32: bool, queue: int, preset: str, path: Path | None, settings: tuple[str, ...],
    latency: int, bandwidth: float, as_json: bool, **scale: Any,
) -> None:  # fmt: skip
    """Predict without simulating: the cycles of C[M, N] = A[M, K] · B[N, K]ᵀ from doorbell to interrupt.

    Or, with --model, --layers or --gemm, how fast chips with many tiles run a transformer or a list of products:
    what binds each kind of layer, tokens per second, energy and area. A tile is one accelerator of the preset.

    \b
    Examples:
      tilewright estimate 512 512 512 --preset base --latency 64
      tilewright estimate --model llama-3.1-8b -p giant --tiles 32 --memory-gbs 400 --freq 1000 --pj-per-mac 0.3
      tilewright estimate --model llama-3.1-70b -p giant --tiles 64 --freq 1000 --chips 8 --link-gbs 100
      tilewright estimate --gemm 64x4096x4096*32 --gemm 1x4096x4096 --tiles 8 --memory-gbs 20
    """
    config = load_config(AcceleratorConfig, preset, path, settings)
    if wants_chip(scale):
        estimate_chip(config, sizes, int32, queue, latency, bandwidth, as_json, scale)
        return
    if not sizes:
        raise click.UsageError("give M N K, or a workload: --model, --layers or --gemm")
    if not 0 <= latency <= 1_000_000 or not 0 < bandwidth <= 1:
        raise TilewrightError(
            f"latency {latency}, bandwidth {bandwidth}: must be 0 to 1000000, more than 0 and at most 1"
        )
    m, n, k = sizes
    guess = estimate(
        config, [Gemm(m=m, n=n, k=k, requant=not int32)] * queue, Bus(latency=latency, bandwidth=bandwidth)
    )
    if as_json:
        click.echo(json.dumps({**asdict(guess), "bound": guess.bound}))
        return
    tighter = max(guess.multiplier_cycles, guess.bus_cycles)
    click.echo(f"{guess.cycles:,} cycles, multipliers busy {guess.utilisation:.2%}")
    click.echo(
        f"at best {tighter:,.0f} cycles, because of the {guess.bound}: {tighter / guess.cycles:.1%} of what they can do"
    )


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
    import numpy as np

    from .device_array import check_matrix

    if a_file is not None:
        if b_file is None:
            raise click.UsageError("two matrices are needed: tilewright gemm A.npy B.npy")
        if shape is not None:
            raise click.UsageError("either files or --random, not both")
        a, b = check_matrix(load_matrix(a_file), str(a_file)), check_matrix(load_matrix(b_file), str(b_file))
        if a.shape[1] != b.shape[1]:
            raise TilewrightError(f"{a_file} is {list(a.shape)} and {b_file} {list(b.shape)}: not [M, K] and [N, K]")
        return a, b
    sizes = re.fullmatch(r"(\d{1,7})x(\d{1,7})x(\d{1,7})", shape) if shape else None
    if shape and not sizes:
        raise click.UsageError(f"--random {shape}: write it as MxNxK, for example --random 512x512x512")
    m, n, k = map(int, sizes.groups()) if sizes else DEFAULT_SHAPE
    if not m * n * k or max(m * k, n * k, m * n) > 1 << 28:
        raise TilewrightError(f"--random {shape}: each matrix must have 1 to {1 << 28:,} elements")
    return rng.integers(-128, 128, (m, k), dtype=np.int8), rng.integers(-128, 128, (n, k), dtype=np.int8)


def load_matrix(file: Path) -> NDArray:
    """Read a .npy file; `TilewrightError` if it is none."""
    import numpy as np

    try:
        values = np.load(file, allow_pickle=False)
    except OSError as error:
        raise TilewrightError(f"cannot read {file}: {error.strerror or error}") from None
    except (ValueError, EOFError) as error:
        raise TilewrightError(f"{file} is no .npy file of numbers: {error}") from None
    if not isinstance(values, np.ndarray):
        raise TilewrightError(f"{file} holds several arrays: save one with numpy.save")
    return values


def _requant(a: NDArray, scale: str | None, int8: bool, zero_point: int) -> Requant | None:
    from .requant import Requant

    if scale is None:
        if zero_point and not int8:
            raise click.UsageError("--zero-point is of an int8 result: give --int8 or --scale")
        # Sums of K products of uniformly random int8 spread by 74 * 74 * sqrt(K); this leaves few to the clamp.
        return Requant.from_scale(40 / (5500 * a.shape[1] ** 0.5), zero_point) if int8 else None
    try:
        return Requant.from_scale(float(scale), zero_point)
    except ValueError:
        return Requant.from_scale(load_matrix(Path(scale)), zero_point)


def check_writable(file: Path) -> None:
    """Fail before the work rather than after."""
    folder = file.parent
    if not folder.is_dir():
        raise TilewrightError(f"cannot write {file}: there is no folder {folder}")
    if file.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
        raise TilewrightError(f"cannot write {file}: {'it is a folder' if file.is_dir() else 'permission denied'}")


def _window(text: str) -> range:
    match = re.fullmatch(r"(\d*):(\d*)", text)
    if not match:
        raise click.UsageError(f"--window {text}: write it as FROM:TO, for example --window 1000:2000")
    first, end = match.groups()
    return range(min(int(first or 0), 1 << 62), min(int(end or 1 << 62), 1 << 62))


def _guess(
    config: AcceleratorConfig, a: NDArray, b: NDArray, bias: NDArray | None, requant: Requant | None, bus: Bus
) -> Estimate | None:
    """The estimate, if one descriptor does it all."""
    try:
        (m, k), (n, _) = a.shape, b.shape
        return estimate(config, [Gemm(m=m, n=n, k=k, requant=requant is not None, bias=bias is not None)], bus)
    except TilewrightError:
        return None
