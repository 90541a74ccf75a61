"""The command ``estimate``."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import load_config
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .options import SHAPE, accelerator_options, json_option, result_option

__all__ = ["estimate_command"]


@click.command("estimate")
@click.argument("shape", metavar="MxNxK", type=SHAPE)
@result_option(default="int32")
@click.option(
    "--queue", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Number of identical GEMMs to queue."
)
@accelerator_options("small", 0)
@json_option
def estimate_command(
    shape: tuple[int, int, int], result: str, queue: int, preset: str, path: Path | None, settings: tuple[str, ...],
    latency: int, bandwidth: float, as_json: bool,
) -> None:  # fmt: skip
    """Predict the cycles of C[M, N] = A[M, K] · B[N, K]ᵀ on one accelerator, from doorbell to interrupt.

    Nothing is simulated. For many accelerators that share a memory, and for whole transformers, see `tilewright scale`.

    \b
    Examples:
      tilewright estimate 512x512x512 --preset base --latency 64
      tilewright estimate 64x4096x4096 --result int8 --queue 4 --set requant_lanes=2
    """
    m, n, k = shape
    config = load_config(AcceleratorConfig, preset, path, settings)
    bus = Bus(latency=latency, bandwidth=bandwidth)
    guess = estimate(config, [Gemm(m=m, n=n, k=k, requant=result == "int8")] * queue, bus)
    if as_json:
        click.echo(json.dumps({**asdict(guess), "bound": guess.bound}))
        return
    bound = max(guess.multiplier_cycles, guess.bus_cycles)
    click.echo(f"{guess.cycles:,} cycles, multipliers busy {guess.utilisation:.2%}")
    click.echo(f"lower bound {bound:,.0f} cycles, set by the {guess.bound}: efficiency {bound / guess.cycles:.1%}")
