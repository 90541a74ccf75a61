"""Display of an answer while it is computed: its text, and a line with the progress."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

__all__ = ["LiveAnswer"]


class LiveAnswer:
    """Shows an answer token by token.

    On a terminal the line is below the text and is removed at the end. Otherwise the text goes to standard output token
    by token, and the line to standard error if that is a terminal.

    Parameters
    ----------
    line : callable
        Returns the line.
    quiet : bool
        Do not write the text to standard output.
    """

    def __init__(self, line: Callable[[], str], quiet: bool = False):
        self.line = line
        self.quiet = quiet
        self.text = ""
        self._start = time.monotonic()
        output, errors = Console(highlight=False), Console(stderr=True, highlight=False)
        self._together = output.is_terminal and not quiet
        console = output if self._together else errors
        self._live = Live(console=console, get_renderable=self._render, transient=True, refresh_per_second=4)
        self._shown = console.is_terminal

    def __enter__(self) -> Self:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._live.stop()
        if self.text and not self.quiet:
            click.echo(self.text if self._together else "")

    def add(self, text: str) -> None:
        """Append text to the answer."""
        self.text += text
        if not self.quiet and not self._together:
            click.echo(text, nl=False)

    def _render(self) -> Group:
        line = Text(f"{self.line()}   {time.monotonic() - self._start:.0f} s", style="dim", overflow="ellipsis")
        line.no_wrap = True
        return Group(Text(self.text), line) if self._together else Group(line)
