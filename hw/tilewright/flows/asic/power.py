"""Power of a mapped netlist, by OpenSTA."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tilewright.base import ToolError

from .liberty import read_text
from .mapping import MEMORY, AsicNetlist
from .netlist import write_netlist
from .opensta import run_opensta

__all__ = ["CellPower", "analyse_power"]

_POWER = """\
create_clock -name clk -period @PERIOD@ [get_ports clk]
source activity.tcl
set out [open power.txt w]
foreach name [split [read [open cells.txt]] "\\n"] {
  if { $name != "" } { puts $out "$name [sta::instance_power [get_cells $name] [sta::cmd_corner]]" }
}
close $out
"""


@dataclass(frozen=True)
class CellPower:
    """Power of a cell, in watts."""

    internal: float
    switching: float
    leakage: float

    @property
    def total(self) -> float:
        """The sum of all three."""
        return self.internal + self.switching + self.leakage


def analyse_power(
    netlist: AsicNetlist, folder: Path, mhz: float, activity: Mapping[int, tuple[float, float]]
) -> dict[str, CellPower]:
    """Return the power of every library cell.

    OpenSTA 2.0 replaces the activity of pins inside logic by an estimate that takes all signals for independent, which
    makes adders several times too active. To keep the measured one, it gets the library without the ``ff`` groups and
    a register before each input: then it propagates nothing, and every pin keeps the activity that it was given.

    Parameters
    ----------
    netlist : AsicNetlist
    folder : Path
    mhz : float
    activity : mapping of int to (float, float)
        For each net: how often it changes in a cycle, and the share of cycles in which it is 1.

    Raises
    ------
    ToolError
        If OpenSTA is missing or fails.
    """
    cells, _ = write_netlist(netlist, folder / "netlist.v")
    names = {name: cells[name] for name in netlist.module["cells"] if netlist.module["cells"][name]["type"] != MEMORY}
    _write_sources(netlist, folder)
    lines = []
    for name, short in names.items():
        cell = netlist.module["cells"][name]
        for port, bits in cell["connections"].items():
            if port == netlist.flop.clock and cell["type"] == netlist.flop.cell.name:
                continue
            changes, duty = activity.get(bits[0], (0.0, float(bits[0] == "1"))) if bits else (0.0, 0.0)
            lines.append(f"sta::set_power_pin_activity [get_pins {short}/{port}] {changes:.6g} {duty:.6g}")
    (folder / "activity.tcl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "cells.txt").write_text("\n".join(names.values()) + "\n", encoding="utf-8")
    (folder / "power.txt").unlink(missing_ok=True)
    libraries = []
    for number, file in enumerate(netlist.library.files):
        (folder / f"annotated{number}.lib").write_text(_without_state(read_text(file)), encoding="utf-8")
        libraries.append(f"annotated{number}.lib")
    commands = _POWER.replace("@PERIOD@", repr(1000 / mhz))
    run_opensta(netlist, folder, "power.tcl", libraries, "powered.v", commands)
    found = {}
    back = {short: name for name, short in names.items()}
    for line in (folder / "power.txt").read_text(encoding="utf-8").splitlines():
        short, *watts = line.split()
        internal, switching, leakage = map(float, watts[:3])
        if math.isnan(internal):  # a share of no changes at all
            if any(activity.get(bit, (0.0, 0.0))[0] for bit in _bits(netlist, back[short])):
                raise ToolError(f"OpenSTA gave no power for {short}, a {netlist.module['cells'][back[short]]['type']}")
            internal = 0.0
        found[back[short]] = CellPower(internal, switching, leakage)
    if len(found) != len(names):
        raise ToolError(f"OpenSTA gave the power of {len(found)} of {len(names)} cells")
    return found


def _bits(netlist: AsicNetlist, cell: str) -> list[int]:
    """The nets of a cell."""
    return [
        bit for bits in netlist.module["cells"][cell]["connections"].values() for bit in bits if isinstance(bit, int)
    ]


def _without_state(text: str) -> str:
    """A library whose flip-flops keep their timing and power tables, but no behaviour."""
    states: set[str] = set()
    for match in re.finditer(r'\bff\s*\(\s*"?(\w+)"?\s*,\s*"?(\w+)"?\s*\)', text):
        states.update(match.groups())
    text = re.sub(r"\bff\s*\([^)]*\)\s*\{[^}]*\}", "", text)
    if not states:
        return text
    return re.sub(rf'\bfunction\s*:\s*"\s*\(?\s*(?:{"|".join(sorted(states))})\s*\)?\s*"\s*;', "", text)


def _write_sources(netlist: AsicNetlist, folder: Path) -> None:
    """The netlist with a register in place of each input but the clock."""
    text = (folder / "netlist.v").read_text(encoding="utf-8")
    flop = netlist.flop
    sources: list[str] = []
    for name, port in netlist.module["ports"].items():
        if port["direction"] != "input" or name == "clk":
            continue
        wide = len(port["bits"]) > 1
        width = f"[{len(port['bits']) - 1}:0] " if wide else ""
        text = text.replace(f"\n  input {width}{name};", f"\n  wire {width}{name};", 1)
        head, _, rest = text.partition(";")
        text = re.sub(rf"(?<=[(, ]){re.escape(name)}(, |(?=\)))", "", head, count=1).replace(", )", ")") + ";" + rest
        for index in range(len(port["bits"])):
            net = f"{name}[{index}]" if wide else name
            ties = "".join(f", .{pin}(1'b{value})" for pin, value in flop.ties.items())
            sources.append(
                f"  {flop.cell.name} source_{len(sources)}_ (.{flop.data}(1'b0), .{flop.clock}(clk), "
                f".{flop.output}({net}){ties});"
            )
    text = text.replace("endmodule", "\n".join([*sources, "endmodule"]))
    (folder / "powered.v").write_text(text, encoding="utf-8")
