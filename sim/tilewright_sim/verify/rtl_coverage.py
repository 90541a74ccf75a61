"""Coverage of the generated Verilog, as Verilator counts it: lines, branches, and signals that change both ways."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KINDS", "CoveragePoint", "Covered", "coverage_json", "covered", "read_points", "totals"]

KINDS = ("line", "branch", "toggle")


@dataclass(frozen=True, order=True)
class CoveragePoint:
    """Something that a simulation may reach.

    Parameters
    ----------
    module : str
        Verilog module, the same for all its instances.
    kind : str
        One of `KINDS`.
    line : int
        In the Verilog.
    detail : str
        ``if``, ``else``, a case, or the signal and bit that changes.
    """

    module: str
    kind: str
    line: int
    detail: str


@dataclass(frozen=True)
class Covered:
    """Points of one kind in one module: how many there are, and those that were not reached."""

    total: int
    missed: tuple[CoveragePoint, ...]

    def __str__(self) -> str:
        """The share of the points that were reached, rounded down: 100.0 % are all of them."""
        reached = self.total - len(self.missed)
        return f"{1000 * reached // self.total / 10:.1f}% of {self.total:,}" if self.total else "–"


def read_points(files: Iterable[Path]) -> Counter[CoveragePoint]:
    """Return how often each point was reached, in all of Verilator's ``coverage.dat`` files together.

    A line has ``C '`` then pairs of a key and a value, each behind the characters 1 and 2, then ``'`` and the count
    (see "Coverage" in the manual of Verilator). Points outside the design's own modules are left out.
    """
    counts: Counter[CoveragePoint] = Counter()
    for file in files:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            found = re.fullmatch(r"C '(.*)' (\d+)", line)
            if not found:
                continue
            values = dict(pair.split("\x02", 1) for pair in found[1].split("\x01") if "\x02" in pair)
            kind, _, module = values.get("page", "").removeprefix("v_").partition("/")
            if kind in KINDS and not module.endswith("_checks") and not module.startswith("tilewright_"):
                counts[CoveragePoint(module, kind, int(values.get("l", 0)), values.get("o", ""))] += int(found[2])
    return counts


def covered(counts: Counter[CoveragePoint]) -> dict[str, dict[str, Covered]]:
    """Return the coverage by module and kind."""
    points: dict[str, dict[str, list[CoveragePoint]]] = {}
    for point in sorted(counts):
        points.setdefault(point.module, {kind: [] for kind in KINDS})[point.kind].append(point)
    return {
        module: {
            kind: Covered(len(found), tuple(point for point in found if not counts[point]))
            for kind, found in kinds.items()
        }
        for module, kinds in points.items()
    }


def totals(found: dict[str, dict[str, Covered]]) -> dict[str, Covered]:
    """Return the coverage of all modules together, by kind."""
    return {
        kind: Covered(
            sum(kinds[kind].total for kinds in found.values()),
            tuple(point for kinds in found.values() for point in kinds[kind].missed),
        )
        for kind in KINDS
    }


def coverage_json(counts: Counter[CoveragePoint]) -> str:
    """Return the coverage by module and kind, with every point that was not reached, as JSON."""
    modules = {
        module: {
            kind: {
                "reached": found.total - len(found.missed),
                "total": found.total,
                "missed": [{"line": point.line, "detail": point.detail} for point in found.missed],
            }
            for kind, found in kinds.items()
        }
        for module, kinds in covered(counts).items()
    }
    return json.dumps(modules, indent=1) + "\n"
