"""A trace of a network's run for Perfetto: the activity of engines and bus, and the layers."""

import json
from pathlib import Path

from tilewright.base import write_files
from tilewright_sim.host import RunResult, Simulator
from tilewright_sim.verilated import trace_json

from .session import LayerRun

__all__ = ["EVENTS", "NetworkTrace"]

EVENTS = 1_000_000
"""Maximum number of events of a trace; later ones are omitted, except for layers."""


class NetworkTrace:
    """Collects the layers of a run.

    Parameters
    ----------
    chip : Simulator
        With ``events`` above 0.
    """

    def __init__(self, chip: Simulator):
        self.chip = chip
        self._spans: list[tuple[str, int, int]] = []

    def ran(self, layers: list[LayerRun], run: RunResult) -> None:
        """Callback for every submission."""
        start = self.chip.simulated.doorbells[0]
        for layer in layers:
            self._spans.append((f"{layer.node.index}: {layer.node.operator}", start, layer.cycles))
            start += layer.cycles

    def write(self, path: Path) -> None:
        """Write the trace to a file; cycles count from the first doorbell.

        Raises
        ------
        TilewrightError
            If the file cannot be written.
        """
        start = self._spans[0][1] if self._spans else 0
        content = trace_json(self.chip.simulated.take_events(), start)
        lane = 1 + max((event["tid"] for event in content["traceEvents"]), default=0)
        common = {"pid": 0, "tid": lane}
        content["traceEvents"] += [
            {**common, "ph": "M", "name": "thread_name", "args": {"name": "layers"}},
            {**common, "ph": "M", "name": "thread_sort_index", "args": {"sort_index": -1}},
            *(
                {**common, "ph": "X", "name": name, "ts": begin - start, "dur": cycles}
                for name, begin, cycles in self._spans
            ),
        ]
        write_files(path.parent, {path.name: json.dumps(content, separators=(",", ":"))})
