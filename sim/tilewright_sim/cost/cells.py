"""What a configuration costs in the standard cells of Liberty files: area, timing and power."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tilewright.base import Config
from tilewright.cores import Core
from tilewright.flows import ReportTarget
from tilewright.flows.asic import (
    AsicNetlist,
    Library,
    StaTiming,
    analyse_timing,
    find_opensta,
    map_to_cells,
    read_libraries,
)
from tilewright.verilog import generate
from tilewright_sim.models.cycles import Bus

from .power import measure_power

__all__ = ["CellCost", "area_of_cells", "map_for_clock", "measure_cells"]

Json = dict[str, Any]


@dataclass(frozen=True)
class CellCost:
    """The parts ``area``, ``timing``, ``power`` and ``notes`` of a `report.Report`."""

    area: Json
    timing: Json
    power: Json | None
    notes: list[str]


def measure_cells(
    core: Core, config: Config, target: ReportTarget, mhz: float, asked: bool,
    work: tuple[NDArray, NDArray] | None, bus: Bus, output: Path | None, progress: Callable[[str], None],
) -> CellCost:  # fmt: skip
    """Map a core to cells, time it, and measure its power at work.

    Parameters
    ----------
    core, config, target
    mhz : float
    asked : bool
        Whether the user wants that clock: what misses it is mapped for speed as well, and may miss it.
    work : (A[M, K], B[N, K]) or None
        What is multiplied, or moved, for power.
    bus : Bus
    output : Path or None
        See `report.measure`.
    progress : callable

    Raises
    ------
    TilewrightError
        As of `report.measure`.
    """
    find_opensta()  # before minutes of mapping
    progress("reading the Liberty files")
    library = read_libraries(target.liberty)
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        netlist, timing, folder = map_for_clock(core, config, library, Path(name), mhz, asked, progress)
        power = None
        if work:
            a, b = work
            progress("simulating the RTL and measuring power")
            power = measure_power(config, netlist, folder, mhz, a, b, bus)
            power["shape"] = {"m": len(a), "n": len(b), "k": a.shape[1]}
        if output is not None:
            generate(core, config, output, clock_mhz=mhz)
            for file in ("netlist.v", "path.txt"):
                (output / f"{core.module}_{file}").write_bytes((folder / file).read_bytes())
    area = area_of_cells(netlist, config, target.memory_um2_per_bit)
    return CellCost(area, _timing(timing, mhz, asked), power, _notes(netlist, area, target))


def _timing(timing: StaTiming, mhz: float, asked: bool) -> Json:
    return {
        "requested_mhz": mhz if asked else None,
        "fmax_mhz": timing.fmax_mhz,
        "best_mhz": timing.fmax_mhz,
        "seeds": {},
        "slack_ns": timing.slack_ns if asked else None,
        "met": timing.slack_ns >= 0 if asked else None,
        "critical_path": [
            {"component": step.component, "signal": step.signal, "kind": step.cell, "ns": step.ns}
            for step in timing.path
        ],
    }


def _notes(netlist: AsicNetlist, area: Json, target: ReportTarget) -> list[str]:
    notes = [
        f"Adders: {netlist.adders}. Nets with a large load, resets and enables included, have buffers: "
        f"{netlist.buffers} of them. Only the clock is ideal.",
        "Cells without wires: no placement, no clock tree. Timing is OpenSTA's with the constraints written beside the "
        "Verilog (40 % of the period outside at each port, 2 % uncertainty).",
        "A gate equivalent is the library's smallest two-input NAND.",
    ]
    if area["total"]["memory_bits"]:
        notes.append(
            "Standard cells hold no SRAM: memories are counted in bits, are black boxes to timing, and take "
            + (
                f"{target.memory_um2_per_bit:g} µm² a bit by --memory-um2-per-bit."
                if target.memory_um2_per_bit
                else "no area here; give --memory-um2-per-bit."
            )
        )
    return notes


def map_for_clock(
    core: Core, config: Config, library: Library, folder: Path, mhz: float, asked: bool,
    progress: Callable[[str], None],
) -> tuple[AsicNetlist, StaTiming, Path]:  # fmt: skip
    """Map for area; where that misses the clock, once more for speed, and keep the faster."""
    best: tuple[AsicNetlist, StaTiming, Path] | None = None
    for fast in (False, True):
        place = folder / ("fast" if fast else "small")
        place.mkdir()
        progress(f"mapping to the library's cells for {'speed' if fast else 'area'}")
        netlist = map_to_cells(core, config, library, place, fast=fast, clock_mhz=mhz)
        constraints = (place / f"{core.module}.sdc").read_text(encoding="utf-8")
        progress("timing with OpenSTA")
        timing = analyse_timing(netlist, place, constraints, mhz)
        if best is None or timing.slack_ns > best[1].slack_ns:
            best = netlist, timing, place
        if timing.slack_ns >= 0 or not asked:
            break
    assert best is not None
    return best


def area_of_cells(netlist: AsicNetlist, config: Config | None, memory_um2_per_bit: float | None) -> Json:
    """The area part of a report, from a mapped netlist."""
    nand = netlist.library.gate(2, (1, 1, 1, 0))
    unit = nand.area if nand and nand.area else None
    rows: dict[str, Counter] = defaultdict(Counter)
    for name, cell in netlist.module["cells"].items():
        row = rows[netlist.hierarchy.branch(netlist.owner[name])]
        row["cell_um2"] += netlist.area_of(name)  # type: ignore[assignment]
        row["ff"] += cell["type"] == netlist.flop.cell.name
        row["memory_bits"] += netlist.memory_bits(name)
    instances = Counter(netlist.hierarchy.branch(path) for path in netlist.hierarchy.kinds)

    def complete(row: Counter) -> Json:
        found: Json = {name: row[name] for name in ("cell_um2", "ff", "memory_bits")}
        if unit:
            found["gate_equivalents"] = row["cell_um2"] / unit
        if memory_um2_per_bit:
            found["memory_um2"] = row["memory_bits"] * memory_um2_per_bit
        return found

    total: Counter = sum(rows.values(), Counter())
    multipliers = getattr(config, "rows", 0) * getattr(config, "cols", 0)
    modules = [{"name": name, "instances": instances[name], **complete(rows[name])} for name in sorted(instances)]
    found: Json = {"total": complete(total), "multipliers": multipliers, "modules": modules}
    if multipliers:
        found["um2_per_multiplier"] = total["cell_um2"] / multipliers
    return found
