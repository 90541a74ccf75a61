"""``verify --random``: random jobs on random configurations."""

import shlex
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tilewright_sim.console import Printer, console
from tilewright_sim.verify import (
    FLIPS,
    PRODUCTS,
    CampaignTask,
    Journal,
    Kind,
    Report,
    VerifiedTest,
    campaign_digest,
    check,
    explained,
    told_flips,
)
from tilewright_sim.workers import Outcome, cluster, run_tasks

from .common.options import configuration_words, given

__all__ = ["held_with_ecc", "print_campaign", "run_campaign"]

_COUNTED = {
    "random": ("kind: ", "random jobs"),
    "faults": ("trial: ", "trials with faults"),
    "flips": ("flipped bits in ", "flipped bits"),
}
"""How the coverage names what was counted, and what it is."""
EXPLAINED = 3
"""Configurations that fail are run again for a smaller job and a waveform, so many at most."""


def run_campaign(
    products: int, kind: Kind, seed: int, held: dict[str, Any], output: Path, scheduler: str | None, jobs: int
) -> tuple[Report, list[str]]:
    """Check so many random jobs, trials or flipped bits, or a few more.

    What was right in an earlier run is not run again. Returns the report, with a test for each configuration, and the
    commands that repeat the failures.
    """
    each = min(products, FLIPS if kind == "flips" else PRODUCTS)
    tasks = {
        number: CampaignTask(seed=seed + number, products=each, kind=kind, held=held, digest=campaign_digest())
        for number in range(-(-products // each))
    }
    _ = tasks[0].config  # before any worker is started
    journal = Journal(output, held, kind)
    found = {number: outcome for number, task in tasks.items() if (outcome := journal.passed(task))}
    if found:
        console.print(f"{len(found)} of {len(tasks)} configurations are known to be right", highlight=False)

    def done(number: int, outcome: Outcome) -> None:
        found[number] = outcome
        if not outcome.fatal:
            journal.add(tasks[number], outcome)

    left = {number: task for number, task in tasks.items() if number not in found}
    try:
        if left:
            with cluster(scheduler, min(jobs, len(left))) as client:
                run_tasks(client, left, done, check, len(tasks), "configurations")
    except KeyboardInterrupt:
        console.print("interrupted: the same command continues from here", highlight=False)
        raise
    coverage: Counter[str] = Counter()
    for outcome in found.values():
        coverage.update(outcome.values.get("coverage", {}))
    report = Report(
        core="accelerator",
        simulator="verilator",
        target="generic",
        effort="random" if kind == "products" else kind,
        config=held,
        tests=_explained([_tested(task, found[number]) for number, task in tasks.items()], tasks, output),
        coverage=coverage,
    )
    return report, [_command(test, each, output) for test in report.failures]


def held_with_ecc(held: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that are held, with `ecc`."""
    if not held.get("ecc", True):
        raise click.UsageError("--bit-flips needs ecc = true")
    return held | {"ecc": True}


def print_campaign(report: Report, again: list[str]) -> None:
    """Print the failures, how to repeat them, and the totals."""
    out = Printer()
    for test, command in zip(report.failures, again, strict=True):
        out.print(f"{test.name}: {test.message}", soft_wrap=True)
        if test.waveform:
            out.print(f"  waveform: {test.waveform}", soft_wrap=True)
        out.print(f"  repeat: {command}\n", soft_wrap=True)
    group, what = _COUNTED[report.effort]
    count = sum(number for name, number in report.coverage.items() if name.startswith(group))
    if report.effort == "flips":
        out.print(told_flips(report.coverage), soft_wrap=True)
    out.print(f"{count:,} {what} on {len(report.tests):,} random configurations: {report.summary}", soft_wrap=True)


def _tested(task: CampaignTask, outcome: Outcome) -> VerifiedTest:
    return VerifiedTest(
        name=f"configuration {task.seed}",
        seed=task.seed,
        status="failed" if outcome.error else "passed",
        seconds=outcome.values.get("seconds", 0.0),
        cycles=outcome.values.get("cycles", 0),
        message=outcome.error,
    )


def _explained(tests: list[VerifiedTest], tasks: Mapping[int, CampaignTask], output: Path) -> list[VerifiedTest]:
    """The tests, the first failures among them with the smallest case and its waveform."""
    failed = [number for number, test in enumerate(tests) if test.failed]
    for number in failed[:EXPLAINED]:
        file = output.absolute() / "waveforms" / f"random-{tasks[number].seed}.fst"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        why = ""
        with console.status("") as status, suppress(Exception):  # whatever made it fail may stop this too
            why = explained(tasks[number], file, status.update)
        tests[number] = replace(
            tests[number], message=why or tests[number].message, waveform=file if file.exists() else None
        )
    return tests


def _command(test: VerifiedTest, products: int, output: Path) -> str:
    """What checks one configuration again."""
    words = ["tilewright", "verify", "accelerator", "--random", str(products), "--seed", str(test.seed)]
    if given("flips"):
        words[3] = "--bit-flips"
    words += ["--faults"] if given("faults") else []
    words += configuration_words()
    words += ["--output", str(output)] if given("output") else []
    return shlex.join(words)
