"""Mutants of the generated Verilog."""

import math
import os
from pathlib import Path
from typing import Any

from support.scorecard.figure import Figure
from support.scorecard.journal import Journal
from support.scorecard.mutation.netlist import DESIGNS, mutations, try_mutation
from support.scorecard.sources import sources_digest

from tilewright_sim.workers import Outcome

from .mutants import mutants_figure
from .row import Row

__all__ = ["NetlistMutants"]


class NetlistMutants(Row):
    """Changes by Yosys's `mutate`, of each of `DESIGNS`."""

    NAME = "netlist-mutants"
    UNIT = "mutants"

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.journal = Journal(folder / "netlist-mutants.jsonl")
        self.benches = sources_digest("sim/tilewright_sim/benches", "sim/tilewright_sim/models")
        self.all: dict[int, tuple[int, str]] = {}
        self.names: list[str] = []

    def prepare(self, until: float = math.inf) -> None:
        self.names = [design.name(self.folder) for design in DESIGNS]
        drawn = [
            (number, mutation) for number, design in enumerate(DESIGNS) for mutation in mutations(design, self.folder)
        ]
        # One design after the other: so that the first ones stand for all, every seventh goes first.
        self.all = dict(enumerate(pair for start in range(7) for pair in drawn[start::7]))

    def _name(self, number: int) -> str:
        design, mutation = self.all[number]
        return f"{self.names[design]} {mutation}"

    def _entry(self, number: int) -> dict[str, Any] | None:
        entry = self.journal.get(self._name(number))
        return entry if entry and entry["benches"] == self.benches else None

    def tasks(self) -> dict[int, tuple[int, str]]:
        return {number: task for number, task in self.all.items() if self._entry(number) is None}

    def work(self, task: tuple[int, str]) -> Outcome:
        design, mutation = task
        return Outcome(try_mutation(DESIGNS[design], mutation, self.folder / "netlists" / f"scratch-{os.getpid()}"))

    def done(self, number: int, outcome: Outcome) -> None:
        if not outcome.error:
            self.journal.add({"name": self._name(number), "benches": self.benches, **outcome.values})

    def figures(self) -> list[Figure]:
        if not self.all and len(self.journal):
            self.prepare()
        entries = [entry for number in self.all if (entry := self._entry(number))]
        of = sum(design.count for design in DESIGNS)
        return [mutants_figure("Mutants of the netlist, by Yosys", entries, of)]
