"""The tables that ``tilewright scale`` prints, and the assumptions behind them."""

import math

from rich.box import SIMPLE_HEAD

from tilewright_sim.console import FigureTable
from tilewright_sim.nn import Transformer

from .machine import Machine
from .roofline import EXCHANGED_BYTES, Phase

__all__ = ["assumptions", "summary", "table"]


def table(machine: Machine, phase: Phase) -> FigureTable:
    """Return the roofline table of a pass, with a line for each kind of layer."""
    title = phase.name + (f", {_some(phase.tokens, 'token')} per pass" if phase.tokens else "")
    found = FigureTable(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    found.add_column("layer")
    found.add_column("M×N×K on a chip", no_wrap=True)
    for heading in ("times", "compute", "port", "memory", "link", "time"):
        found.add_column(heading, justify="right")
    found.add_column("bound")
    for heading in ("busy", "energy"):
        found.add_column(heading, justify="right")
    for row in phase.rows:
        parts = (row.compute_s, row.port_s, row.memory_s, row.link_s, row.seconds)
        macs = row.macs * machine.tensor_parallel
        energy = _joules(macs * machine.cost.pj_per_mac * 1e-12) if machine.cost.pj_per_mac else "–"
        found.add_row(
            row.kind, f"{row.m}×{row.n}×{row.k}" + (f" ·{row.count}" if row.count > 1 else ""), f"{row.repeat}",
            *map(_seconds, parts), row.bound, f"{row.utilisation:.1%}", energy,
        )  # fmt: skip
    if phase.hop_s:
        found.add_row(
            "between stages", "", "", "", "", "", _seconds(phase.hop_s), _seconds(phase.hop_s), "link", "", ""
        )
    found.add_section()
    macs = sum(row.macs for row in phase.rows)
    peak = machine.cores * machine.config.tile.rows * machine.config.tile.cols * machine.mhz * 1e6 * phase.seconds
    sums = (sum(getattr(row, name) for row in phase.rows) for name in ("compute_s", "port_s", "memory_s", "link_s"))
    compute, port, memory, link = sums
    found.add_row(
        "total", "", "", *map(_seconds, (compute, port, memory, link + phase.hop_s, phase.seconds)), "",
        f"{macs / peak:.1%}", "–" if phase.joules is None else _joules(phase.joules),
    )  # fmt: skip
    return found


def summary(machine: Machine, phases: list[Phase]) -> list[str]:
    """Return the lines with throughput, energy and area."""
    lines = []
    for phase in phases:
        parts = [f"{phase.name}: {_seconds(phase.seconds)} per pass"]
        if phase.tokens:
            parts.append(f"{_number(phase.tokens / phase.interval_s)} tokens/s")
            if machine.pipeline_parallel > 1:
                parts[-1] += f" with {machine.pipeline_parallel} batches in progress"
                parts.append(f"{_number(phase.tokens / phase.seconds)} tokens/s with one")
            if phase.joules is not None:
                parts.append(f"{_joules(phase.joules / phase.tokens)} per token")
        lines.append(", ".join(parts))
    area = machine.area_mm2
    size = "" if area is None else f", {area / machine.chips:,.2f} mm² of cores per chip, {area:,.2f} mm² in all"
    held = sum(row.weight_bytes for row in phases[-1].rows) / machine.pipeline_parallel
    lines.append(
        f"{_some(machine.chips, 'chip')} of {_some(machine.cores, 'core')}{size}; weights {held / 1e9:,.3f} GB per chip"
    )
    return lines


def assumptions(machine: Machine, model: Transformer | None, phases: list[Phase], int32: bool) -> list[str]:
    """Return all assumptions of the estimate, one sentence or more in each."""
    config = machine.config
    memory = f"{machine.memory_gbs:g} GB/s" if math.isfinite(machine.memory_gbs) else "as fast as the cores' buses"
    notes = [
        f"A core is an accelerator of {config.tile.rows}×{config.tile.cols} multipliers with its buffers and a bus of "
        f"{config.data_bits} bits ({machine.port_gbs:g} GB/s each way) at {machine.mhz:g} MHz; its cycles are "
        "those of the cycle model, which is compared with the RTL.",
        "The columns of C are distributed evenly over the cores; each core reads all of A itself and has an equal "
        "share of the memory bandwidth. "
        f"B is read again for each block of at most acc_rows = {config.acc_rows} rows of A, as the hardware does.",
        f"Memory: {memory}, reads and writes together, latency {machine.latency} cycles, no conflicts between cores.",
        "Each kind of layer is submitted separately: the next one starts when all cores have finished. The host's work "
        "(norms, softmax, quantization) takes no time.",
        f"int8 operands; results are {'int32' if int32 else 'int8, int32 where chips add partial sums'}.",
    ]
    if model:
        notes += [
            f"Model: {model.layers} layers, hidden {model.hidden}, heads {model.heads}, kv-heads {model.kv_heads}, ffn "
            f"{model.ffn}{' with gate' if model.gated else ''}, vocab {model.vocab}; source: {model.source}.",
            "Attention is computed in full, including the part that the causal mask hides; only the last token of a "
            "prompt goes through the output layer; weights and the cache of keys and values fit into memory.",
        ]
    if machine.chips > 1:
        link = f"{machine.link_gbs:g} GB/s" if math.isfinite(machine.link_gbs) else "free"
        notes.append(
            f"Links: {link} for each sending chip, no latency, cores wait meanwhile; {EXCHANGED_BYTES} bytes a value. "
            f"Ring all-reduce over n = {machine.tensor_parallel} chips: each sends 2·(n-1)/n of the sums."
        )
    if machine.pipeline_parallel > 1:
        notes.append(
            f"{machine.pipeline_parallel} stages with whole layers; the throughput is that of one independent batch "
            "per stage; the output layer is in the last stage."
        )
    if machine.cost.pj_per_mac is not None:
        rest = "is added" if machine.memory_pj_per_byte else "is left out"
        where = (
            f" at {machine.memory_pj_per_byte:g} pJ per byte, in the total only" if machine.memory_pj_per_byte else ""
        )
        notes.append(
            f"Energy: {machine.cost.pj_per_mac:g} pJ per MAC, no energy in idle cycles; memory {rest}{where}; links "
            "are left out."
        )
    if machine.cost.area_mm2 is not None:
        notes.append(
            f"Area: {machine.cost.area_mm2:g} mm² per core; interconnect between cores is left out. A report of the "
            "tile covers only the multipliers, without buffers, DMA and epilogue."
        )
    return notes


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _seconds(value: float) -> str:
    if value == 0:
        return "0"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}" if value / size < 1000 else f"{value / size:,.0f} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _joules(value: float) -> str:
    for unit, size in (("J", 1.0), ("mJ", 1e-3), ("µJ", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}" if value / size < 1000 else f"{value / size:,.0f} {unit}"
    return f"{value / 1e-9:.3g} nJ"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
