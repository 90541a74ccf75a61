"""Static timing of a mapped netlist, by OpenSTA."""

import re
from dataclasses import dataclass
from pathlib import Path

from tilewright.base import ToolError

from .liberty import read_text
from .mapping import AsicNetlist
from .netlist import write_netlist
from .opensta import run_opensta

__all__ = ["PathStep", "StaTiming", "analyse_timing"]

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
    run_opensta(netlist, folder, "timing.tcl", [str(file) for file in _plain(netlist, folder)], "netlist.v", commands)
    try:
        rounds = [line.split() for line in (folder / "timing.txt").read_text(encoding="utf-8").splitlines()]
        slack, period = float(rounds[0][1]), float(rounds[-1][0]) - float(rounds[-1][1])
    except (OSError, ValueError, IndexError):
        raise ToolError("OpenSTA found no path to time: does the design have a register?") from None
    text = (folder / "path.txt").read_text(encoding="utf-8")
    return StaTiming(slack, 1000 / period, _path(netlist, text, cells, nets))


def _plain(netlist: AsicNetlist, folder: Path) -> list[Path]:
    """The Liberty files as plain text; OpenSTA cannot read all of them compressed."""
    files = []
    for number, file in enumerate(netlist.library.files):
        plain = folder / f"timing{number}.lib"
        if not plain.exists():
            plain.write_text(read_text(file), encoding="utf-8")
        files.append(Path(plain.name))
    return files


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
