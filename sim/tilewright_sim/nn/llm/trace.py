"""A trace of one token for Perfetto: the activity of engines and bus, and the layers."""

import json
from pathlib import Path

from tilewright.base import write_files
from tilewright_sim.host import RunResult, Simulator
from tilewright_sim.verilated import trace_json

from .cycle_accounting import KINDS

__all__ = ["TokenTrace"]

EVENTS = 400_000
"""Maximum number of events of a token; later ones are omitted, except for layers."""


class TokenTrace:
    """Collects the events of one token: the first that is decoded, or the prompt if there is none.

    Parameters
    ----------
    chip : Simulator
        With ``events`` above 0.
    """

    def __init__(self, chip: Simulator):
        self.chip = chip
        self._spans: list[tuple[str, int, int]] = []
        self._content: dict | None = None
        self._complete = False

    def ran(self, kind: str, layer: int, run: RunResult) -> None:
        """Callback for every submission."""
        start = self.chip.simulated.doorbells[0]
        self._spans.append((f"layer {layer}: {KINDS[kind]}", start, start + run.cycles))

    def end_of_step(self, decoding: bool) -> None:
        """Callback after every block of tokens."""
        events = self.chip.simulated.take_events()
        spans, self._spans = self._spans, []
        if self._complete or not spans:
            return
        self._complete = decoding
        self._content = trace_json(events, spans[0][1], spans)

    def write(self, path: Path) -> None:
        """Write the trace to a file.

        Raises
        ------
        TilewrightError
            If the file cannot be written.
        """
        content = self._content or {"traceEvents": []}
        write_files(path.parent, {path.name: json.dumps(content, separators=(",", ":"))})
