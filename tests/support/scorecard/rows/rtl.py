"""Coverage of the Verilog, counted by Verilator over the regression, and merged by component."""

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from support.configs import BLOCKS, COMPACT, TINY
from support.scorecard.figure import Figure, share, state_of
from support.scorecard.journal import Journal
from support.scorecard.sources import sources_digest

from tilewright.cores import CORES
from tilewright_sim.verify import KINDS, Settings, covered, verify
from tilewright_sim.workers import Outcome

from .row import Row
from .tied import Verilog
from .waivers import REASONS, waived

__all__ = ["CONFIGS", "Coverage"]

_HALF_BUS = TINY | {
    "rows": 8, "cols": 8, "dot": 8, "ring_words": 128, "acc_rows": 16, "chunk_words": 1, "requant_lanes": 2,
    "outstanding": 3, "addr_bits": 40, "unaligned": True, "rounding": "single",
}  # fmt: skip
CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("tile", {"rows": 6, "cols": 9, "dot": 3, "multiplier": "infer"}),
    ("tile", {"rows": 4, "cols": 1, "dot": 1, "multiplier": "lut", "activation_bits": 5, "weight_bits": 3}),
    ("tile", {"rows": 4, "cols": 4, "dot": 2, "multiplier": "dsp"}),
    ("block-tile", {"a_format": "q8_e5m3", "b_formats": ["q4_1"], "acc_rows": 8, "multiplier": "lut"}),
    ("block-tile", {"a_format": "mxint8", "b_formats": ["mxfp4"], "acc_rows": 8, "multiplier": "dsp"}),
    ("block-tile", {"a_format": "nvfp4", "b_formats": ["nvfp4"], "acc_rows": 8}),
    *((core, fields)
      for core in ("dma-reader", "dma-writer")
      for fields in ({"data_bits": 32, "max_burst": 1, "outstanding": 1},
                     {"data_bits": 64, "max_burst": 16, "outstanding": 4, "unaligned": True})),
    ("sdram", {"power_up_us": 1, "dq_bits": 8, "data_bits": 64, "col_bits": 8, "row_bits": 11, "bank_bits": 1,
               "addr_bits": 20}),
    ("accelerator", COMPACT),
    ("accelerator", TINY),
    ("accelerator", TINY | {"ecc": True}),
    ("accelerator", TINY | {"convolution": True}),
    ("accelerator", _HALF_BUS),
    ("accelerator", TINY | {"vector_lanes": 1, "variables": 3}),
    ("accelerator", TINY | {"vector_lanes": 4, "unaligned": True}),
    ("accelerator", BLOCKS | {"b_formats": ["q4_1", "int8"], "vector_lanes": 2}),
    ("accelerator", BLOCKS | {"a_format": "mxint8", "b_formats": ["mxfp6_e2m3"], "unaligned": True, "chunk_words": 1,
                              "long_chunk_words": 4}),
    ("accelerator", BLOCKS | {"a_format": "int8", "b_formats": ["q4_1"], "multiplier": "dsp"}),
]  # fmt: skip
"""Cores and configurations of the regression; together they have every component that a user's Verilog can have."""


class Coverage(Row):
    """The regression on each of `CONFIGS`."""

    NAME = "coverage"
    UNIT = "configurations"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.digest = sources_digest("hw", "sim/tilewright_sim/benches", "sim/tilewright_sim/verify")
        self.journal = Journal(folder / "coverage.jsonl")

    def _entry(self, number: int) -> dict[str, Any] | None:
        entry = self.journal.get(self._name(number))
        return entry if entry and entry["digest"] == self.digest and not entry["error"] else None

    def _name(self, number: int) -> str:
        return f"{CONFIGS[number][0]} {CONFIGS[number][1]}"

    def tasks(self) -> dict[int, int]:
        return {number: number for number in range(len(CONFIGS)) if self._entry(number) is None}

    def work(self, task: int) -> Outcome:
        name, fields = CONFIGS[task]
        core = CORES[name]
        with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
            settings = Settings(folder=Path(folder), rtl_coverage=True, jobs=1)
            report = verify(core, core.config(**fields), settings)
            verilog = Verilog(Path(folder, "verilog", f"{core.module}.v").read_text(encoding="utf-8"))
        points: dict[str, dict[str, list[int]]] = {}
        missed: dict[str, list[str]] = {}
        for module, kinds in covered(report.rtl).items():
            component = points.setdefault(component_of(core.module, module), {kind: [0, 0, 0] for kind in KINDS})
            for kind, found in kinds.items():
                without = [point for point in found.missed if waived(point, verilog) is None]
                component[kind][0] += found.total - len(found.missed)
                component[kind][1] += found.total
                component[kind][2] += len(found.missed) - len(without)
                if kind != "toggle":
                    missed.setdefault(module, []).extend(f"{kind} {point.line} {point.detail}" for point in without)
        values = {"points": points, "missed": missed, "bins": dict(report.coverage), "digest": self.digest}
        failures = ", ".join(test.name for test in report.failures)
        return Outcome(values, f"{name} fails: {failures}" if failures else "")

    def done(self, number: int, outcome: Outcome) -> None:
        self.journal.add({"name": self._name(number), "error": outcome.error, "digest": self.digest, **outcome.values})

    def coverage(self) -> Counter[str]:
        """Return the functional bins that the regression has met."""
        bins: Counter[str] = Counter()
        for number in range(len(CONFIGS)):
            bins.update((self._entry(number) or {}).get("bins", {}))
        return bins

    def figures(self) -> list[Figure]:
        entries = [entry for number in range(len(CONFIGS)) if (entry := self._entry(number))]
        return [
            self._figure(
                entries, ("line", "branch"), "Lines and branches of the Verilog", "100 % of what is not waived", 100.0
            ),
            self._figure(entries, ("toggle",), "Toggles of the Verilog", "≥ 98 %", 98.0),
        ]

    def _figure(self, entries: list[dict], kinds: tuple[str, ...], name: str, target: str, least: float) -> Figure:
        totals: dict[str, list[int]] = {}
        for entry in entries:
            for component, points in entry["points"].items():
                for kind in kinds:
                    sums = totals.setdefault(component, [0, 0, 0])
                    totals[component] = [a + b for a, b in zip(sums, points[kind], strict=True)]
        reached, total, without = (
            (sum(column) for column in zip(*totals.values(), strict=True)) if totals else (0, 0, 0)
        )
        percent = share(reached, total - without)
        table = [
            f"| {component} | {share(one, all_ - waived_)} % | {all_ - waived_:,} | {waived_:,} |"
            for component, (one, all_, waived_) in sorted(totals.items())
            if all_
        ]
        heading = ["| component | reached | of points | waived |", "| --- | --- | --- | --- |"]
        reasons = [f"waived: {reason}" for reason in REASONS]
        return Figure(
            name=name,
            value=f"{percent} % of {total - without:,} points" if total else "–",
            target=target,
            state=state_of(percent >= least, len(entries), len(CONFIGS)),
            done=len(entries),
            of=len(CONFIGS),
            numbers={"percent": percent} if total else {},
            details=(*heading, *table, "", *reasons) if total else (),
        )


def component_of(core: str, module: str) -> str:
    """Return what a Verilog module is, without the core's name and the number of its shape."""
    return re.sub(r"_\d+$", "", module.removeprefix(f"{core}_")) or module
