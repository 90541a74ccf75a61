"""Rows that are tests of the suite: the third simulator, X-propagation, proofs."""

import json
import math
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import ClassVar

from support.scorecard.figure import Figure, state_of
from support.scorecard.journal import Journal
from support.scorecard.sources import ROOT, digest_of, sources_digest

from tilewright_sim.workers import Outcome

from .row import Row

__all__ = ["Proofs", "ThirdSimulator", "XPropagation"]


class NamedTests(Row):
    """Every test, long ones too, of some files."""

    UNIT = "tests"
    FILES: ClassVar[str]
    """Pattern from the checkout's root."""
    FIGURE: ClassVar[str]
    TARGET: ClassVar[str]

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.journal = Journal(folder / f"{self.NAME}.jsonl")
        self.files = sorted(ROOT.glob(self.FILES))
        self.digest = f"{sources_digest('hw', 'sim')}-{digest_of(self.files)}"
        self.names: list[str] = []

    def prepare(self, until: float = math.inf) -> None:
        self.names = self._collected()

    def _collected(self) -> list[str]:
        return _collected(self.folder / f"{self.NAME}.names", *map(str, self.files)) if self.files else []

    def tasks(self) -> dict[int, str]:
        return {number: name for number, name in enumerate(self.names) if not self._passed(name)}

    def work(self, task: str) -> Outcome:
        start = monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", task]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        said = done.stdout.strip().splitlines()
        values = {"name": task, "digest": self.digest, "passed": not done.returncode, "seconds": monotonic() - start}
        return Outcome(values, "" if not done.returncode else (said or ["no output"])[-1])

    def done(self, number: int, outcome: Outcome) -> None:
        if outcome.values:
            self.journal.add(outcome.values)

    def _passed(self, name: str) -> bool:
        entry = self.journal.get(name)
        return entry is not None and entry["digest"] == self.digest and entry["passed"]

    def figures(self) -> list[Figure]:
        names = self.names or _names(self.folder / f"{self.NAME}.names")
        run = [entry for entry in self.journal if entry["digest"] == self.digest and entry["name"] in names]
        passed = sum(entry["passed"] for entry in run)
        return [
            Figure(
                name=self.FIGURE,
                value=f"{passed} of {len(run)} tests pass" if run else "–",
                target=self.TARGET,
                state="missed" if passed < len(run) else state_of(True, len(run), len(names)),
                done=len(run),
                of=len(names),
                numbers={"passed": passed} if run else {},
                details=tuple(f"fails: {entry['name']}" for entry in run if not entry["passed"]),
            )
        ]


class ThirdSimulator(NamedTests):
    """CXXRTL."""

    NAME = "cxxrtl"
    FILES = "tests/system/test_cxxrtl.py"
    FIGURE = "CXXRTL against Verilator, every output in every cycle, from random states"
    TARGET = "identical"


class XPropagation(NamedTests):
    """What is uninitialised, in Icarus Verilog."""

    NAME = "x"
    FILES = "tests/rtl/test_unknown.py"
    FIGURE = "X-propagation: nothing uninitialised reaches an output, memories all X"
    TARGET = "every core"


class Proofs(Row):
    """The list that the formal tests write, ``proofs.json``; the long ones that it lacks have not been run."""

    NAME = "proofs"

    def prepare(self, until: float = math.inf) -> None:
        _collected(self.folder / f"{self.NAME}.names", "-m", "long", str(ROOT / "tests" / "formal"))

    def figures(self) -> list[Figure]:
        proofs = _list(self.folder / "proofs.json")
        known = {proof["name"] for proof in proofs}
        long = _names(self.folder / f"{self.NAME}.names")
        total = len(proofs) + sum(name.rpartition("::")[2] not in known for name in long)
        hold = sum(proof["result"] == "proven" for proof in proofs)
        found = sum(proof["result"] == "refuted" and "find" in proof["name"] for proof in proofs)  # seeded bugs
        wrong = len(proofs) - hold - found
        rows = [
            f"| {proof['name']} | {proof['part']} | {proof['method']} | {proof['depth']} | {proof['seconds']:.0f} | "
            f"{proof['result']} |"
            for proof in proofs
        ]
        heading = ["| proof | part | method | depth | seconds | result |", "| --- | --- | --- | --- | --- | --- |"]
        return [
            Figure(
                name="Proofs",
                value=f"{hold} hold, {found} seeded bugs found, {wrong} neither" if proofs else "–",
                target="all hold, all bugs found",
                state=state_of(not wrong, len(proofs), total),
                done=len(proofs),
                of=total,
                numbers={"hold": hold, "found": found} if proofs else {},
                details=(*heading, *rows) if rows else (),
            )
        ]


def _collected(kept: Path, *arguments: str) -> list[str]:
    """Return the names of the tests that pytest collects with these arguments, and keep them in a file."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    names = [line for line in done.stdout.splitlines() if "::" in line]
    kept.write_text("\n".join(names), encoding="utf-8")
    return names


def _names(kept: Path) -> list[str]:
    return kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []


def _list(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
