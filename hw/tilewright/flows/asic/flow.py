"""From a core to its area, timing and power in the standard cells of Liberty files, by Yosys and OpenSTA."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilewright.base import Config
from tilewright.cores import Core
from tilewright.flows import FlowResults, ReportTarget
from tilewright.verilog import CLOCK_MHZ, generate

from .liberty import read_libraries
from .mapping import AsicNetlist, map_to_cells
from .opensta import find_opensta
from .power import analyse_power
from .timing import StaTiming, analyse_timing

__all__ = ["AsicDesign", "AsicFlow", "area_of_cells"]

Json = dict[str, Any]


@dataclass(frozen=True)
class AsicDesign:
    """A core in cells, timed.

    Parameters
    ----------
    netlist : AsicNetlist
    timing : StaTiming
    folder : Path
        Where the tools work; it must exist while `power` is measured.
    mhz : float
        The clock that it is timed at.
    requested : bool
        Whether that was asked for, so that it can be missed.
    """

    netlist: AsicNetlist
    timing: StaTiming
    folder: Path
    mhz: float
    requested: bool

    def power(self, activity: Mapping[int, tuple[float, float]]) -> dict[str, list[float]]:
        """Return internal, switching and leakage power of each module in mW, without what is in it.

        Parameters
        ----------
        activity : mapping of int to (float, float)
            For each net: how often it changes in a cycle, and the share of cycles in which it is 1.

        Raises
        ------
        ToolError
            If OpenSTA is missing or fails.
        """
        power = analyse_power(self.netlist, self.folder, self.mhz, activity)
        modules: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
        for name, cell in power.items():
            row = modules[self.netlist.hierarchy.branch(self.netlist.owner[name])]
            for index, watts in enumerate((cell.internal, cell.switching, cell.leakage)):
                row[index] += 1000 * watts
        return modules


class AsicFlow:
    """A core with a configuration in standard cells: mapped for a clock, timed, and measured at work::

        generate ──► map to cells ──► time ──► power, with the activity of a simulation

    Parameters
    ----------
    core : Core
    config : Config
    target : ReportTarget
        The target ``asic``, with Liberty files.
    """

    def __init__(self, core: Core, config: Config, target: ReportTarget):
        self.core = core
        self.config = config
        self.target = target

    def synthesize(
        self, folder: Path, freq: float | None = None, progress: Callable[[str], None] = lambda _: None
    ) -> AsicDesign:
        """Map for area and time it; where that misses the clock, map once more for speed, and keep the faster.

        Parameters
        ----------
        folder : Path
            Where the tools work.
        freq : float or None
            The clock in MHz that is asked for; without one, timing is at `CLOCK_MHZ` and cannot be missed.
        progress : callable
            Called with every next step.

        Raises
        ------
        TilewrightError
            If a Liberty file cannot be read, or lacks cells.
        ToolError
            If Yosys or OpenSTA is missing or fails.
        """
        find_opensta()  # before minutes of mapping
        progress("reading the Liberty files")
        library = read_libraries(self.target.liberty)
        mhz = float(freq or CLOCK_MHZ)
        best: AsicDesign | None = None
        for fast in (False, True):
            place = folder / ("fast" if fast else "small")
            place.mkdir()
            progress(f"mapping to the library's cells for {'speed' if fast else 'area'}")
            netlist = map_to_cells(self.core, self.config, library, place, fast=fast, clock_mhz=mhz)
            constraints = (place / f"{self.core.module}.sdc").read_text(encoding="utf-8")
            progress("timing with OpenSTA")
            timing = analyse_timing(netlist, place, constraints, mhz)
            if best is None or timing.slack_ns > best.timing.slack_ns:
                best = AsicDesign(netlist, timing, place, mhz, freq is not None)
            if timing.slack_ns >= 0 or freq is None:
                break
        assert best is not None
        return best

    def results(self, design: AsicDesign) -> FlowResults:
        """Return area and timing of what `synthesize` made."""
        area = area_of_cells(design.netlist, self.core.multipliers(self.config), self.target.memory_um2_per_bit)
        return FlowResults(area, _timing(design), self._notes(design.netlist, area))

    def keep(self, design: AsicDesign, folder: Path) -> None:
        """Write the Verilog, its constraints, the netlist and the critical path into a folder.

        Raises
        ------
        TilewrightError
            If the folder cannot be written.
        """
        generate(self.core, self.config, folder, clock_mhz=design.mhz)
        for file in ("netlist.v", "path.txt"):
            (folder / f"{self.core.module}_{file}").write_bytes((design.folder / file).read_bytes())

    def _notes(self, netlist: AsicNetlist, area: Json) -> list[str]:
        notes = [
            f"Adders: {netlist.adders}. Nets with a large load, resets and enables included, have buffers: "
            f"{netlist.buffers} of them. Only the clock is ideal.",
            "Cells without wires: no placement, no clock tree. Timing is OpenSTA's with the constraints written beside "
            "the Verilog (40 % of the period outside at each port, 2 % uncertainty).",
            "A gate equivalent is the library's smallest two-input NAND.",
        ]
        if area["total"]["memory_bits"]:
            bit = self.target.memory_um2_per_bit
            notes.append(
                "Standard cells hold no SRAM: memories are counted in bits, are black boxes to timing, and take "
                + (f"{bit:g} µm² a bit by --memory-um2-per-bit." if bit else "no area here; give --memory-um2-per-bit.")
            )
        return notes


def _timing(design: AsicDesign) -> Json:
    timing, requested = design.timing, design.requested
    return {
        "requested_mhz": design.mhz if requested else None,
        "fmax_mhz": timing.fmax_mhz,
        "best_mhz": timing.fmax_mhz,
        "seeds": {},
        "slack_ns": timing.slack_ns if requested else None,
        "met": timing.slack_ns >= 0 if requested else None,
        "critical_path": [
            {"component": step.component, "signal": step.signal, "kind": step.cell, "ns": step.ns}
            for step in timing.path
        ],
    }


def area_of_cells(netlist: AsicNetlist, multipliers: int = 0, memory_um2_per_bit: float | None = None) -> Json:
    """Return the part ``area`` of a report, see `FlowResults`; with multipliers, also ``um2_per_multiplier``."""
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
    modules = [{"name": name, "instances": instances[name], **complete(rows[name])} for name in sorted(instances)]
    found: Json = {"total": complete(total), "multipliers": multipliers, "modules": modules}
    if multipliers:
        found["um2_per_multiplier"] = total["cell_um2"] / multipliers
    return found
