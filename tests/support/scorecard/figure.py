"""A row of the score card: what was measured, how much of it, and against which target."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Figure", "share", "state_of"]

State = Literal["met", "missed", "in part", "not run"]


def share(part: int, whole: int) -> float:
    """Return a share in percent, rounded down to a tenth: 100 is all of it."""
    return 1000 * part // whole / 10 if whole else 0.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure.

    Parameters
    ----------
    name : str
    value : str
        As it is printed.
    target : str
    state : str
        ``met`` and ``missed`` only if all of the work was done.
    done, of : int
        How much of the work was done.
    numbers : dict
        What must not become less, by name; percentages and counts.
    details : tuple of str
        Lines of Markdown behind the table: waivers, survivors.
    """

    name: str
    value: str
    target: str
    state: State
    done: int = 0
    of: int = 0
    numbers: dict[str, float] = field(default_factory=dict)
    details: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """How much of the work was done, in words."""
        if self.state == "not run":
            return "not run"
        return f"{self.done:,} of {self.of:,}" if self.done < self.of else "all"


def state_of(met: bool, done: int, of: int) -> State:
    """Return the state of a figure of which so much of the work was done."""
    if not done:
        return "not run"
    return "in part" if done < of else "met" if met else "missed"
