"""Rows of the tables in ``docs/results``: measurements with their targets, and configurations with their costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Configuration", "Measurement", "markdown", "update_page"]


@dataclass(frozen=True)
class Measurement:
    """One row of a table of measurements.

    Parameters
    ----------
    name, target, result : str
        The measurement, its target and its result, as text.
    met : bool or None
        Whether the result meets the target; None if there is no target.
    command : str
        The command that repeats the measurement.
    """

    HEADINGS: ClassVar = ("measurement", "target", "result", "met", "command")

    name: str
    target: str
    result: str
    met: bool | None
    command: str

    def cells(self) -> tuple[str, ...]:
        """Return the row of a Markdown table."""
        met = "–" if self.met is None else "yes" if self.met else "**no**"
        return self.name, self.target, self.result, met, f"`{self.command}`"

    def __str__(self) -> str:
        met = "–" if self.met is None else "met" if self.met else "MISSED"
        return f"{met:<6}  {self.name}: {self.result}"


@dataclass(frozen=True)
class Configuration:
    """One row of the table of configurations.

    Parameters
    ----------
    name, target : str
    area : str
        With its unit.
    ff, dsp, bram : int or None
        None if the target does not have them.
    cycles : int or None
        Cycles of the GEMM of the table; None for cores that do not multiply.
    macs_per_cycle, utilisation : float or None
        Average MACs per cycle, and their share of the peak of the multipliers.
    command : str
        The command that repeats the measurement.
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
        """Return the row of a Markdown table."""
        counts = ("–" if count is None else f"{count:,}" for count in (self.ff, self.dsp, self.bram, self.cycles))
        busy = "–" if self.utilisation is None else f"{self.utilisation:.1%}"
        rate = "–" if self.macs_per_cycle is None else f"{self.macs_per_cycle:.1f}"
        return self.name, self.target, self.area, *counts, busy, rate, f"`{self.command}`"

    def __str__(self) -> str:
        return f"{self.name}, {self.target}: {self.area}, {self.ff:,} FF"


def markdown(rows: Sequence[Measurement | Configuration]) -> str:
    """Return the rows, all of one kind, as a Markdown table."""
    headings = rows[0].HEADINGS if rows else Measurement.HEADINGS
    lines = [headings, ("---",) * len(headings), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def update_page(text: str, name: str, table: str) -> str:
    """Replace the text between the marks ``<!-- bench NAME -->`` and ``<!-- end NAME -->``.

    Raises
    ------
    ValueError
        If the text does not have these marks.
    """
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"it does not have the marks {begin} and {end}")
    # Blank lines, because a Markdown parser takes what follows a comment directly as HTML.
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"
