"""Try one mutant: the tests that reach its file, the fastest first; then a proof that it is the same circuit."""

import json
from itertools import accumulate
from time import monotonic
from typing import Any

from support.scorecard.sources import sources_digest

from .drawing import Mutant
from .elaborating import CONFIGS
from .equivalence import equivalent
from .lab import Lab
from .reach import Reach
from .server import Request, TestReport

__all__ = ["Bench"]

SECONDS = 60.0
"""Of tests for a mutant, as they take without it: it has survived if all of these pass."""
SLOWER, PATIENCE = 5, 40.0
"""A test times out after so many times its seconds, and so many more."""
CLAIMS = ("AssertionError", "assert", "Failed", "SimulationError", "WrongResultError", "tilewright_sim")
"""Failures that begin like this come from a comparison. Any other may be a mutant that cannot be built."""


class Bench:
    """Tries mutants in a lab.

    Parameters
    ----------
    lab : Lab
    reach : Reach
    """

    def __init__(self, lab: Lab, reach: Reach):
        self.lab = lab
        self.reach = reach
        self._configs: dict[str, list[int]] = {}
        self._right = reach.journal.path.parent / "rtlil" / sources_digest("hw")

    def try_(self, mutant: Mutant) -> dict[str, Any]:
        """Return what became of a mutant, as an entry of a journal.

        Its ``result`` is ``killed``, ``survived``, ``timed out`` or ``not reached``; ``identical`` or ``proven``, which
        are equivalent; or ``not built``, which raises in every configuration.
        """
        start = monotonic()
        related = [(name, seconds) for name, seconds in self.reach.related(mutant.file) if name in set(self.lab.tests)]
        until = sum(before < SECONDS for before in accumulate((seconds for _, seconds in related), initial=0.0))
        chosen = [(name, PATIENCE + SLOWER * seconds) for name, seconds in related[:until]]
        reports = self._run(mutant, chosen) if chosen else []
        entry = {
            "name": mutant.name,
            "operator": mutant.change.operator,
            "diff": mutant.diff(),
            "related": len(related),
        }
        entry |= self._judged(mutant, reports)
        return entry | {"tests": len(reports), "seconds": round(monotonic() - start, 1)}

    def _judged(self, mutant: Mutant, reports: list[TestReport]) -> dict[str, Any]:
        if not reports:
            return {"result": "not reached"}
        killer = next((report for report in reports if report.result == "failed"), None)
        if killer:
            if not killer.kind.startswith(CLAIMS) and not self._built(mutant):
                return {"result": "not built", "why": killer.why}
            return {"result": "killed", "by": killer.name, "why": killer.why}
        if same := self._same(mutant):
            return {"result": same}
        late = [report.name for report in reports if report.result in ("timed out", "died")]
        if late:
            return {"result": "timed out", "by": late[0]}
        return {"result": "survived"}

    def _run(self, mutant: Mutant, tests: list[tuple[str, float]]) -> list[TestReport]:
        return self.lab.ask(Request(file=mutant.file, before=mutant.before, after=mutant.after, tests=tests))

    def _built(self, mutant: Mutant) -> bool:
        """Whether any configuration that reaches the file can be elaborated."""
        return any(report.result == "passed" for report in self._elaborate(mutant))

    def _same(self, mutant: Mutant) -> str:
        """Why a mutant is no other circuit, in all configurations that reach the file; nothing if that is not known."""
        reports = self._elaborate(mutant)
        numbers = self.configs(mutant.file)
        if not numbers or any(report.result != "passed" for report in reports):
            return ""
        right = [self._right / f"{number}.il" for number in numbers]
        made = [self.lab.folder / "rtlil" / "mutant" / f"{place}.il" for place in range(len(numbers))]
        return equivalent(right, made, self.lab.folder / "rtlil" / "proof")

    def _elaborate(self, mutant: Mutant) -> list[TestReport]:
        configs = [CONFIGS[number] for number in self.configs(mutant.file)]
        if not configs:
            return []
        where = str(self.lab.folder / "rtlil" / "mutant")
        return self.lab.ask(
            Request(file=mutant.file, before=mutant.before, after=mutant.after, configs=configs, folder=where)
        )

    def configs(self, file: str) -> list[int]:
        """Return the numbers of the configurations that reach a file, without boards if others do."""
        if not self._configs:
            self._configs = self._elaborated()
        found = self._configs.get(file, [])
        without_boards = [number for number in found if not CONFIGS[number][0].startswith("board")]
        return without_boards or found

    def _elaborated(self) -> dict[str, list[int]]:
        """Elaborate all configurations without a mutant, once for the sources; return which reach a file."""
        kept = self._right / "reached.json"
        if not kept.exists():
            reports = self.lab.ask(Request(configs=CONFIGS, folder=str(self._right.absolute())))
            found: dict[str, list[int]] = {}
            for number, report in enumerate(reports):
                for file in {name.rpartition(":")[0] for name in report.reached}:
                    found.setdefault(file, []).append(number)
            kept.write_text(json.dumps(found), encoding="utf-8")
        return json.loads(kept.read_text(encoding="utf-8"))
