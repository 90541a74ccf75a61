"""Static timing and power of a mapped netlist, by OpenSTA."""

import math
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tilewright.base import ToolError

from .liberty import read_text
from .mapping import MEMORY, AsicNetlist
from .netlist import write_netlist

__all__ = ["CellPower", "PathStep", "StaTiming", "analyse_power", "analyse_timing", "find_opensta"]

# Newton's rule finds the shortest period: slack falls in step with the period, but for what ports take of it.
_ROUNDS = 6
_TIMING = """\
proc slack {} {
  set paths [find_timing_paths -path_delay max]
  if { [llength $paths] == 0 } { return none }
  return [get_property [lindex $paths 0] slack]
}
set file [open constraints.sdc]
set constraints [read $file]
close $file
set out [open timing.txt w]
set period @PERIOD@
for {set round 0} {$round < @ROUNDS@} {incr round} {
  regsub {set period [^\\n]*} $constraints "set period $period" now
  eval $now
  set slack [slack]
  puts $out "$period $slack"
  if { $round == 0 } {
    report_checks -path_delay max -format full -fields {cap slew} -digits 4 > path.txt
  }
  if { $slack == "none" || abs($slack) < 1e-5 || $period - $slack <= 0 } { break }
  set period [expr $period - $slack]
}
close $out
"""
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
class PathStep:
    """One step of the critical path.

    Parameters
    ----------
    component : str
        Path of the instance in the design.
    signal : str
        The net that the step drives, as the design calls it, or empty where synthesis made it.
    cell : str
    ns : float
        From the step's input to its output.
    at_ns : float
        Since the clock edge.
    """

    component: str
    signal: str
    cell: str
    ns: float
    at_ns: float


@dataclass(frozen=True)
class StaTiming:
    """Slack at the requested clock, the highest clock that leaves none, and the critical path at the requested one.

    Parameters
    ----------
    slack_ns : float
    fmax_mhz : float
    path : list of PathStep
    """

    slack_ns: float
    fmax_mhz: float
    path: list[PathStep]


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


def analyse_timing(netlist: AsicNetlist, folder: Path, constraints: str, mhz: float) -> StaTiming:
    """Check a netlist against constraints in SDC, whose first command sets ``period`` in ns.

    Memories are black boxes: paths end at them and start behind them unseen. The clock is ideal; wires are not counted.

    Raises
    ------
    ToolError
        If OpenSTA is missing or fails, or nothing is timed.
    """
    cells, nets = write_netlist(netlist, folder / "netlist.v")
    (folder / "constraints.sdc").write_text(constraints, encoding="utf-8")
    (folder / "timing.txt").unlink(missing_ok=True)
    commands = _TIMING.replace("@PERIOD@", repr(1000 / mhz)).replace("@ROUNDS@", str(_ROUNDS))
    _run(netlist, folder, "timing.tcl", [str(file) for file in _plain(netlist, folder)], "netlist.v", commands)
    try:
        rounds = [line.split() for line in (folder / "timing.txt").read_text(encoding="utf-8").splitlines()]
        slack, period = float(rounds[0][1]), float(rounds[-1][0]) - float(rounds[-1][1])
    except (OSError, ValueError, IndexError):
        raise ToolError("OpenSTA found no path to time: does the design have a register?") from None
    text = (folder / "path.txt").read_text(encoding="utf-8")
    return StaTiming(slack, 1000 / period, _path(netlist, text, cells, nets))


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
    _run(netlist, folder, "power.tcl", libraries, "powered.v", commands)
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


def _plain(netlist: AsicNetlist, folder: Path) -> list[Path]:
    """The Liberty files as plain text; OpenSTA cannot read all of them compressed."""
    files = []
    for number, file in enumerate(netlist.library.files):
        plain = folder / f"timing{number}.lib"
        if not plain.exists():
            plain.write_text(read_text(file), encoding="utf-8")
        files.append(Path(plain.name))
    return files


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


def find_opensta() -> str:
    """Return the path of OpenSTA.

    Raises
    ------
    ToolError
        If it is missing.
    """
    tool = shutil.which("sta") or shutil.which("opensta")
    if tool is None:
        raise ToolError("OpenSTA is missing: run `apt-get install opensta`")
    return tool


def _run(netlist: AsicNetlist, folder: Path, script: str, libraries: list[str], verilog: str, commands: str) -> None:
    tool = find_opensta()
    head = [f"read_liberty {file}" for file in libraries]
    head += [f"read_verilog {verilog}", f"link_design {netlist.top}", "set_cmd_units -time ns"]
    (folder / script).write_text("\n".join([*head, commands, "puts done", ""]), encoding="utf-8")
    done = subprocess.run(
        [tool, "-no_splash", "-exit", script], cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode or not done.stdout.rstrip().endswith("done"):
        said = [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]
        raise ToolError(f"OpenSTA failed: {said[0] if said else f'exit status {done.returncode}'}")


_PORT = re.compile(r"([\d.]+)\s+([\d.]+)\s+[v^]\s+(\S+)\s+\((in|out)\)\s*$")
_STEP = re.compile(r"([\d.]+)\s+([\d.]+)\s+[v^]\s+(\S+)/(\w+)\s+\((\w+)\)\s*$")


def _path(netlist: AsicNetlist, text: str, cells: dict[str, str], nets: dict[int, str]) -> list[PathStep]:
    """The steps of a report of one path, in the words of the design."""
    back = {short: name for name, short in cells.items()}
    named = {
        bit: name.removeprefix("component.") + (f"[{index}]" if len(net["bits"]) > 1 else "")
        for name, net in sorted(netlist.module["netnames"].items(), key=lambda item: -len(item[0]))
        if not net.get("hide_name")
        for index, bit in enumerate(net["bits"])
    }
    steps: list[PathStep] = []
    for line in text.splitlines():
        if port := _PORT.search(line):  # what the constraints leave to the world outside is part of the path
            steps.append(PathStep("outside", port[3], f"port, {port[4]}", float(port[2]), float(port[2])))
        match = _STEP.search(line)
        if not match or match[3] not in back:
            continue
        name, pin = back[match[3]], match[4]
        bit = netlist.module["cells"][name]["connections"][pin][0]
        if not float(match[1]) and not steps and pin == netlist.flop.clock:
            continue
        kind = netlist.module["cells"][name]["type"]
        signal = str(named.get(bit, ""))
        if kind == netlist.flop.cell.name and pin == netlist.flop.data:  # the register at the end says more than its D
            out = netlist.module["cells"][name]["connections"][netlist.flop.output][0]
            signal = str(named.get(out, signal))
        owner = netlist.owner[name]
        steps.append(PathStep(owner, signal.rsplit(".", 1)[-1], kind, float(match[1]), float(match[2])))
    return steps
