"""A measured figure beside the one aimed at."""

from dataclasses import dataclass

__all__ = ["Figure"]


@dataclass(frozen=True)
class Figure:
    """One line of the table: what was measured, what was aimed at, what came out, and how to repeat it."""

    name: str
    bar: str
    measured: str
    reached: bool
    command: str
