"""A task, and an exploration with points in every state."""

from tilewright.flows import ReportTarget
from tilewright.tile import TileConfig
from tilewright_sim.explore import Exploration, Task, load_sweep
from tilewright_sim.explore import task as measure
from tilewright_sim.models.cycles import Bus


def task(number: int = 1, **changes) -> Task:
    config = TileConfig(rows=4, cols=number, dot=4)
    given = {"core": "tile", "config": config, "target": ReportTarget.parse("ecp5"), "parts": ("area", "cycles"),
             "shapes": ((8, 8, 8),), "bus": Bus(), "digest": "1"}  # fmt: skip
    return Task(**given | changes)


def explored() -> Exploration:
    """Four points: one beaten, one failed, one unfinished with its area known; and two that cannot be built."""
    sweep = load_sweep(TileConfig, sweeps=["dot=1,2,4,8,3,5"], settings=["rows=8"])
    points, skipped = sweep.points()
    tasks = {
        point.number: task(config=point.config, parts=("area", "timing", "cycles"), freq=100.0) for point in points
    }
    results = Exploration(points, skipped, tasks, ["dot"])
    for number, (lut4, fmax) in {1: (100, 150.0), 2: (120, 90.0)}.items():
        cycles = measure.measure(task(config=points[number - 1].config, parts=("cycles",), digest="")).values
        results.add(number, {"area": {"total": {"lut4": lut4}}, "timing": {"fmax_mhz": fmax}, **cycles})
    results.add(3, {}, "does not fit")
    results.add(4, {"area": {"total": {"lut4": 1}}})
    return results
