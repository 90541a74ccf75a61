"""Lanes of a trace."""

import numpy as np

from tilewright.accelerator.contract import Activity
from tilewright_sim.verilated.device import EVENT
from tilewright_sim.verilated.trace import trace_json

VECTOR, AR = 4, 5  # lanes of C++


def lanes(*events):
    content = trace_json(np.array([*events], EVENT), start=100)["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in content if e["name"] == "thread_name"}
    return list(names.values()), [(e["name"], names[e["tid"]], e["ts"], e["dur"]) for e in content if e["ph"] == "X"]


def test_the_vector_engine_has_a_lane_if_it_does_something():
    idle, busy = Activity.IDLE.value + 1, Activity.BUSY.value + 1
    transfer = (110, 111, AR, 1)
    without, events = lanes((100, 120, VECTOR, idle), transfer)
    assert without == ["load a", "load b", "execute", "store", *(f"bus {c}" for c in ("AR", "R", "AW", "W", "B"))]
    assert events == [("transfer", "bus AR", 10, 1)]
    names, events = lanes((100, 120, VECTOR, busy), transfer)
    assert names == [*without[:4], "vector", *without[4:]]
    assert events == [("BUSY", "vector", 0, 20), ("transfer", "bus AR", 10, 1)]
