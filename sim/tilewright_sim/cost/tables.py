"""A report as tables on a terminal."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tilewright_sim.console import FigureTable

from .report import Report

__all__ = ["COLUMNS", "steps_by_component", "summary", "timing_line", "tree", "view"]

COLUMNS = {
    "lut4": "LUT4-equivalents",
    "carry": "carry cells",
    "cell_um2": "cells, µm²",
    "gate_equivalents": "NAND2 equivalents",
    "ff": "FF",
    "dsp": "DSP",
    "bram": "block RAM",
    "memory_bits": "memory bits",
    "memory_um2": "memory, µm²",
}
"""Headings of the columns of an area."""


def view(report: Report, depth: int) -> Group:
    """Return a report as tables, with modules down to ``depth`` levels."""
    parts: list[RenderableType] = [_area(report, depth)]
    if report.timing:
        parts += [timing_line(report), _path(report)]
    if report.cycles:
        parts.append(_cycles(report))
    if report.power:
        parts += [Text(summary(report.power)), _power(report, depth)]
        parts += [Text(f"- {limit}", style="dim") for limit in report.power["limits"]]
    parts += [Text(f"- {note}", style="dim") for note in report.notes]
    return Group(*parts)


def tree(modules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the modules with ``whole`` added: the values of each module, submodules included."""
    found = []
    for module in modules:
        inside = [m for m in modules if m["name"] == module["name"] or m["name"].startswith(module["name"] + "/")]
        numbers = [key for key, value in module.items() if key not in ("name", "instances", "whole")]
        found.append({**module, "whole": {key: sum(m[key] for m in inside) for key in numbers}})
    return found


def _area(report: Report, depth: int) -> FigureTable:
    total = report.area["total"]
    names = [name for name in COLUMNS if name in total]
    table = FigureTable(title=f"{report.core} on {report.target}: area by module, submodules included")
    table.title_justify = "left"
    table.add_column("module")
    table.add_column("×", justify="right")
    for name in names:
        table.add_column(COLUMNS[name], justify="right")
    for module in tree(report.area["modules"]):
        level = module["name"].count("/")
        if level > depth or not any(module["whole"][name] for name in names):
            continue
        label = "  " * level + module["name"].rsplit("/", 1)[-1]
        table.add_row(label, str(module["instances"]), *(_number(module["whole"][name], name) for name in names))
    table.add_section()
    table.add_row("total", "", *(_number(total[name], name) for name in names), style="bold")
    multipliers = report.area["multipliers"]
    if multipliers:
        table.add_row("per multiplier", "", *(f"{total[name] / multipliers:.1f}" for name in names))
    if "capacity" in report.area:
        held = report.area["capacity"]
        shares = (f"{total[name] / held[name]:.0%}" if held.get(name) else "" for name in names)
        table.add_row("share of device", "", *shares)
    return table


def _number(value: float, name: str) -> str:
    return f"{value:,.1f}" if name == "cell_um2" else f"{value:,.0f}"


def timing_line(report: Report) -> Text:
    """Return the timing in one line, in red if a target clock was given and not met."""
    timing = report.timing or {}
    seeds = timing["seeds"]
    fmax = f"Fmax {timing['fmax_mhz']:.1f} MHz"
    if len(seeds) > 1:
        each = ", ".join(f"{seed}: {mhz:.1f}" for seed, mhz in seeds.items())
        fmax = f"Fmax {timing['fmax_mhz']:.1f} MHz (median), {timing['best_mhz']:.1f} best; seed {each}"
    if timing["met"] is None:
        return Text(fmax)
    asked = f"{timing['requested_mhz']:g} MHz, slack {timing['slack_ns']:.3f} ns"
    if timing["met"]:
        return Text(f"TIMING MET at {asked}; {fmax}", style="green")
    return Text(f"TIMING MISSED at {asked}; {fmax}", style="bold white on red")


def steps_by_component(path: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge consecutive steps of a critical path that are in the same component."""
    joined: list[dict[str, Any]] = []
    for step in path:
        if joined and joined[-1]["component"] == step["component"]:
            last = joined[-1]
            last["ns"] += step["ns"]
            last["steps"] += 1
            last["signals"] += [step["signal"]] if step["signal"] and step["signal"] not in last["signals"] else []
            last["routing_ns"] += step["ns"] if step["kind"] == "routing" else 0
        else:
            signals = [step["signal"]] if step["signal"] else []
            routing = step["ns"] if step["kind"] == "routing" else 0
            joined.append({
                "component": step["component"],
                "signals": signals,
                "ns": step["ns"],
                "steps": 1,
                "routing_ns": routing,
            })
    return joined


def _path(report: Report) -> FigureTable:
    table = FigureTable(title="critical path", title_justify="left")
    for heading in ("component", "signals", "steps", "ns", "routing ns"):
        table.add_column(heading, justify="left" if heading in ("component", "signals") else "right")
    for part in steps_by_component((report.timing or {})["critical_path"]):
        routing = f"{part['routing_ns']:.2f}" if part["routing_ns"] else ""
        signals = part["signals"] if len(part["signals"]) < 4 else [part["signals"][0], "…", part["signals"][-1]]
        table.add_row(part["component"], " → ".join(signals), str(part["steps"]), f"{part['ns']:.3f}", routing)
    return table


def _cycles(report: Report) -> FigureTable:
    table = FigureTable(title=f"cycles ({report.cycles[0]['source']})", title_justify="left")
    energy = any(row.get("energy_nj") for row in report.cycles)
    for heading in ("M", "N", "K", "cycles", "multipliers busy", *(["nJ"] if energy else [])):
        table.add_column(heading, justify="right")
    for row in report.cycles:
        sizes = (str(row[name]) for name in "mnk")
        nanojoules = [f"{row['energy_nj']:.4g}"] if energy else []
        table.add_row(*sizes, f"{row['cycles']:,}", f"{row['utilisation']:.1%}", *nanojoules)
    return table


def _power(report: Report, depth: int) -> FigureTable:
    power = report.power or {}
    table = FigureTable(title="power by module in mW, submodules included", title_justify="left")
    names = {"internal_mw": "internal", "switching_mw": "switching", "leakage_mw": "leakage", "total_mw": "total"}
    table.add_column("module")
    for heading in names.values():
        table.add_column(heading, justify="right")
    for module in _with_branches(power["modules"]):
        level = module["name"].count("/")
        if level <= depth:
            label = "  " * level + module["name"].rsplit("/", 1)[-1]
            table.add_row(label, *(f"{module['whole'][name]:.4g}" for name in names))
    return table


def _with_branches(modules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add the modules that contain other modules but no cells."""
    present = {module["name"]: module for module in modules}
    zero = dict.fromkeys((key for key in modules[0] if key != "name"), 0.0)
    for name in list(present):
        parts = name.split("/")
        for length in range(1, len(parts)):
            present.setdefault("/".join(parts[:length]), {"name": "/".join(parts[:length]), **zero})
    return tree([present[name] for name in sorted(present)])


def summary(power: dict[str, Any]) -> str:
    """Return power and energy in one line."""
    moves = "bytes" in power
    each = f"{power['pj_per_byte']:.3g} pJ per byte" if moves else f"{power['pj_per_mac']:.3g} pJ per MAC"
    work = f"{power['bytes']:,} bytes moved" if moves else "the GEMM"
    return (
        f"{power['total_mw']:.3g} mW at {power['clock_mhz']:g} MHz (internal {power['internal_mw']:.3g}, switching "
        f"{power['switching_mw']:.3g}, leakage {power['leakage_mw']:.3g}), {each}, {power['energy_nj']:.4g} nJ for "
        f"{work}, {'bus' if moves else 'multipliers'} busy {power['utilisation']:.1%}"
    )
