"""All mutants, on this machine or on Dask workers with the same checkout; what is known is not tried again."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from support.scorecard.journal import Journal
from support.scorecard.sources import ROOT, digest_of, sources_digest

from tilewright_sim.workers import Outcome

from .drawing import Mutant, drawn
from .lab import Lab
from .reach import Reach, measure
from .trial import Bench

__all__ = ["Task", "known", "left", "measure_tests", "work"]

Task = tuple[str, str]
"""The name of a mutant, and the folder of the card."""
SELECTION = ("tests/unit/tilewright", "tests/formal", "tests/rtl", "tests/system")


def known(mutant: Mutant, journal: Journal, reach: Reach) -> dict[str, Any] | None:
    """Return what became of a mutant, if that still holds.

    A name has the hash of the mutated file. A kill holds while the test that killed is unchanged; a survivor is tried
    again after any change of tests, or if more of them are known to reach its file. What the other sources were is not
    asked.
    """
    entry = journal.get(mutant.name)
    if entry is None or entry["digest"] != _digest(entry):
        return None
    alive = entry["result"] in ("survived", "not reached", "timed out")
    return None if alive and entry["related"] != len(reach.related(mutant.file)) else entry


def _digest(entry: dict[str, Any]) -> str:
    by = entry.get("by", "") if entry["result"] == "killed" else ""
    path = ROOT / by.partition("::")[0]
    if entry["result"] in ("identical", "proven", "not built"):
        return ""
    return digest_of([path]) if by and path.is_file() else _tests()


@lru_cache
def _tests() -> str:
    return sources_digest("tests/unit", "tests/rtl", "tests/formal", "tests/system")


def left(journal: Journal, reach: Reach) -> dict[int, Mutant]:
    """Return the mutants of which nothing is known, by their numbers, in the order in which they are tried."""
    return {number: mutant for number, mutant in enumerate(drawn()) if known(mutant, journal, reach) is None}


_labs: dict[str, Bench] = {}


def work(task: Task) -> Outcome:
    """Try a mutant; a worker calls it, and keeps its lab for the next one."""
    name, folder = task
    if name not in _mutants():
        return Outcome({}, "a worker has other sources: it needs the same checkout", fatal=True)
    entry = _bench(Path(folder)).try_(_mutants()[name])
    return Outcome(entry | {"digest": _digest(entry)})


@lru_cache
def _mutants() -> dict[str, Mutant]:
    """All mutants by name, of the sources as they were when a worker began, of which its lab is a copy."""
    return {mutant.name: mutant for mutant in drawn()}


def _bench(folder: Path) -> Bench:
    key = f"lab-{os.getpid()}"
    if key not in _labs:
        _labs[key] = Bench(Lab(folder / "labs" / key, SELECTION), Reach.kept(folder))
    return _labs[key]


def measure_tests(
    folder: Path, progress: Callable[[int, int], None], until: float, first: tuple[str, ...] = ()
) -> None:
    """Measure the tests of which it is not known what they reach, until a time: first those named like this."""
    with Lab(folder / "labs" / "reach", SELECTION) as lab:
        measure(lab, Reach.kept(folder), progress, until, first)
