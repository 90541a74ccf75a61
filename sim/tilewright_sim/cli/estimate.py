"""The command ``estimate``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tilewright.accelerator.contract import ONE_TYPE, AcceleratorConfig, ElementType, Operation
from tilewright.base import load_config, missing_package
from tilewright_sim.models.cycles import Bus, Gemm, VectorJob, estimate

from .common.options import (
    FILE,
    ROWS,
    SHAPE,
    accelerator_options,
    b_format_option,
    b_format_place,
    json_option,
    only_with,
    result_option,
)

__all__ = ["estimate_command"]


class _Vector(click.ParamType):
    """An operation of the vector engine and its rows, ``OPERATION:MxN``."""

    name = "OPERATION:MxN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> VectorJob:
        if isinstance(value, VectorJob):
            return value
        name, colon, rows = value.partition(":")
        if name.upper() not in Operation.__members__ or not colon:
            names = ", ".join(Operation.__members__)
            self.fail(f"{value}: write it as OPERATION:MxN, for example SOFTMAX:9x100, with one of {names}", param, ctx)
        operation = Operation.__members__[name.upper()]
        m, n = ROWS.convert(rows, param, ctx)
        c_type = ONE_TYPE.get(operation, ElementType.FLOAT32)
        return VectorJob(operation=operation, m=m, n=n, c_type=c_type)


@click.command("estimate")
@click.argument("shape", metavar="[MxNxK]", type=SHAPE, required=False)
@click.option("--network", type=FILE, help="Estimate a .tflite or .onnx file, layer by layer, instead of a GEMM.")
@click.option(
    "--vector",
    "jobs",
    multiple=True,
    metavar="OPERATION:MxN",
    type=_Vector(),
    help="Estimate an operation of the vector engine on float32 instead. Repeatable: one after the other.",
)
@result_option(default="int32")
@click.option(
    "--queue",
    default=1,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Number of times the GEMM, or the operations, are queued.",
)
@b_format_option
@accelerator_options("small", 0)
@json_option
def estimate_command(
    shape: tuple[int, int, int] | None, network: Path | None, jobs: tuple[VectorJob, ...], result: str, queue: int,
    b_format: str | None, preset: str, path: Path | None, settings: tuple[str, ...], latency: int, bandwidth: float,
    as_json: bool,
) -> None:  # fmt: skip
    """Predict the cycles of C[M, N] = A[M, K] · B[N, K]ᵀ on one accelerator, from doorbell to interrupt.

    With --network, of all products and convolutions of a quantized network; see `tilewright model run`. With --vector,
    of operations on M rows of N elements, see `tilewright vector`; the configuration needs `vector_lanes`. Nothing is
    simulated. For many accelerators that share a memory, and for whole transformers, see `tilewright scale`.

    \b
    Examples:
      tilewright estimate 512x512x512 --preset base --latency 64
      tilewright estimate 64x4096x4096 --result int8 --queue 4 --set requant_lanes=2
      tilewright estimate 1x576x1536 --config q4_1.toml --b-format q8_0
      tilewright estimate --network network.tflite --latency 16
      tilewright estimate --vector RMS_NORM:1x576 --vector SOFTMAX:9x100 --set vector_lanes=4
    """
    if (shape is not None) + (network is not None) + bool(jobs) != 1:
        raise click.UsageError("give either a shape, MxNxK, or --network, or --vector")
    only_with("result b_format", "with a shape", shape is not None)
    only_with("queue", "with a shape or --vector, not with --network", network is None)
    config = load_config(AcceleratorConfig, preset, path, settings)
    bus = Bus(latency=latency, bandwidth=bandwidth)
    if network:
        _estimate_network(network, config, bus, as_json)
        return
    one: tuple[Gemm | VectorJob, ...] = jobs
    if shape:
        number = b_format_place(config, b_format)
        floats = config.makes_floats(number)
        only_with("result", "where operands are int8: with block formats C is float32", not floats)
        m, n, k = shape
        one = (Gemm(m=m, n=n, k=k, requant=result == "int8", b_format=number),)
    guess = estimate(config, one * queue, bus)
    if as_json:
        click.echo(json.dumps({**asdict(guess), "bound": guess.bound}))
        return
    busy = f"multipliers busy {guess.utilisation:.2%}"
    if jobs:
        busy = f"vector lanes busy {guess.vector_cycles / guess.cycles:.2%}"
    bound = guess.lower_bound
    click.echo(f"{guess.cycles:,} cycles, {busy}")
    click.echo(f"lower bound {bound:,.0f} cycles, set by the {guess.bound}: efficiency {bound / guess.cycles:.1%}")


def _estimate_network(file: Path | None, config: AcceleratorConfig, bus: Bus, as_json: bool) -> None:
    try:
        from tilewright_sim.nn.networks import Network, network_figures

        from .common.network_report import print_network
    except ModuleNotFoundError as error:
        raise missing_package(f"{error.name}, which --network needs,", "networks") from None
    network = Network.load(file or "")
    print_network(network_figures(network.graph, config, bus, network.estimate(config, bus)), as_json)
