"""A trace of a network's run for Perfetto: the activity of engines and bus, and the layers."""

from pathlib import Path

from tilewright_sim.host import RunResult, Simulator
from tilewright_sim.verilated import write_trace

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
            self._spans.append((f"{layer.node.index}: {layer.node.operator}", start, start + layer.cycles))
            start += layer.cycles

    def write(self, path: Path) -> None:
        """Write the trace to a file; cycles count from the first doorbell.

        Raises
        ------
        TilewrightError
            If the file cannot be written.
        """
        start = self._spans[0][1] if self._spans else 0
        write_trace(path, self.chip.simulated.take_events(), start, self._spans)
