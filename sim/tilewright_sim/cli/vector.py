"""The command ``vector``."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import ONE_TYPE, ROTATIONS, SOFTMAXES, WITH_Y, AcceleratorConfig, Operation
from tilewright.base import ConfigError, TilewrightError, check_output, load_config
from tilewright_sim.console import Printer, console
from tilewright_sim.host import (
    Simulator,
    VectorResult,
    check_operands,
    check_records,
    check_vector_result,
    choices_of,
    load_matrix,
    vector_rows,
    write_matrix,
)
from tilewright_sim.models import Records

from .common.gemm_report import where_the_time_went
from .common.options import (
    COMPILING,
    FILE,
    ROWS,
    Number,
    accelerator_options,
    distinct_files,
    json_option,
    only_with,
    seed_option,
    stall_option,
)
from .common.recording import EVENTS, check_waveform, cycles_of, recording_options, save_trace

__all__ = ["vector"]

DEFAULT_ROWS, DEFAULT_ROTATED = (64, 576), (64, 64)
_MOST_ELEMENTS = 1 << 26
_MAGNITUDES = 12
"""Powers of 2 by which random rows, and the elements of a row, are apart."""
_FACTOR = Number(-3.4e38, 3.4e38)
_SOFTMAX = "with SOFTMAX and WEIGHTED_SOFTMAX"


@click.command()
@click.argument("operation", metavar="OPERATION", type=click.Choice(list(Operation.__members__), case_sensitive=False))
@click.argument("shape", metavar="[MxN]", type=ROWS, required=False)
@click.option("--x", "x_file", type=FILE, metavar="X.npy", help="Rows, instead of random ones.")
@click.option("--y", "y_file", type=FILE, metavar="Y.npy", help="Second operand, of as many rows as x, or of one.")
@click.option("--save", type=FILE, metavar="C.npy", help="Write the result into this file.")
@click.option(
    "--x-type", type=click.Choice(["float32", "bf16", "int32"]), default="float32", show_default=True,
    help="Type of random x.",
)  # fmt: skip
@click.option(
    "--result",
    type=click.Choice(["float32", "bf16", "records"]),
    default="float32",
    show_default=True,
    help="Type of the results; records are of a_format, q8_0 or q8_e5m3.",
)
@click.option(
    "--scalar", type=_FACTOR, help="Factor of SCALE, ABS_MAX and softmaxes, 1 by default; epsilon of the norms, 0."
)
@click.option("--scalar2", type=_FACTOR, help="Second scalar: 1 / N of the norms, which is the default.")
@click.option("--limit", type=click.IntRange(1), help="Elements of row 0 that count; all by default. Softmaxes.")
@click.option("--causal", is_flag=True, help="In each row one element more counts. Softmaxes.")
@click.option(
    "--window", "elements", type=click.IntRange(0, 65535), default=0,
    help="The number of last elements within the limit that count; 0, the default, for all. Softmaxes.",
)  # fmt: skip
@seed_option(default=0)
@accelerator_options("small", 0)
@stall_option
@recording_options
@json_option
def vector(
    operation: str, shape: tuple[int, int] | None, x_file: Path | None, y_file: Path | None, save: Path | None,
    x_type: str, result: str, scalar: float | None, scalar2: float | None, limit: int | None, causal: bool,
    elements: int, seed: int, preset: str, path: Path | None, settings: tuple[str, ...], latency: int,
    bandwidth: float, stall: float, trace: Path | None, waveform: Path | None, window: str, as_json: bool,
) -> int:  # fmt: skip
    """Run an operation of the vector engine on the Verilog of an accelerator, on M rows of N elements.

    OPERATION is COPY, ADD, MULTIPLY, SCALE, RMS_NORM, LAYER_NORM, ROTATE_ADJACENT, ROTATE_HALVES, SOFTMAX, SILU, GELU,
    RELU, ARGMAX, QUANTIZE, ABS_MAX or WEIGHTED_SOFTMAX. The configuration needs `vector_lanes`.

    Runs X.npy, or random rows of many magnitudes, in the simulator, compares every bit of the result with the golden
    model, and shows where the time went. Files hold float32, int32 (x only) or uint16, the bits of bf16. The first run
    of a configuration compiles it, which takes some tens of seconds.

    Exit status 1 if a result differs.

    \b
    Examples:
      tilewright vector RMS_NORM 64x576 --set vector_lanes=4 --latency 64
      tilewright vector SOFTMAX 32x256 --set vector_lanes=4 --scalar 0.125 --causal --limit 1 --x-type int32
      tilewright vector SILU --x gate.npy --y up.npy --save C.npy --preset base --set vector_lanes=16
    """
    only_with("window", "with --waveform", waveform is not None)
    only_with("x_type", "without --x", x_file is None)
    only_with("seed", "with random operands or --stall", x_file is None or stall > 0)
    only_with("y_file", "with --x", x_file is not None)
    only_with("limit causal elements", _SOFTMAX, Operation.__members__[operation] in SOFTMAXES)
    only_with("result", "where results have a choice of types", Operation.__members__[operation] not in ONE_TYPE)
    distinct_files(
        {"--save": save, "--trace": trace, "--waveform": waveform}, {"--x": x_file, "--y": y_file, "--config": path}
    )
    config = load_config(AcceleratorConfig, preset, path, settings)
    if not config.vector_lanes:
        least = max(4, config.data_bits // 32)
        reason = f"this configuration has no vector engine: add --set vector_lanes={least}"
        raise ConfigError("vector_lanes", 0, reason, least)
    for file in filter(None, (save, trace, waveform)):
        check_output(file)
    cycles = cycles_of(window)
    what = Operation.__members__[operation]
    x, y = _operands(what, x_file, y_file, shape, x_type, np.random.default_rng(seed))
    choices: dict[str, Any] = {
        "scalar": scalar, "scalar2": scalar2, "limit": limit, "causal": causal, "window": elements,
    }  # fmt: skip
    check_operands(config, what, x, y)
    choices_of(what, x.shape[1], **choices)
    if result == "records":
        check_records(config, what, x.shape[1])
    memory: dict[str, Any] = {"latency": latency, "bandwidth": bandwidth, "stall": stall, "seed": seed}
    with console.status(COMPILING):
        chip = Simulator(config, waveform=waveform, window=cycles, events=EVENTS if trace else 0, **memory)
    with chip:
        with console.status(operation):
            done = chip.vector(operation, x, y, result=result, **choices)  # type: ignore[arg-type]  # one of the three
        if trace:
            save_trace(chip, trace)
    check_waveform(waveform)
    if save:
        write_matrix(save, done.c.rows if isinstance(done.c, Records) else done.c)
    try:
        check_vector_result(done.c, operation, x, y, **choices)
    except TilewrightError as error:
        click.echo(f"tilewright: {error}", err=True)
        return 1
    _tell(_report(config, operation, x, done), as_json)
    return 0


def _operands(
    operation: Any, x_file: Path | None, y_file: Path | None, shape: tuple[int, int] | None, x_type: str,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray | None]:  # fmt: skip
    """Return x and y, which is None if the operation has none."""
    with_y = operation in WITH_Y
    if x_file is not None:
        if shape is not None:
            raise click.UsageError("either --x or MxN, not both")
        if (y_file is not None) != with_y:
            needs = "needs --y" if with_y else "has no operand y: leave out --y"
            raise click.UsageError(f"{operation.name} {needs}")
        x = vector_rows(load_matrix(x_file), "x", ("float32", "int32", "uint16"))
        return x, vector_rows(load_matrix(y_file), "y", ("float32", "uint16")) if y_file else None
    m, n = shape or (DEFAULT_ROTATED if operation in ROTATIONS else DEFAULT_ROWS)
    if m * n > _MOST_ELEMENTS:
        raise TilewrightError(f"{m}x{n}: x must have 1 to {_MOST_ELEMENTS:,} elements")
    x = _random((m, n), x_type, rng)
    norm = operation in (Operation.RMS_NORM, Operation.LAYER_NORM)
    y_shape = 1 if norm else m, 2 * n if operation in ROTATIONS else n
    return x, _random(y_shape, "float32", rng) if with_y else None


def _random(shape: tuple[int, int], kind: str, rng: np.random.Generator) -> NDArray:
    """Rows of magnitudes around their own, for float32, bf16 (its bits, uint16) or int32."""
    if kind == "int32":
        return (rng.integers(-(1 << 31), 1 << 31, shape) >> rng.integers(0, 31, (shape[0], 1))).astype(np.int32)
    powers = rng.uniform(-_MAGNITUDES, _MAGNITUDES, (shape[0], 1)) + rng.uniform(-_MAGNITUDES, 0, shape)
    values = (rng.standard_normal(shape) * np.exp2(powers)).astype(np.float32)
    return (values.view(np.uint32) >> 16).astype(np.uint16) if kind == "bf16" else values


def _report(config: AcceleratorConfig, operation: str, x: NDArray, done: VectorResult) -> dict[str, Any]:
    """Return all measurements of a run, by name."""
    m, n = x.shape
    words = done.counters["read_words"] + done.counters["write_words"]
    names = {"uint16": "bf16"}
    held = (
        f"records of {done.c.form.name}"
        if isinstance(done.c, Records)
        else names.get(str(done.c.dtype), str(done.c.dtype))
    )
    return {
        "operation": operation, "m": m, "n": n,
        "x_type": names.get(x.dtype.name, x.dtype.name),
        "result": held,
        "config": config.model_dump(),
        "cycles": done.cycles,
        "elements_per_cycle": m * n / done.cycles,
        "cycles_per_row": done.cycles / m,
        "bus_bytes": words * config.word_bytes,
        "descriptors": done.descriptors,
        "seconds": done.seconds,
        "counters": done.counters,
    }  # fmt: skip


def _tell(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures))
        return
    results = figures["m"] * (1 if figures["operation"] == "ARGMAX" else figures["n"])
    click.echo(
        f"{figures['operation']} of x[{figures['m']}, {figures['n']}] {figures['x_type']}: "
        f"{figures['cycles']:,} cycles\n"
        f"{figures['elements_per_cycle']:.2f} elements per cycle, {figures['cycles_per_row']:,.1f} cycles per row, "
        f"{figures['bus_bytes']:,} bytes on the bus\n"
        f"all {results:,} results, {figures['result']}, equal the golden model's bit for bit"
    )
    Printer().print(where_the_time_went(figures["counters"]))
