"""Which tests reach which functions of the hardware, and how long they take: measured once for each test file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from support.scorecard.journal import Journal
from support.scorecard.sources import ROOT, digest_of, hardware_files

from .lab import Lab
from .server import Request

__all__ = ["Reach", "measure"]

LONGEST = 90.0
"""Seconds of a test; a longer one is not used."""


@dataclass
class Reach:
    """What is known of the tests.

    Parameters
    ----------
    journal : Journal
    """

    journal: Journal
    _related: dict[str, list[tuple[str, float]]] = field(default_factory=dict)

    @classmethod
    def kept(cls, folder: Path) -> "Reach":
        """Return what a folder has."""
        return cls(Journal(folder / "reach.jsonl"))

    def known(self, test: str) -> bool:
        """Whether a test has been measured since its file was changed."""
        entry = self.journal.get(test)
        return entry is not None and entry["digest"] == _digest(test)

    def related(self, file: str) -> list[tuple[str, float]]:
        """Return the tests that reach a file, and their seconds: first those of its room, the fastest first.

        If none of its room reaches it, all of its room are added: what collecting them reaches is not known.
        """
        if file not in self._related:
            self._related[file] = self._found(file)
        return self._related[file]

    def _found(self, file: str) -> list[tuple[str, float]]:
        passed = [entry for entry in self.journal if entry["result"] == "passed"]
        room = file.removeprefix("hw/").rpartition("/")[0]
        while "/" in room and not any(f"/{room}/" in entry["name"] for entry in passed):
            room = room.rpartition("/")[0]  # the tests are in the folder above
        found = [entry for entry in passed if file in entry["reached"]]
        if not any(f"/{room}/" in entry["name"] for entry in found):
            found += [entry for entry in passed if f"/{room}/" in entry["name"]]
        if not found:  # a file without functions: those that use it are in the folder above, or below that
            above = file.rpartition("/")[0].rpartition("/")[0]
            found = [entry for entry in passed if any(other.startswith(f"{above}/") for other in entry["reached"])]
        found.sort(key=lambda entry: (entry["seconds"] + 0.02) * (1 if f"/{room}/" in entry["name"] else 5))
        return [(entry["name"], entry["seconds"]) for entry in found]


def _digest(test: str) -> str:
    return digest_of([ROOT / test.partition("::")[0]])


def measure(
    lab: Lab, reach: Reach, progress: Callable[[int, int], None], until: float, first: tuple[str, ...] = ()
) -> None:
    """Run every test that is not known, alone, and keep what it reaches; none is begun after a time.

    Those whose names have one of the parts ``first`` come before the others, and unit tests before slower ones.
    """
    files = {file.relative_to(ROOT).as_posix() for file in hardware_files()}
    wanted = sorted(
        (test for test in lab.tests if not reach.known(test)),
        key=lambda test: (not any(part in test for part in first), "/unit/" not in test),
    )
    for number, test in enumerate(wanted):
        if monotonic() > until:
            return
        progress(number, len(wanted))
        (report,) = lab.ask(Request(tests=[(test, LONGEST)]))[:1]
        found = sorted({name.rpartition(":")[0] for name in report.reached} & files)
        reach.journal.add({
            "name": test, "digest": _digest(test), "result": report.result, "seconds": round(report.seconds, 3),
            "reached": found, "why": report.why,
        })  # fmt: skip
