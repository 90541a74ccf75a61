"""The part of ``tilewright estimate`` that is about chips: its options, and what it does with them."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.console import Printer, console
from tilewright_sim.nn import MODELS, Transformer
from tilewright_sim.scaling import (
    Machine,
    Phase,
    TileCost,
    assumptions,
    decode,
    parse_gemm,
    phase,
    prefill,
    read_report,
    shapes_layer,
    split_chips,
    summary,
    table,
)

__all__ = ["chip_options", "estimate_chip", "wants_chip"]

_SIZES = ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab")
_DEFAULT_MHZ = 100.0


def _option(name: str, metavar: str, kind: Any, text: str, **more: Any) -> Callable:
    return click.option(f"--{name}", metavar=metavar, type=kind, help=text, **more)


_OPTIONS = [
    click.option("--model", type=click.Choice(list(MODELS)), help="A transformer; chips then compute it."),
    _option("layers", "N", int, "A transformer of your own: its layers,"),
    _option("hidden", "N", int, "elements of the residual stream,"),
    _option("heads", "N", int, "heads,"),
    _option("kv-heads", "N", int, "heads of keys and values (as many as heads),"),
    _option("ffn", "N", int, "elements inside the feed-forward network (4 times hidden),"),
    _option("vocab", "N", int, "tokens of its vocabulary (32000)."),
    _option("context", "N", int, "Tokens of the prompt, and those that decoding sees. 1024 if not given."),
    _option("batch", "N", int, "Sequences together. 1 if not given."),
    _option("gemm", "MxNxK[*COUNT]", str, "A product, instead of a transformer. Repeatable.", multiple=True),
    _option("tiles", "N", int, "Tiles on a chip, each an accelerator of the preset. 1 if not given."),
    _option("tile-area-mm2", "MM2", float, "Area of a tile."),
    _option("pj-per-mac", "PJ", float, "Energy of a product in a tile."),
    _option("tile-report", "FILE", click.Path(path_type=Path, dir_okay=False), "Area, energy and clock from what "
            "`tilewright report … --target asic --power --json` printed."),
    _option("freq", "MHZ", float, "Clock of the tiles. The report's, or 100."),
    _option("memory-gbs", "GB/S", float, "Bandwidth of a chip's memory. What the tiles' buses take, if not given."),
    _option("memory-pj-per-byte", "PJ", float, "Energy of the memory."),
    _option("chips", "N", int, "Chips."),
    _option("tensor-parallel", "N", int, "Chips that share each layer."),
    _option("pipeline-parallel", "N", int, "Stages that each have a part of the layers."),
    _option("link-gbs", "GB/S", float, "What a chip sends to others; inf for free."),
]  # fmt: skip


def chip_options(function: Callable) -> Callable:
    """Add the options of `estimate_chip`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def wants_chip(scale: dict[str, Any]) -> bool:
    """Whether any of these options was given."""
    return any(value not in (None, ()) for value in scale.values())


def estimate_chip(
    config: AcceleratorConfig, sizes: tuple[int, int, int] | None, int32: bool, queue: int, latency: int,
    bandwidth: float, as_json: bool, scale: dict[str, Any],
) -> None:  # fmt: skip
    """Print what chips make of a transformer, or of a list of products."""
    if bandwidth != 1:
        raise click.UsageError("--bandwidth is of one tile alone: give --memory-gbs for a chip")
    machine = _machine(config, latency, scale)
    model = _model(scale)
    shapes = [parse_gemm(text) for text in scale["gemm"]] + ([(*sizes, queue)] if sizes else [])
    if (model is None) == (not shapes):
        raise click.UsageError("give one workload: --model, or --layers --hidden --heads, or --gemm, or M N K")
    with console.status("estimating"):
        phases = _shapes(machine, shapes, int32, scale) if shapes else _transformer(machine, model, int32, scale)
    notes = assumptions(machine, model, phases, int32)
    totals = summary(machine, phases)
    if as_json:
        figures = {
            "phases": [found.to_dict() for found in phases], "chips": machine.chips, "tiles": machine.tiles,
            "mhz": machine.mhz, "area_mm2": machine.area_mm2,
            "memory_gbs": machine.memory_gbs if math.isfinite(machine.memory_gbs) else None,
            "link_gbs": machine.link_gbs if math.isfinite(machine.link_gbs) else None,
            "assumptions": notes,
        }  # fmt: skip
        click.echo(json.dumps(figures))
        return
    out = Printer(highlight=False)
    for found in phases:
        out.print(table(machine, found))
    for line in totals:
        out.print(line, soft_wrap=True)
    out.print("Assumptions:")
    for note in notes:
        out.print(f"  {note}", soft_wrap=True)


def _machine(config: AcceleratorConfig, latency: int, scale: dict[str, Any]) -> Machine:
    tensor, pipeline = _chips(scale)
    if tensor * pipeline > 1 and scale["link_gbs"] is None:
        raise click.UsageError(f"{tensor * pipeline} chips need --link-gbs, what a chip sends to others (inf for free)")
    report = read_report(scale["tile_report"], config) if scale["tile_report"] else TileCost()
    given = {name: scale[name] for name in ("tile_area_mm2", "pj_per_mac", "freq")}
    area, energy, mhz = (
        mine if mine is not None else theirs
        for mine, theirs in zip(given.values(), (report.area_mm2, report.pj_per_mac, report.mhz), strict=True)
    )
    return Machine(
        config=config, tiles=1 if scale["tiles"] is None else scale["tiles"],
        mhz=_DEFAULT_MHZ if mhz is None else mhz,
        memory_gbs=math.inf if scale["memory_gbs"] is None else scale["memory_gbs"], latency=latency,
        tensor_parallel=tensor, pipeline_parallel=pipeline,
        link_gbs=math.inf if scale["link_gbs"] is None else scale["link_gbs"],
        cost=TileCost(area_mm2=area, pj_per_mac=energy, mhz=mhz), memory_pj_per_byte=scale["memory_pj_per_byte"],
    )  # fmt: skip


def _chips(scale: dict[str, Any]) -> tuple[int, int]:
    names = ("chips", "tensor_parallel", "pipeline_parallel")
    for name in names:
        if scale[name] is not None and not 1 <= scale[name] <= 4096:
            raise TilewrightError(f"--{name.replace('_', '-')} {scale[name]}: must be 1 to 4096")
    return split_chips(*(scale[name] for name in names))


def _model(scale: dict[str, Any]) -> Transformer | None:
    given = {name: scale[name] for name in _SIZES if scale[name] is not None}
    if scale["model"]:
        if given:
            option = next(iter(given)).replace("_", "-")
            raise click.UsageError(f"--model {scale['model']} has its own sizes: leave out --{option}")
        return MODELS[scale["model"]]
    if not given:
        return None
    missing = [f"--{name}" for name in ("layers", "hidden", "heads") if name not in given]
    if missing:
        raise click.UsageError(f"a transformer needs {', '.join(missing)} as well")
    defaults = {"kv_heads": given["heads"], "ffn": 4 * given["hidden"], "vocab": 32000}
    return Transformer(**{**defaults, **given})


def _transformer(machine: Machine, model: Transformer | None, int32: bool, scale: dict[str, Any]) -> list[Phase]:
    assert model is not None
    if machine.pipeline_parallel > model.layers:
        raise TilewrightError(
            f"--pipeline-parallel {machine.pipeline_parallel}: must be at most the {model.layers} layers of the model"
        )
    context = 1024 if scale["context"] is None else scale["context"]
    batch = 1 if scale["batch"] is None else scale["batch"]
    chips, int8 = machine.tensor_parallel, not int32
    found = []
    for name, make, tokens in (("prefill", prefill, batch * context), ("decode", decode, batch)):
        layers = make(model, context, batch, chips)
        found.append(phase(machine, name, layers, tokens, int8, stream=tokens * model.hidden))
    return found


def _shapes(
    machine: Machine, shapes: list[tuple[int, int, int, int]], int32: bool, scale: dict[str, Any]
) -> list[Phase]:
    if machine.pipeline_parallel > 1:
        raise click.UsageError("--pipeline-parallel is for transformers: a list of products has no stages")
    if scale["context"] is not None or scale["batch"] is not None:
        raise click.UsageError("--context and --batch are for transformers")
    layers = [shapes_layer(*shape, machine.tensor_parallel) for shape in shapes]
    return [phase(machine, "products", layers, 0, not int32)]
