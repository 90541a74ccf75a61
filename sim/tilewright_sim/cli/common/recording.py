"""What a command that simulates an accelerator can record: a trace of its engines, and a waveform."""

import re
from collections.abc import Callable
from pathlib import Path

import click

from tilewright.base import TilewrightError
from tilewright_sim.console import console
from tilewright_sim.host import Simulator
from tilewright_sim.verilated import write_trace

from .options import FILE, trace_option

__all__ = ["EVENTS", "check_waveform", "cycles_of", "recording_options", "save_trace"]

EVENTS = 200_000
"""Events that a trace has at most."""


def recording_options(function: Callable) -> Callable:
    """Add the options for a trace and a waveform: parameters ``trace``, ``waveform`` and ``window``."""
    cycles = click.option(
        "--waveform-cycles", "window", metavar="FROM:TO", default=":", help="Cycles to record, since reset."
    )
    waveform = click.option("--waveform", type=FILE, help="Write an FST waveform.")
    return trace_option(waveform(cycles(function)))


def cycles_of(text: str) -> range:
    """Return the cycles that --waveform-cycles names."""
    match = re.fullmatch(r"([0-9]{0,18}):([0-9]{0,18})", text)
    window = range(int(match[1] or 0), int(match[2] or 1 << 62)) if match else range(0)
    if not window:
        raise click.UsageError(
            f"--waveform-cycles {text}: write it as FROM:TO, for example --waveform-cycles 1000:2000"
        )
    return window


def save_trace(chip: Simulator, file: Path) -> None:
    """Write the events of the last run; say so if there were more than `EVENTS`."""
    dropped = chip.simulated.status.dropped_events
    write_trace(file, chip.simulated.take_events(), chip.simulated.doorbells[0])
    if dropped:
        console.print(f"the trace ends after {EVENTS:,} events; {dropped:,} more are omitted", highlight=False)


def check_waveform(file: Path | None) -> None:
    """Raise `TilewrightError` if a waveform that was asked for is not there, once the simulation has ended."""
    if file and not file.exists():
        raise TilewrightError(f"cannot write {file}: the simulator left no waveform; is the disk full?")
