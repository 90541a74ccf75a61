"""One placement of a design: its clock, its slowest path in the words of the design, and the cells that it uses."""

import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilewright.flows import Hierarchy

__all__ = ["Placement", "read_placement", "timing_of"]


@dataclass(frozen=True)
class Placement:
    """One placement.

    Parameters
    ----------
    seed : int
    mhz : float
        The highest clock.
    path : list of dict
        The slowest path, step by step: ``component`` (path of the instance), ``signal`` (what the step drives),
        ``kind`` (``register``, ``logic``, ``routing`` or ``setup``), ``ns``.
    used, available : dict of int
        Cells of the chip, by nextpnr's names.
    """

    seed: int
    mhz: float
    path: list[dict[str, Any]]
    used: dict[str, int] = field(default_factory=dict)
    available: dict[str, int] = field(default_factory=dict)

    @property
    def slowest(self) -> str:
        """The slowest path in a few words: its ends, its time, and the share of wires."""
        if not self.path:
            return "path unknown"
        total = sum(step["ns"] for step in self.path)
        wires = sum(step["ns"] for step in self.path if step["kind"] == "routing")
        start, end = (f"{step['component']} {step['signal']}".rstrip() for step in (self.path[0], self.path[-1]))
        return f"from {start} to {end}, {total:.1f} ns, {wires:.1f} of them wires"


def read_placement(file: Path, seed: int, hierarchy: Hierarchy, instance: str, derating: float = 1.0) -> Placement:
    """Read nextpnr's report of a placement.

    Parameters
    ----------
    file : Path
    seed : int
    hierarchy : Hierarchy
        Of the core.
    instance : str
        The core's instance in what was placed.
    derating : float
        What of the clock is believed; times are longer by as much.
    """
    report = json.loads(file.read_text(encoding="utf-8"))
    # A clock that only drives an output, as an SDRAM chip's, is not reported.
    mhz = min(clock["achieved"] for clock in report["fmax"].values()) * derating
    # Of what it does not place, as Gowin's IOBUF, it counts none as available.
    cells = {name: row for name, row in report.get("utilization", {}).items() if row["used"] and row["available"]}
    used, available = ({name: row[what] for name, row in cells.items()} for what in ("used", "available"))
    return Placement(seed, mhz, _slowest(report, hierarchy, instance, derating), used, available)


def timing_of(placements: Sequence[Placement], freq: float | None) -> dict[str, Any]:
    """Return the part ``timing`` of a report; ``freq`` is the clock in MHz that is asked for, if any."""
    mhz = {placement.seed: placement.mhz for placement in placements}
    best = max(placements, key=lambda placement: placement.mhz)
    return {
        "requested_mhz": freq,
        "fmax_mhz": statistics.median(mhz.values()),
        "best_mhz": best.mhz,
        "seeds": mhz,
        "slack_ns": 1000 / freq - 1000 / best.mhz if freq else None,
        "met": best.mhz >= freq if freq else None,
        "critical_path": best.path,
    }


def _slowest(report: dict[str, Any], hierarchy: Hierarchy, instance: str, derating: float) -> list[dict[str, Any]]:
    """The longest of the paths from register to register, in the words of the design."""
    paths = [p for p in report.get("critical_paths", []) if p["from"] == p["to"] or "async" not in p["from"] + p["to"]]
    if not paths:
        return []
    longest = max(paths, key=lambda path: sum(step["delay"] for step in path["path"]))["path"]
    kinds = {"clk-to-q": "register", "source": "register"}
    steps = []
    for step in longest:
        end = step["from"] if step["type"] in ("clk-to-q", "routing", "source") else step["to"]
        component, signal = _words(end["cell"], step.get("net", ""), hierarchy, instance)
        steps.append({
            "component": component,
            "signal": signal,
            "kind": kinds.get(step["type"], step["type"]),
            "ns": round(step["delay"] / derating, 4),
        })
    return steps


# What synthesis and packing append to the name of the net that a cell drives.
_SUFFIX = re.compile(
    r"(?:_(?:TRELLIS_FF|TRELLIS_COMB|LUT4|CCU2C|PFUMX|L6MUX21|DPR16X4|MULT18X18D|DP16KD|PDPW16KD|SB_LUT4|SB_CARRY|"
    r"SB_DFF[A-Z]*|SB_RAM40_4K|SB_MAC16|DFF[SRPC]?E?|ALU|LUT[1-4]|MUX2_LUT[5-8])(?=_|$)|\$nextpnr|_(?:Q|Z|COUT|S0|S1|O|D|A|B|C|I[0-3])(?:_|$)).*$"
)


def _words(cell: str, net: str, hierarchy: Hierarchy, instance: str) -> tuple[str, str]:
    """The component and the signal of a cell of nextpnr's, as far as its name tells."""
    for raw in (cell, net):
        name = raw.replace("\\", "").removeprefix(f"{instance}.")
        if name.startswith("$") or not name:
            continue
        if "." not in name and not name.startswith("component"):
            return "ports", re.sub(r"_[dq](?:_.*)?$", "", _SUFFIX.sub("", name)) or name
        component = hierarchy.instance_of(name)
        signal = _SUFFIX.sub("", name.rsplit(".", 1)[-1]) or name
        return component, "" if re.fullmatch(r"_\d+_?", signal) else signal  # a number is not a name
    return hierarchy.top, ""
