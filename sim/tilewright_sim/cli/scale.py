"""The command ``scale``."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, load_config
from tilewright_sim.console import Printer, console
from tilewright_sim.nn import MODELS, Transformer
from tilewright_sim.scaling import (
    CoreCost,
    Machine,
    Phase,
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

from .common.options import (
    FILE,
    freq_option,
    json_option,
    latency_option,
    preset_option,
    result_option,
    set_option,
    toml_option,
)

__all__ = ["scale"]

_SIZES = ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab")
_DEFAULT_MHZ = 100.0


def _option(name: str, metavar: str, kind: Any, text: str, **more: Any) -> Callable:
    return click.option(f"--{name}", metavar=metavar, type=kind, help=text, **more)


@click.command()
@click.option("--transformer", type=click.Choice(list(MODELS)), help="Published transformer to run.")
@_option("layers", "N", int, "Custom transformer: number of layers.")
@_option("hidden", "N", int, "Custom transformer: elements of the residual stream.")
@_option("heads", "N", int, "Custom transformer: attention heads.")
@_option("kv-heads", "N", int, "Custom transformer: heads of keys and values; --heads by default.")
@_option("ffn", "N", int, "Custom transformer: elements inside the feed-forward network; 4 × --hidden by default.")
@_option("vocab", "N", int, "Custom transformer: tokens of the vocabulary; 32000 by default.")
@_option("context", "N", int, "Tokens of the prompt, all of which decoding sees; 1024 by default.")
@_option("batch", "N", int, "Sequences computed together; 1 by default.")
@_option("gemm", "MxNxK[*COUNT]", str, "GEMM to run instead of a transformer. Repeatable.", multiple=True)
@result_option(default="int8")
@preset_option(default="small", show_default=True)
@toml_option
@set_option
@latency_option(default=0)
@_option("cores", "N", int, "Accelerators on each chip; 1 by default.")
@_option("core-area-mm2", "MM2", float, "Area of an accelerator in mm².")
@_option("pj-per-mac", "PJ", float, "Energy per MAC in pJ.")
@_option("core-report", "FILE", FILE, "Area, energy and clock from `tilewright report … --target asic --power --json`.")
@freq_option
@_option("memory-gbs", "GB/S", float, "Memory bandwidth of a chip; unlimited by default.")
@_option("memory-pj-per-byte", "PJ", float, "Energy per byte of memory traffic in pJ.")
@_option("chips", "N", int, "Number of chips.")
@_option("tensor-parallel", "N", int, "Number of chips that share each layer.")
@_option("pipeline-parallel", "N", int, "Number of stages, each with a part of the layers.")
@_option("link-gbs", "GB/S", float, "Bandwidth of a chip to other chips; inf for unlimited.")
@json_option
def scale(
    result: str, preset: str, path: Path | None, settings: tuple[str, ...], latency: int, as_json: bool, **options: Any
) -> None:
    """Predict how fast chips with many accelerators run a transformer or a list of GEMMs, without simulating.

    Prints the bottleneck of each kind of layer, tokens per second, energy and area. The clock is --freq, or else
    that of --core-report, or else 100 MHz.

    \b
    Examples:
      tilewright scale --transformer llama-3.1-8b -p giant --cores 32 --memory-gbs 400 --freq 1000 --pj-per-mac 0.3
      tilewright scale --transformer llama-3.1-70b -p giant --cores 64 --freq 1000 --chips 8 --link-gbs 100
      tilewright scale --gemm 64x4096x4096*32 --gemm 1x4096x4096 --cores 8 --memory-gbs 20
    """
    config = load_config(AcceleratorConfig, preset, path, settings)
    _predict(config, result == "int32", latency, as_json, options)


def _predict(config: AcceleratorConfig, int32: bool, latency: int, as_json: bool, scale: dict[str, Any]) -> None:
    machine = _machine(config, latency, scale)
    model = _model(scale)
    shapes = [parse_gemm(text) for text in scale["gemm"]]
    if (model is None) == (not shapes):
        raise click.UsageError("give one workload: --transformer, or --layers --hidden --heads, or --gemm")
    with console.status("estimating"):
        phases = _shapes(machine, shapes, int32, scale) if shapes else _transformer(machine, model, int32, scale)
    notes = assumptions(machine, model, phases, int32)
    totals = summary(machine, phases)
    if as_json:
        figures = {
            "phases": [found.to_dict() for found in phases], "chips": machine.chips, "cores": machine.cores,
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
        raise click.UsageError(f"{tensor * pipeline} chips need --link-gbs, their bandwidth to each other (or inf)")
    report = read_report(scale["core_report"], config) if scale["core_report"] else CoreCost()
    given = {name: scale[name] for name in ("core_area_mm2", "pj_per_mac", "freq")}
    area, energy, mhz = (
        mine if mine is not None else theirs
        for mine, theirs in zip(given.values(), (report.area_mm2, report.pj_per_mac, report.mhz), strict=True)
    )
    return Machine(
        config=config, cores=1 if scale["cores"] is None else scale["cores"],
        mhz=_DEFAULT_MHZ if mhz is None else mhz,
        memory_gbs=math.inf if scale["memory_gbs"] is None else scale["memory_gbs"], latency=latency,
        tensor_parallel=tensor, pipeline_parallel=pipeline,
        link_gbs=math.inf if scale["link_gbs"] is None else scale["link_gbs"],
        cost=CoreCost(area_mm2=area, pj_per_mac=energy, mhz=mhz), memory_pj_per_byte=scale["memory_pj_per_byte"],
    )  # fmt: skip


def _chips(scale: dict[str, Any]) -> tuple[int, int]:
    names = ("chips", "tensor_parallel", "pipeline_parallel")
    for name in names:
        if scale[name] is not None and not 1 <= scale[name] <= 4096:
            raise TilewrightError(f"--{name.replace('_', '-')} {scale[name]}: must be 1 to 4096")
    return split_chips(*(scale[name] for name in names))


def _model(scale: dict[str, Any]) -> Transformer | None:
    given = {name: scale[name] for name in _SIZES if scale[name] is not None}
    if scale["transformer"]:
        if given:
            option = next(iter(given)).replace("_", "-")
            raise click.UsageError(f"--transformer {scale['transformer']} has its own sizes: leave out --{option}")
        return MODELS[scale["transformer"]]
    if not given:
        return None
    missing = [f"--{name}" for name in ("layers", "hidden", "heads") if name not in given]
    if missing:
        raise click.UsageError(f"a custom transformer also needs {', '.join(missing)}")
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
