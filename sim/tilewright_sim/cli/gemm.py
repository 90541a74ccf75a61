"""The command ``gemm``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError, TilewrightError, check_output, load_config
from tilewright.formats import BlockFormat
from tilewright_sim.console import Printer, console
from tilewright_sim.host import (
    GemmResult,
    Simulator,
    block_operand,
    check_bias,
    check_block_result,
    check_result,
    load_matrix,
    overflows,
    write_matrix,
)
from tilewright_sim.models import Records
from tilewright_sim.models import gemm as golden
from tilewright_sim.models.cycles import Bus, Estimate, Gemm, estimate

from .board import gemm_on_board
from .common.gemm_report import report, summary, where_the_time_went
from .common.options import (
    COMPILING,
    FILE,
    SHAPE,
    accelerator_options,
    b_format_option,
    b_format_place,
    distinct_files,
    json_option,
    only_with,
    port_options,
    result_option,
    seed_option,
    stall_option,
)
from .common.recording import EVENTS, check_waveform, cycles_of, recording_options, save_trace

__all__ = ["gemm"]

DEFAULT_SHAPE = (64, 64, 64)
HINT = """\
This was a small example. More examples:
  tilewright gemm --random 512x512x512 --preset base --latency 64 --result int8
  tilewright gemm A.npy B.npy --save C.npy       int8 matrices [M, K] and [N, K]; C = A · Bᵀ
  tilewright gemm --random 64x64x64 --trace run.json    then open run.json in https://ui.perfetto.dev
  tilewright estimate 4096x4096x4096         cycles without simulating
  tilewright gemm --help"""


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
@b_format_option
@seed_option(default=0)
@accelerator_options("small", 0)
@stall_option
@recording_options
@port_options()
@json_option
def gemm(
    a_file: Path | None, b_file: Path | None, save: Path | None, shape: tuple[int, int, int] | None,
    result: str | None, scale: str | None,
    zero_point: int, bias_file: Path | None, b_format: str | None, seed: int, preset: str, path: Path | None,
    settings: tuple[str, ...],
    latency: int, bandwidth: float, stall: float, trace: Path | None, waveform: Path | None, window: str,
    port: str | None, baud: int, as_json: bool,
) -> None:  # fmt: skip
    """Multiply matrices on the Verilog of an accelerator: C[M, N] = A[M, K] · B[N, K]ᵀ.

    Runs A.npy and B.npy, or random matrices, in the simulator, checks every result against numpy, and shows where the
    time went. Results are int32, or int8 with --scale or with --result int8, which scales them so that they fit. The
    first run of a configuration compiles it, which takes some tens of seconds.

    With block formats (`a_format`, `b_formats`) matrices are float, are quantized to them, and C is float32, which is
    checked against the golden model.

    \b
    Examples:
      tilewright gemm --random 512x512x512 --preset base --latency 64 --result int8
      tilewright gemm A.npy B.npy --save C.npy --bias bias.npy --scale 0.002
      tilewright gemm --random 64x64x512 --config q4_1.toml --b-format q8_0
      tilewright gemm A.npy B.npy --port /dev/ttyUSB0
    """
    only_with("window", "with --waveform", waveform is not None)
    only_with("baud", "with --port", port is not None)
    only_with(
        "trace waveform b_format preset path settings latency bandwidth stall",
        "in the simulator, not with --port",
        port is None,
    )
    only_with("seed", "with --random or --stall", a_file is None or (stall > 0 and port is None))
    distinct_files(
        {"--save": save, "--trace": trace, "--waveform": waveform},
        {"A.npy": a_file, "B.npy": b_file, "--bias": bias_file, "--config": path},
    )
    config = load_config(AcceleratorConfig, preset, path, settings)
    int8_only = "where operands are int8: with block formats C is float32"
    number = b_format_place(config, b_format)
    floats, forms = config.makes_floats(number), config.operands(number)
    only_with("result scale zero_point bias_file", int8_only, not floats)
    for file in filter(None, (save, trace, waveform)):
        check_output(file)
    rng = np.random.default_rng(seed)
    a, b = _operands(forms, a_file, b_file, shape, rng)
    if floats and a.shape[1] > config.k_limit:
        raise ConfigError("K", a.shape[1], "block formats need one descriptor", config.k_limit)
    bias = check_bias(load_matrix(bias_file), b.shape[0]) if bias_file else None
    requant = _requant(a.shape[1], scale, result, zero_point)
    cycles = cycles_of(window)
    if port is not None:
        gemm_on_board(port, baud, a, b, bias, requant, save, as_json)
        return
    if requant:
        requant = replace(requant, rounding=config.roundings[0])
    memory: dict[str, Any] = {"latency": latency, "bandwidth": bandwidth, "stall": stall, "seed": seed}
    product = Gemm(
        m=a.shape[0], n=b.shape[0], k=a.shape[1], requant=requant is not None, bias=bias is not None,
        b_format=number,
    )  # fmt: skip
    guess = _guess(config, product, Bus(latency=latency, bandwidth=bandwidth * (1 - stall)))
    with console.status(COMPILING):
        chip = Simulator(config, waveform=waveform, window=cycles, events=EVENTS if trace else 0, **memory)
    with chip:
        done = _run(chip, a, b, bias, requant, guess, floats=floats)
        if trace:
            save_trace(chip, trace)
    if floats:
        check_block_result(done.c, a, b)
    else:
        check_result(done.c, a, b, bias, requant)
    check_waveform(waveform)
    if save:
        write_matrix(save, done.c)
    wrapped = 0 if floats else overflows(a, b, bias)
    formats = {"a_format": forms[0].name, "b_format": forms[1].name} if floats else {}
    figures = report(config, done, a.shape[1], guess) | {"wrapped_sums": wrapped, **formats}
    if as_json:
        click.echo(json.dumps(figures))
        return
    equal = f"equal the golden model's of {forms[0].name} and {forms[1].name}" if formats else "equal numpy's"
    click.echo(f"{summary(figures)}\nall {done.c.size:,} results {equal}")
    if figures["wrapped_sums"]:
        console.print(
            f"{figures['wrapped_sums']:,} sums do not fit into int32 and wrapped modulo 2**32", highlight=False
        )
    Printer().print(where_the_time_went(done.counters))
    if a_file is None and shape is None:
        click.echo(HINT)


def _run(
    chip: Simulator, a: Any, b: Any, bias: NDArray | None, requant: golden.Requant | None,
    guess: Estimate | None, *, floats: bool,
) -> GemmResult:  # fmt: skip
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("cycles", total=guess.cycles if guess else None)

        def progress(_: int, cycles: int) -> None:
            bar.update(task, completed=cycles)

        if floats:
            return chip.block_gemm(a, b, progress=progress)
        return chip.gemm(a, b, bias=bias, requant=requant, progress=progress)


def _operands(
    forms: tuple[BlockFormat, BlockFormat], a_file: Path | None, b_file: Path | None,
    shape: tuple[int, int, int] | None, rng: np.random.Generator,
) -> tuple[Any, Any]:  # fmt: skip
    """Return A and B: `Records` where they have scales, else int8 arrays."""
    if a_file is not None:
        if b_file is None:
            raise click.UsageError("two matrices are needed: tilewright gemm A.npy B.npy")
        if shape is not None:
            raise click.UsageError("either files or --random, not both")
        a, b = (
            block_operand(load_matrix(file), (form,), str(file))
            for file, form in zip((a_file, b_file), forms, strict=True)
        )
        if a.shape[1] != b.shape[1]:
            raise TilewrightError(f"{a_file} is {list(a.shape)} and {b_file} {list(b.shape)}: not [M, K] and [N, K]")
        return a, b
    m, n, k = shape or DEFAULT_SHAPE
    if max(m * k, n * k, m * n) > 1 << 28:
        raise TilewrightError(f"--random {m}x{n}x{k}: each matrix must have 1 to {1 << 28:,} elements")
    a, b = (_random(form, (rows, k), rng) for form, rows in zip(forms, (m, n), strict=True))
    return a, b


def _random(form: BlockFormat, shape: tuple[int, int], rng: np.random.Generator) -> Any:
    if form.scale.bits:
        return Records.of(rng.standard_normal(shape, np.float32), form)
    return rng.integers(-128, 128, shape, dtype=np.int8)


def _requant(k: int, scale: str | None, result: str | None, zero_point: int) -> golden.Requant | None:
    if scale is not None and result == "int32":
        raise click.UsageError("--scale makes int8 results: leave out --result int32")
    if scale is None:
        if zero_point and result != "int8":
            raise click.UsageError("--zero-point needs an int8 result: give --result int8 or --scale")
        # Sums of K products of uniformly random int8 have a standard deviation of 74 * 74 * sqrt(K): few are clamped.
        return golden.Requant.from_scale(40 / (5500 * k**0.5), zero_point) if result == "int8" else None
    try:
        return golden.Requant.from_scale(float(scale), zero_point)
    except ValueError:
        return golden.Requant.from_scale(load_matrix(Path(scale)), zero_point)


def _guess(config: AcceleratorConfig, product: Gemm, bus: Bus) -> Estimate | None:
    """Return the estimate, or None if one descriptor is not enough."""
    try:
        return estimate(config, [product], bus)
    except TilewrightError:
        return None
