"""Traces of the engines and the channels of the bus, for Perfetto or Chrome's tracing."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tilewright.accelerator.contract import Activity
from tilewright.accelerator.registers import ALL_ENGINES
from tilewright.base import write_files

from .memory_model import CHANNELS

__all__ = ["trace_json", "write_trace"]

_ACTIVITIES = {activity.value + 1: name for name, activity in Activity.__members__.items()}
_TRANSFERS = {1: "transfer", 2: "not taken"}


def trace_json(events: NDArray, start: int = 0, layers: Iterable[tuple[str, int, int]] | None = None) -> dict[str, Any]:
    """Return events of `SimulatedDevice.take_events` in Chrome's trace format; one microsecond is one cycle.

    Each engine has a lane, sampled from the register ENGINES every few cycles, and each channel of the bus has one. The
    vector engine has one if it does something. Idle cycles are empty. Cycles count from ``start``. ``layers``, each a
    name and the cycles where it begins and ends, have a lane of their own above all others.
    """
    lanes = [*(engine.replace("_", " ") for engine in ALL_ENGINES), *(f"bus {channel}" for channel in CHANNELS)]
    content: list[dict[str, Any]] = []
    active = {lane for _, _, lane, state in events.tolist() if _ACTIVITIES.get(state) != "IDLE"}
    for lane, name in enumerate(lanes):
        if name == "vector" and lane not in active:
            continue
        common = {"ph": "M", "pid": 0, "tid": lane}
        content += [{**common, "name": "thread_name", "args": {"name": name}}]
        content += [{**common, "name": "thread_sort_index", "args": {"sort_index": lane}}]
    for begin, end, lane, state in events.tolist():
        name = (_ACTIVITIES if lane < len(ALL_ENGINES) else _TRANSFERS).get(state, "?")
        if name == "IDLE":
            continue
        content.append({"name": name, "ph": "X", "ts": begin - start, "dur": end - begin, "pid": 0, "tid": lane})
    if layers is not None:
        common = {"pid": 0, "tid": len(lanes)}
        content += [{**common, "ph": "M", "name": "thread_name", "args": {"name": "layers"}}]
        content += [{**common, "ph": "M", "name": "thread_sort_index", "args": {"sort_index": -1}}]
        for name, begin, end in layers:
            content.append({**common, "ph": "X", "name": name, "ts": begin - start, "dur": end - begin})
    return {"traceEvents": content, "displayTimeUnit": "ns"}


def write_trace(
    path: Path, events: NDArray, start: int = 0, layers: Iterable[tuple[str, int, int]] | None = None
) -> None:
    """Write `trace_json` to a file.

    Raises
    ------
    TilewrightError
        If the file cannot be written.
    """
    write_files(path.parent, {path.name: json.dumps(trace_json(events, start, layers), separators=(",", ":"))})
