"""The results of a sweep as rows: one for each point, with its measurements by name."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .knobs import CLOCK
from .pareto import pareto_front
from .sweep import Point, Skipped
from .task import Task

__all__ = ["AXES", "DEFAULT_MHZ", "Axis", "Exploration", "Row"]

DEFAULT_MHZ = 100.0
"""The clock for throughput if Fmax is not measured and no clock is given."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Axis:
    """A measurement by which points are compared: key, long and short title, and whether more is better."""

    name: str
    label: str
    short: str
    more_is_better: bool = False


AXES = [
    Axis("peak_gmacs", "peak throughput, billion MAC/s", "peak GMAC/s", more_is_better=True),
    Axis("fmax_mhz", "Fmax, MHz", "Fmax, MHz", more_is_better=True),
    Axis("lut4", "area, LUT4-equivalents", "LUT4"),
    Axis("cell_um2", "area of cells, µm²", "µm²"),
    Axis("gate_equivalents", "area, gate equivalents", "GE"),
    Axis("ff", "flip-flops", "FF"),
    Axis("dsp", "DSP blocks", "DSP"),
    Axis("bram", "block RAMs", "BRAM"),
    Axis("memory_bits", "memory bits", "bits"),
    Axis("pj_per_mac", "energy, pJ per MAC", "pJ/MAC"),
    Axis("total_mw", "power, mW", "mW"),
]


@dataclass
class Row:
    """A point and its results.

    Parameters
    ----------
    number : int
    config : dict
    swept : dict
    status : str
        ``measured``, ``failed`` (`error` has the reason) or ``unfinished``.
    figures : dict
        Measurements by name of an `Axis`, and ``clock_mhz``, ``clock_source`` (``fmax`` or ``freq``).
    shapes : list of dict
        For each shape its ``name``, the fields of its `Use`, ``gmacs``, ``knob`` and ``reason``.
    front : bool
        Whether the point is on the Pareto front of `Exploration.objectives`.
    """

    number: int
    config: Json
    swept: Json
    status: str
    figures: Json = field(default_factory=dict)
    shapes: list[Json] = field(default_factory=list)
    error: str = ""
    front: bool = False


class Exploration:
    """The results of a sweep so far.

    Parameters
    ----------
    points, skipped : list
        Points of the sweep that can be built, and those that cannot.
    tasks : dict of Task
        Tasks by number of their point.
    swept : list of str
        Fields that vary.
    """

    def __init__(
        self, points: Sequence[Point], skipped: Sequence[Skipped], tasks: Mapping[int, Task], swept: Sequence[str]
    ):
        self.points, self.skipped, self.tasks, self.swept = points, skipped, tasks, list(swept)
        self.parts: dict[int, Json] = {point.number: {} for point in points}
        self.errors: dict[int, str] = {}

    def add(self, number: int, parts: Json, error: str = "") -> None:
        """Add parts of a point's result, or the reason why there are none."""
        self.parts[number] |= parts
        if error:
            self.errors[number] = error

    def rows(self) -> list[Row]:
        """Return a row for each point, with the Pareto front of the measured points."""
        rows = [self._row(point) for point in self.points]
        axes = self.objectives(rows)
        measured = [row for row in rows if row.status == "measured"]
        signs = [-1 if axis.more_is_better else 1 for axis in axes]
        costs = [[sign * row.figures[axis.name] for sign, axis in zip(signs, axes, strict=True)] for row in measured]
        for row, front in zip(measured, pareto_front(costs), strict=True):
            row.front = front
        return rows

    def objectives(self, rows: Sequence[Row]) -> list[Axis]:
        """Return the objectives of the front: throughput (of the first shape, or peak), area, Fmax and energy.

        Only those that every measured point has.
        """
        measured = [row for row in rows if row.status == "measured"]
        known = [axis for axis in self.axes(rows) if all(axis.name in row.figures for row in measured)]
        throughput = [axis for axis in known if axis.name.startswith(("gmacs ", "peak_gmacs"))][:1]
        return throughput + [axis for axis in known if axis.name in ("lut4", "cell_um2", "fmax_mhz", "pj_per_mac")]

    def axes(self, rows: Sequence[Row]) -> list[Axis]:
        """Return all measurements that at least one point has, throughput of each shape first."""
        shapes = next((row.shapes for row in rows if row.shapes), [])
        names = [shape["name"] for shape in shapes]
        axes = [
            Axis(f"gmacs {name}", f"throughput of {name}, billion MAC/s", f"GMAC/s\n{name}", more_is_better=True)
            for name in names
        ]
        axes += [axis for axis in AXES if any(axis.name in row.figures for row in rows)]
        return axes + [Axis(f"cycles {name}", f"cycles of {name}", f"cycles\n{name}") for name in names]

    def _row(self, point: Point) -> Row:
        task, parts = self.tasks[point.number], self.parts[point.number]
        config = point.config.model_dump()
        missing = [part for part in task.parts if part not in parts]
        error = self.errors.get(point.number, "")
        status = "measured" if not missing else "failed" if error else "unfinished"
        row = Row(point.number, config, {name: config[name] for name in self.swept}, status, error=error)
        timing, power = parts.get("timing") or {}, parts.get("power") or {}
        area = parts.get("area") or {}
        row.figures |= {name: value for name, value in area.get("total", {}).items() if value is not None}
        row.figures |= {name: timing[name] for name in ("fmax_mhz", "best_mhz") if timing.get(name) is not None}
        row.figures |= {name: power[name] for name in ("pj_per_mac", "total_mw") if power.get(name) is not None}
        fmax = row.figures.get("fmax_mhz")
        clock = fmax or task.freq or DEFAULT_MHZ
        row.figures |= {"clock_mhz": clock, "clock_source": "fmax" if fmax else "freq",
                        "peak_gmacs": config["rows"] * config["cols"] * clock / 1000}  # fmt: skip
        missed = fmax and task.freq and fmax < task.freq
        for shape in parts.get("cycles", []):
            name = f"{shape['m']}x{shape['n']}x{shape['k']}"
            row.shapes.append({"name": name, **shape, "gmacs": shape["macs"] / shape["cycles"] * clock / 1000})
            row.figures |= {f"gmacs {name}": row.shapes[-1]["gmacs"], f"cycles {name}": shape["cycles"]}
            if missed:
                row.shapes[-1] |= {"knob": CLOCK, "reason": f"{fmax:.1f} MHz reached, {task.freq:.1f} MHz requested"}
        return row

    def to_json(self, about: Json) -> Json:
        """Return all results, ready for JSON; ``about`` describes how they were measured."""
        rows = self.rows()
        axes, objectives = self.axes(rows), self.objectives(rows)
        return {
            **about,
            "swept": self.swept,
            "axes": [asdict(axis) for axis in axes],
            "objectives": [axis.name for axis in objectives],
            "points": [asdict(row) for row in rows],
            "skipped": [asdict(skipped) for skipped in self.skipped],
        }

    def to_csv(self) -> str:
        """Return a line of CSV for each point, also for skipped ones."""
        rows = self.rows()
        axes = [axis.name for axis in self.axes(rows)]
        knobs = [f"knob {name.removeprefix('cycles ')}" for name in axes if name.startswith("cycles ")]
        fields = list(self.points[0].config.fields()) if self.points else self.swept
        figures = ["clock_mhz", "clock_source", *axes]
        text = io.StringIO()
        writer = csv.DictWriter(
            text, ["number", "status", "front", *fields, *figures, *knobs, "reason"], lineterminator="\n"
        )
        writer.writeheader()
        for row in rows:
            known = {name: row.figures[name] for name in figures if name in row.figures}
            binds = {f"knob {shape['name']}": shape["knob"] for shape in row.shapes}
            writer.writerow(
                {"number": row.number, "status": row.status, "front": int(row.front), "reason": row.error}
                | row.config | known | binds
            )  # fmt: skip
        for skipped in self.skipped:
            reason = f"{skipped.field} = {json.dumps(skipped.value)}: {skipped.reason}"
            if skipped.nearest is not None:
                reason += f"; nearest that works: {skipped.nearest}"
            writer.writerow({"number": skipped.number, "status": "skipped", **skipped.swept, "reason": reason})
        return text.getvalue()
