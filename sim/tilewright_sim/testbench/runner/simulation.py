"""A simulation that runs in the background."""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .results import BenchResult, read_results

__all__ = ["Simulation"]


class Simulation:
    """Commands that run one after another, in their own process group.

    Parameters
    ----------
    commands : sequence of sequence of str
    environment : mapping of str
    folder : Path
        Working directory of the commands.
    log : Path
        File for all their output.
    results : Path
        File to which cocotb writes its results.
    """

    def __init__(
        self, commands: Sequence[Sequence[str]], environment: Mapping[str, str], folder: Path, log: Path, results: Path
    ):
        self.log, self._results = log, results
        together = " && ".join(map(shlex.join, commands))
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", together], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, process_group=0,
            )  # fmt: skip

    @property
    def running(self) -> bool:
        """Whether the simulation is still running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Kill the simulation and all processes that it started."""
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def wait(self) -> BenchResult:
        """Wait until the simulation ends and return its results; any exception meanwhile stops the simulation."""
        try:
            status = self._process.wait()
        except BaseException:
            self.stop()
            raise
        return read_results(self._results, self.log, f"exit status {status}" if status else "")
