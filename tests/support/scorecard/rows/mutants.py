"""Mutants of the sources: how many of those that are another circuit the tests kill."""

import math
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from support.scorecard.figure import Figure, share, state_of
from support.scorecard.journal import Journal
from support.scorecard.mutation import campaign
from support.scorecard.mutation.drawing import drawn
from support.scorecard.mutation.reach import Reach

from tilewright_sim.workers import Outcome

from .row import Row

__all__ = ["Mutants", "killed_of"]

TARGET = 98.0
SHARE = 0.5
"""Of the time that is given, for measuring tests that are not known yet, at most."""
EQUIVALENT = ("identical", "proven", "not built")


class Mutants(Row):
    """Changes of the Amaranth sources."""

    NAME = "mutants"
    UNIT = "mutants"
    TITLE: ClassVar[str] = "Mutants of the sources"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.journal = Journal(folder / "mutants.jsonl")
        self.reach = Reach.kept(folder)
        self.all = dict(enumerate(drawn()))

    def prepare(self, until: float = math.inf) -> None:
        until = min(until, monotonic() + SHARE * (until - monotonic()))
        campaign.measure_tests(self.folder, self._told, until, self.only)
        self.reach = Reach.kept(self.folder)

    @staticmethod
    def _told(number: int, count: int) -> None:
        if number % 50 == 0:
            print(f"mutants: {count - number:,} tests are to be measured", file=sys.stderr)

    def tasks(self) -> dict[int, campaign.Task]:
        return {
            number: (mutant.name, str(self.folder))
            for number, mutant in campaign.left(self.journal, self.reach).items()
            if not self.only or any(part in mutant.file for part in self.only)
        }

    def work(self, task: campaign.Task) -> Outcome:
        return campaign.work(task)

    def done(self, number: int, outcome: Outcome) -> None:
        if not outcome.error:
            self.journal.add(outcome.values)

    def entries(self) -> list[dict[str, Any]]:
        """Return what is known and still holds."""
        return [entry for mutant in self.all.values() if (entry := campaign.known(mutant, self.journal, self.reach))]

    def figures(self) -> list[Figure]:
        return [mutants_figure(self.TITLE, self.entries(), len(self.all))]


def killed_of(entries: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how many mutants were killed, of those that are not proven equivalent and can be built."""
    results = Counter(entry["result"] for entry in entries)
    return results["killed"], len(entries) - sum(results[result] for result in EQUIVALENT)


def mutants_figure(title: str, entries: list[dict[str, Any]], of: int) -> Figure:
    """Return the figure for the mutants of one kind; all that were not killed are listed."""
    killed, counted = killed_of(entries)
    results = Counter(entry["result"] for entry in entries)
    alive = sorted(
        (entry for entry in entries if entry["result"] not in ("killed", *EQUIVALENT)), key=lambda entry: entry["name"]
    )
    others = ", ".join(f"{count} {result}" for result, count in sorted(results.items()) if result != "killed")
    details = [f"not counted as killed or equivalent, or equivalent: {others}"] if others else []
    for entry in alive:
        details += ["", f"{entry['name'].rpartition(':')[0]}, {entry['result']}:", "", "```diff", entry["diff"], "```"]
    percent = share(killed, counted)
    return Figure(
        name=title,
        value=f"{killed:,} of {counted:,} killed ({percent} %)" if entries else "–",
        target=f"≥ {TARGET:.0f} % of those not proven equivalent",
        state=state_of(percent >= TARGET, len(entries), of),
        done=len(entries),
        of=of,
        numbers={"percent": percent, "killed": killed} if entries else {},
        details=tuple(details),
    )
