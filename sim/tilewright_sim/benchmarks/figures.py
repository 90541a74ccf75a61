"""Lines of the README's tables: a measured figure beside the one aimed at, and what a configuration costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Configuration", "Figure", "markdown"]


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, what was aimed at, what came out, and how to repeat it."""

    HEADINGS: ClassVar = ("figure", "bar", "measured", "", "command")

    name: str
    bar: str
    measured: str
    reached: bool
    command: str

    def cells(self) -> tuple[str, ...]:
        """The line of a Markdown table."""
        return self.name, self.bar, self.measured, "reached" if self.reached else "**missed**", f"`{self.command}`"

    def __str__(self) -> str:
        return f"{'reached' if self.reached else 'MISSED '}  {self.name}: {self.measured}"


@dataclass(frozen=True)
class Configuration:
    """One line of the table of configurations.

    Parameters
    ----------
    name, target : str
    area : str
        With its unit.
    ff, dsp, bram : int or None
        None where the target has none.
    cycles : int or None
        Of the table's GEMM; None for what multiplies nothing.
    macs_per_cycle, utilisation : float or None
        Products in a cycle, on average over these cycles, and their share of what the multipliers can do.
    command : str
        What repeats it.
    """

    HEADINGS: ClassVar = (
        "configuration", "target", "area", "FF", "DSP", "block RAM", "cycles", "multipliers busy", "MAC per cycle",
        "command",
    )  # fmt: skip

    name: str
    target: str
    area: str
    ff: int
    dsp: int | None
    bram: int | None
    cycles: int | None
    macs_per_cycle: float | None
    utilisation: float | None
    command: str

    def cells(self) -> tuple[str, ...]:
        """The line of a Markdown table."""
        counts = ("–" if count is None else f"{count:,}" for count in (self.ff, self.dsp, self.bram, self.cycles))
        busy = "–" if self.utilisation is None else f"{self.utilisation:.1%}"
        rate = "–" if self.macs_per_cycle is None else f"{self.macs_per_cycle:.1f}"
        return self.name, self.target, self.area, *counts, busy, rate, f"`{self.command}`"

    def __str__(self) -> str:
        return f"{self.name}, {self.target}: {self.area}, {self.ff:,} FF"


def markdown(lines: Sequence[Figure | Configuration]) -> str:
    """Return the lines as a Markdown table; they are all of one kind."""
    headings = lines[0].HEADINGS if lines else Figure.HEADINGS
    rows = [headings, ("---",) * len(headings), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)
