"""The mutants of the sources: drawn by a fixed seed, some from every file that describes hardware."""

import difflib
import hashlib
import random
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from support.scorecard.sources import ROOT, hardware_files

from .operators import Change, changes

__all__ = ["Mutant", "drawn"]

SEED = 15
SHARE = 0.2
"""Of all changes of a file."""
LEAST = 6
"""Mutants of a file, if it has so many changes."""


@dataclass(frozen=True)
class Mutant:
    """A change of one file.

    Parameters
    ----------
    file : str
        From the checkout's root.
    change : Change
    """

    file: str
    change: Change

    @cached_property
    def name(self) -> str:
        """File, line, and a hash of the file and the change: another file is another mutant."""
        change = self.change
        content = f"{self.before}\0{change.start}\0{change.end}\0{change.new}"
        return f"{self.file}:{change.line}:{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    @property
    def before(self) -> str:
        """The text of the file."""
        return _read(ROOT / self.file)

    @property
    def after(self) -> str:
        """The text of the file with the change."""
        return self.change.applied(self.before)

    def diff(self) -> str:
        """Return the lines that differ."""
        lines = difflib.unified_diff(self.before.splitlines(), self.after.splitlines(), lineterm="", n=0)
        return "\n".join(line for line in list(lines)[2:] if not line.startswith("@@"))


@lru_cache(200)
def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def drawn() -> list[Mutant]:
    """Return the mutants in a random order, so that the first ones stand for all.

    Those of a file depend on nothing but the file: other files may change without drawing them anew.
    """
    mutants = []
    for path in hardware_files():
        file = path.relative_to(ROOT).as_posix()
        found = changes(_read(path))
        chance = random.Random(f"{SEED} {file}")
        count = max(LEAST, round(SHARE * len(found)))
        mutants += [Mutant(file, change) for change in chance.sample(found, min(count, len(found)))]
    return sorted(mutants, key=lambda mutant: hashlib.sha256(f"{SEED} {mutant.name}".encode()).digest())
