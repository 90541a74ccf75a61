"""The command ``estimate``."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import load_config
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .estimate_chips import chip_options, estimate_chip, wants_chip
from .options import only_with, options_for

__all__ = ["estimate_command"]


@click.command("estimate")
@click.argument("sizes", metavar="[M N K]", nargs=3, type=click.IntRange(1), required=False)
@click.option("--int32", is_flag=True, help="The result is int32 rather than int8.")
@click.option(
    "--queue", default=1, show_default=True, type=click.IntRange(1, 10_000), help="Number of identical GEMMs to queue."
)
@options_for("small", 0)
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
    only_with("queue", "with M N K", bool(sizes))
    config = load_config(AcceleratorConfig, preset, path, settings)
    if wants_chip(scale):
        estimate_chip(config, sizes, int32, queue, latency, bandwidth, as_json, scale)
        return
    if not sizes:
        raise click.UsageError("give M N K, or a workload: --model, --layers or --gemm")
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
