"""The short form: a sample of the card's work, whose figures must not be below those that are recorded."""

import tempfile
from pathlib import Path
from typing import Any

from support.scorecard.figure import share
from support.scorecard.journal import Journal
from support.scorecard.mutation.lab import Lab
from support.scorecard.mutation.server import Request
from support.scorecard.sources import ROOT

from tilewright.cores import CORES
from tilewright_sim.verify import Settings, totals, verify
from tilewright_sim.verify.rtl_coverage import covered

__all__ = ["below", "measured", "sample"]

MUTANTS = 10
"""In the sample: from different files, those that a test kills fastest."""
FASTEST = 20.0
TILE = {"rows": 4, "cols": 1, "dot": 1, "multiplier": "lut", "activation_bits": 5, "weight_bits": 3}


def sample(journal: Journal) -> list[dict[str, str]]:
    """Choose killed mutants of one line for the short form: the file, the line before and after, and the test."""
    chosen: dict[str, dict[str, str]] = {}
    for entry in sorted(journal, key=lambda entry: (entry.get("seconds", 0), entry["name"])):
        lines = entry.get("diff", "").splitlines()
        file = entry["name"].partition(":")[0]
        usable = entry["result"] == "killed" and entry["tests"] == 1 and [line[:1] for line in lines] == ["-", "+"]
        if usable and file not in chosen and entry["seconds"] < FASTEST:
            before, after = (line[1:] for line in lines)
            chosen[file] = {"file": file, "before": before, "after": after, "test": entry["by"]}
    return list(chosen.values())[:MUTANTS]


def measured(mutants: list[dict[str, str]]) -> dict[str, float]:
    """Do the work of the short form; return its figures."""
    return {"mutants": _killed(mutants), "coverage": _coverage()}


def below(found: dict[str, float], recorded: dict[str, float]) -> list[str]:
    """Return a line for each figure that is below the recorded one."""
    return [
        f"{name}: {found.get(name, 0)} is below the recorded {value}"
        for name, value in recorded.items()
        if found.get(name, 0) < value
    ]


def _killed(mutants: list[dict[str, str]]) -> int:
    """How many of the mutants their tests kill; one whose line has changed since counts as killed."""
    requests = [request for mutant in mutants if (request := _request(mutant))]
    if not requests:
        return len(mutants)
    files = sorted({name.partition("::")[0] for request in requests for name, _ in request.tests})
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder, Lab(Path(folder), files) as lab:
        there = [request for request in requests if request.tests[0][0] in lab.tests]
        killed = sum(lab.ask(request)[-1].result == "failed" for request in there)
    return len(mutants) - len(requests) + killed


def _request(mutant: dict[str, str]) -> Request | None:
    path = ROOT / mutant["file"]
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text.splitlines().count(mutant["before"]) != 1:
        return None
    changed = text.replace(f"{mutant['before']}\n", f"{mutant['after']}\n", 1)
    return Request(file=mutant["file"], before=text, after=changed, tests=[(mutant["test"], 60.0)])


def _coverage() -> float:
    """Share of lines and branches that the quick regression of a small tile reaches."""
    core = CORES["tile"]
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        settings = Settings(folder=Path(folder), effort="quick", rtl_coverage=True, jobs=1)
        found: dict[str, Any] = totals(covered(verify(core, core.config(**TILE), settings).rtl))
    total = sum(found[kind].total for kind in ("line", "branch"))
    missed = sum(len(found[kind].missed) for kind in ("line", "branch"))
    return share(total - missed, total)
