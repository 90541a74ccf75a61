"""Measure how well the hardware is tested, and write docs/results/scorecard.md and scorecard.json."""

import argparse
import json
import os
import sys
from functools import lru_cache
from time import monotonic
from typing import Any

from support.scorecard.journal import Journal
from support.scorecard.page import page, recorded
from support.scorecard.rows import ROWS, Row
from support.scorecard.short import below, measured, sample
from support.scorecard.sources import ROOT

from tilewright.base import TilewrightError, write_files
from tilewright_sim.workers import Outcome, cluster, run_tasks

__all__ = ["main", "work"]

RESULTS = ROOT / "docs" / "results"
FOLDER = ROOT / "build" / "scorecard"


class EnoughError(Exception):
    """The time that was given is over."""


def main() -> int:
    args = _arguments()
    try:
        if args.short:
            return _short()
        rows = _chosen(args.rows)
        try:
            for number, row in enumerate(rows):
                if args.minutes != 0:
                    _run(row, args, len(rows) - number)
        except KeyboardInterrupt:
            print("interrupted: the same command continues from here", file=sys.stderr)
            return 130
        finally:
            _write()
    except TilewrightError as error:
        print(f"scorecard: {error}", file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    names = ", ".join(row.NAME for row in ROWS)
    parser = argparse.ArgumentParser(prog="scripts/scorecard", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a sample of the work, against the recorded figures")
    parser.add_argument("--rows", metavar="NAMES", help=f"only these, with commas between them: {names}")
    parser.add_argument("--files", metavar="PARTS", help="mutants of these only: parts of names, with commas between")
    parser.add_argument("--minutes", type=float, help="stop after so long, shared by the rows; 0 writes what is known")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of Dask; its workers need this checkout and this folder"
    )
    args = parser.parse_args()
    if args.short and (args.rows or args.files or args.minutes is not None or args.scheduler):
        parser.error("--short takes no other option")
    if args.jobs < 1:
        parser.error(f"--jobs = {args.jobs}: must be at least 1")
    if args.minutes is not None and args.minutes < 0:
        parser.error(f"--minutes = {args.minutes:g}: must be at least 0")
    return args


def _chosen(names: str | None) -> list[Row]:
    wanted = [row.NAME for row in ROWS] if names is None else names.split(",")
    unknown = [name for name in wanted if name not in {row.NAME for row in ROWS}]
    if unknown:
        raise TilewrightError(f"--rows: there is no row {unknown[0]}; there are {', '.join(row.NAME for row in ROWS)}")
    return [row(FOLDER) for row in ROWS if row.NAME in wanted]


def _run(row: Row, args: argparse.Namespace, rows_left: int) -> None:
    """Do a row's work, for its share of the time that is left."""
    now = monotonic()
    if args.minutes is not None:
        args.end = getattr(args, "end", now + 60 * args.minutes)
    until = now + (args.end - now) / rows_left if args.minutes is not None else float("inf")
    row.only = tuple(args.files.split(",")) if args.files else ()
    row.prepare(until)
    tasks = row.tasks()
    if not tasks or monotonic() > until:
        return
    print(f"{row.NAME}: {len(tasks):,} {row.UNIT} are left", file=sys.stderr)

    def done(number: int, outcome: Outcome) -> None:
        if not outcome.fatal:
            row.done(number, outcome)
        if monotonic() > until:
            raise EnoughError

    named = {number: (row.NAME, task) for number, task in tasks.items()}
    try:
        with cluster(args.scheduler, min(args.jobs, len(tasks))) as client:
            run_tasks(client, named, done, work, len(tasks), row.UNIT)
    except EnoughError:
        pass


@lru_cache
def _row(name: str) -> Row:
    return next(row for row in ROWS if name == row.NAME)(FOLDER)


def work(task: tuple[str, Any]) -> Outcome:
    """Do a unit of work; a worker calls it."""
    name, content = task
    return _row(name).work(content)


def _write() -> None:
    """Write the card from what is known; the figures of the short form are measured if there are none yet."""
    figures = [figure for row in ROWS for figure in row(FOLDER).figures()]
    short = _recorded().get("short") or {}
    mutants = sample(Journal(FOLDER / "mutants.jsonl")) or short.get("mutants", [])
    if mutants != short.get("mutants") or not short.get("figures"):
        short = {"mutants": mutants, "figures": measured(mutants)}
    write_files(RESULTS, {"scorecard.md": page(figures), "scorecard.json": recorded(figures, short)})
    print(f"wrote {RESULTS / 'scorecard.md'}", file=sys.stderr)


def _recorded() -> dict[str, Any]:
    path = RESULTS / "scorecard.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _short() -> int:
    short = _recorded().get("short")
    if not short:
        raise TilewrightError("docs/results/scorecard.json has no figures of the short form: run scripts/scorecard")
    found = measured(short["mutants"])
    for name, value in found.items():
        print(f"{name}: {value} (recorded: {short['figures'].get(name, '–')})")
    wrong = below(found, short["figures"])
    for line in wrong:
        print(f"scorecard: {line}", file=sys.stderr)
    return 1 if wrong else 0
