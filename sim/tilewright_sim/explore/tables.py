"""A sweep's results as tables for the terminal."""

from collections.abc import Sequence

from tilewright_sim.console import FigureTable

from .results import Exploration
from .sweep import Skipped

__all__ = ["result_table", "skipped_table"]

_LINES = 12


def skipped_table(skipped: Sequence[Skipped], points: int) -> FigureTable:
    """Return a table of the invalid points with the reasons; ``points`` is the number of valid ones."""
    table = FigureTable(
        title=f"{len(skipped)} points cannot be built and are skipped; {points} can", title_justify="left"
    )
    for heading in ("point", "swept", "reason"):
        table.add_column(heading)
    for point in skipped[:_LINES]:
        near = "" if point.nearest is None else f"; nearest that works: {point.nearest}"
        swept = " ".join(f"{field}={value}" for field, value in point.swept.items())
        table.add_row(str(point.number), swept, f"{point.field} = {point.value}: {point.reason}{near}")
    if len(skipped) > _LINES:
        table.add_row("…", "", f"{len(skipped) - _LINES} more, in points.csv")
    return table


def result_table(results: Exploration) -> FigureTable:
    """Return a table of the points on the front, the fastest first, with the bottleneck of each shape."""
    rows = results.rows()
    objectives = results.objectives(rows)
    front = [row for row in rows if row.front]
    states = [row.status for row in rows]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    table = FigureTable(title=f"{counts}; {len(front)} on the Pareto front", title_justify="left")
    for heading in ("point", *results.swept, *(axis.short for axis in objectives)):
        table.add_column(heading, justify="right")
    shapes = front[0].shapes if front else []
    for shape in shapes:
        table.add_column(f"{shape['name']}\nbound by")
    for row in sorted(front, key=lambda row: -row.figures[objectives[0].name])[:_LINES]:
        figures = [f"{row.figures[axis.name]:,.4g}" for axis in objectives]
        knobs = [shape["knob"] for shape in row.shapes]
        table.add_row(str(row.number), *(str(value) for value in row.swept.values()), *figures, *knobs)
    if len(front) > _LINES:
        table.caption = f"the {_LINES} fastest; all points are in the page and in points.csv"
    return table
