"""What the rows of the card have in common: units of work, of which each outcome is kept."""

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from support.scorecard.figure import Figure

from tilewright_sim.workers import Outcome

__all__ = ["Row"]


class Row(ABC):
    """A row of the card.

    Parameters
    ----------
    folder : Path
        Of the journals.

    Attributes
    ----------
    only : tuple of str
        Parts of the names of files, whose mutants alone are tried now; empty for all.
    """

    NAME: ClassVar[str]
    """For ``--rows``."""
    UNIT: ClassVar[str] = "units"

    def __init__(self, folder: Path):
        self.folder = folder
        self.only: tuple[str, ...] = ()

    def prepare(self, until: float = math.inf) -> None:  # noqa: B027  # most rows need nothing
        """Do what must be done once before `tasks` are known; what takes long ends at a time."""

    def tasks(self) -> dict[int, Any]:
        """Return the work that is left, in the order in which it is done."""
        return {}

    def work(self, task: Any) -> Outcome:
        """Do a unit of work, on any worker."""
        raise NotImplementedError

    def done(self, number: int, outcome: Outcome) -> None:  # noqa: B027
        """Keep an outcome."""

    @abstractmethod
    def figures(self) -> list[Figure]:
        """Return what is known now."""
