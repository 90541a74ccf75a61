"""The command ``estimate``."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import load_config, missing_package
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .options import (
    FILE,
    SHAPE,
    accelerator_options,
    b_format_option,
    b_format_place,
    json_option,
    only_with,
    result_option,
)

__all__ = ["estimate_command"]


@click.command("estimate")
@click.argument("shape", metavar="[MxNxK]", type=SHAPE, required=False)
@click.option("--network", type=FILE, help="Estimate a .tflite or .onnx file, layer by layer, instead of a GEMM.")
@result_option(default="int32")
@click.option(
    "--queue", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Number of identical GEMMs to queue."
)
@b_format_option
@accelerator_options("small", 0)
@json_option
def estimate_command(
    shape: tuple[int, int, int] | None, network: Path | None, result: str, queue: int, b_format: str | None,
    preset: str, path: Path | None, settings: tuple[str, ...], latency: int, bandwidth: float, as_json: bool,
) -> None:  # fmt: skip
    """Predict the cycles of C[M, N] = A[M, K] · B[N, K]ᵀ on one accelerator, from doorbell to interrupt.

    With --network, of all products and convolutions of a quantized network; see `tilewright model run`. Nothing is
    simulated. For many accelerators that share a memory, and for whole transformers, see `tilewright scale`.

    \b
    Examples:
      tilewright estimate 512x512x512 --preset base --latency 64
      tilewright estimate 64x4096x4096 --result int8 --queue 4 --set requant_lanes=2
      tilewright estimate 1x576x1536 --config q4_1.toml --b-format q8_0
      tilewright estimate --network network.tflite --latency 16
    """
    if (shape is None) == (network is None):
        raise click.UsageError("give either a shape, MxNxK, or --network")
    only_with("result queue b_format", "with a shape, not with --network", network is None)
    config = load_config(AcceleratorConfig, preset, path, settings)
    bus = Bus(latency=latency, bandwidth=bandwidth)
    if shape is None:
        _estimate_network(network, config, bus, as_json)
        return
    only_with("result", "where operands are int8: with block formats C is float32", not config.scaled)
    m, n, k = shape
    gemm = Gemm(m=m, n=n, k=k, requant=result == "int8", b_format=b_format_place(config, b_format))
    guess = estimate(config, [gemm] * queue, bus)
    if as_json:
        click.echo(json.dumps({**asdict(guess), "bound": guess.bound}))
        return
    bound = max(guess.multiplier_cycles, guess.bus_cycles)
    click.echo(f"{guess.cycles:,} cycles, multipliers busy {guess.utilisation:.2%}")
    click.echo(f"lower bound {bound:,.0f} cycles, set by the {guess.bound}: efficiency {bound / guess.cycles:.1%}")


def _estimate_network(file: Path | None, config: AcceleratorConfig, bus: Bus, as_json: bool) -> None:
    try:
        from tilewright_sim.nn.networks import Network, network_figures

        from .network_report import print_network
    except ModuleNotFoundError as error:
        raise missing_package(f"{error.name}, which --network needs,", "networks") from None
    network = Network.load(file or "")
    print_network(network_figures(network.graph, config, bus, network.estimate(config, bus)), as_json)
