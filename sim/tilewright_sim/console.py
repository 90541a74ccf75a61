"""Tables whose numbers are never cut off, and the consoles that print them."""

import os
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

__all__ = ["FigureTable", "Printer", "console"]

WIDTH = 140
"""Width in columns of output to a file or a pipe, unless COLUMNS is set."""

_HEADING = 8  # longest heading of a column of numbers that stays on one line
_TEXT = 10  # a column of text is folded no narrower than this


class Printer(Console):
    """A console that cuts nothing off and prints brackets as they are; `WIDTH` columns wide without a terminal."""

    def __init__(self, **options: Any):
        environment = dict(os.environ)
        for name in ("COLUMNS", "LINES"):  # Rich accepts "²" as a digit and then fails to convert it
            text = environment.get(name, "")
            if not (text.isascii() and text.isdigit() and 0 < int(text[:5]) < 10_000):
                environment.pop(name, None)
        super().__init__(**{"_environ": environment, "markup": False, **options})
        if not self.is_terminal and "COLUMNS" not in environment:
            self.width = WIDTH

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*objects, **{"crop": False, **options})


class FigureTable(Table):
    """A table whose numbers stay whole on a narrow terminal.

    Columns that are justified to the right hold numbers: they are as wide as the longest number, under headings of
    several lines. All other columns hold text, which is folded. The terminal wraps a table that is still too wide.
    """

    def add_column(self, header: RenderableType = "", footer: RenderableType = "", **options: Any) -> None:
        if options.get("justify") == "right":
            if isinstance(header, str) and max(map(len, header.split("\n"))) > _HEADING:
                header = header.replace(" ", "\n").replace("-", "-\n")
            options = {"no_wrap": True, **options}
        super().add_column(header, footer, **{"overflow": "fold", **options})
        column = self.columns[-1]
        longest = max(map(cell_len, str(header).split("\n")))
        column.min_width = longest if column.no_wrap else min(longest, _TEXT)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*cells, **options)
        for column, cell in zip(self.columns, cells, strict=False):
            text = cell.plain if isinstance(cell, Text) else str(cell or "")
            longest = max(map(cell_len, text.split("\n")))
            column.min_width = max(column.min_width or 0, longest if column.no_wrap else min(longest, _TEXT))

    @property
    def narrowest(self) -> int:
        """The minimum width at which no number is cut off."""
        return sum((column.min_width or 0) + 3 for column in self.columns) + 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from super().__rich_console__(console, options.update(width=max(options.max_width, self.narrowest)))


# Progress goes to standard error, so that the output can be piped.
console = Printer(stderr=True)
