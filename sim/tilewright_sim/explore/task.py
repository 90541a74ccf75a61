"""One task of a sweep: the measurements of one point on a worker, as plain data that can be sent to other machines."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import tilewright
from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import Config, TilewrightError
from tilewright.cores import CORES
from tilewright.flows import ReportTarget
from tilewright.tile import TileConfig
from tilewright_sim.models.cycles import Bus
from tilewright_sim.workers import OTHER_VERSION, Outcome, digest, failed

from .cycles import Workload, use
from .knobs import binding

__all__ = ["PARTS", "Task", "generator_digest", "measure"]

PARTS = ("area", "timing", "power", "cycles")
"""The parts of a point's result; each is cached separately."""

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Task:
    """The parts of one point to measure, and everything that their results depend on.

    Parameters
    ----------
    core : str
    config : Config
    target : ReportTarget
    parts : tuple of str
        Some of `PARTS`.
    shapes : tuple of (M, N, K)
    bus : Bus
        Timing of the memory behind an accelerator.
    seeds : int
        Number of placements for ``timing``.
    freq : float or None
        The target clock in MHz for timing and power; standard cells are selected for it.
    power_shape : (M, N, K) or None
        GEMM that runs while power is measured; `Harness.default_shape` if None.
    digest : str
        `generator_digest` on the machine that started the sweep.
    """

    core: str
    config: Config
    target: ReportTarget
    parts: tuple[str, ...]
    shapes: tuple[Workload, ...]
    bus: Bus
    seeds: int = 1
    freq: float | None = None
    power_shape: Workload | None = None
    digest: str = ""

    def key(self, part: str) -> str:
        """Return the hash of everything that this part of the result depends on."""
        what: Json = {"part": part, "core": self.core, "config": self.config.model_dump(), "digest": self.digest}
        if part == "cycles":
            what |= {"shapes": self.shapes, "bus": asdict(self.bus)}
        else:
            what |= {"target": self.target.name, "liberty": [_content(path) for path in self.target.liberty],
                     "memory_um2_per_bit": self.target.memory_um2_per_bit}  # fmt: skip
        if part != "cycles" and self.target.family == "asic":
            what["freq"] = self.freq
        if part == "timing":
            what |= {"seeds": self.seeds, "freq": self.freq}
        if part == "power":
            what |= {"shape": self.power_shape, "bus": asdict(self.bus)}
        return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()

    def only(self, parts: Sequence[str]) -> "Task":
        """Return the same task for fewer parts."""
        return replace(self, parts=tuple(parts))


def measure(task: Task) -> Outcome:
    """Measure the parts of a task.

    The outcome may have more parts than requested: place and route also counts cells.
    """
    if task.digest and task.digest != generator_digest():
        return OTHER_VERSION
    parts: Json = {}
    try:
        if "cycles" in task.parts:
            parts["cycles"] = _cycles(task)
        if set(task.parts) - {"cycles"}:
            from tilewright_sim.cost import report

            found = report.measure(
                CORES[task.core],
                task.config,
                task.target,
                freq=task.freq,
                seeds=range(1, task.seeds + 1) if "timing" in task.parts and task.target.device else (),
                shapes=[task.power_shape] if task.power_shape and "power" in task.parts else (),
                energy="power" in task.parts,
                bus=task.bus,
            )
            parts["area"] = {name: value for name, value in found.area.items() if name != "modules"}
            for part, value in (("timing", found.timing), ("power", found.power)):
                if part in task.parts:
                    if value is None:
                        return Outcome(parts, f"{part} was not measured: {'; '.join(found.notes) or 'no reason given'}")
                    parts[part] = value
    except TilewrightError as error:
        return failed(parts, error)
    return Outcome(parts)


def _cycles(task: Task) -> list[Json]:
    config = task.config
    assert isinstance(config, TileConfig | AcceleratorConfig)
    rows = []
    for shape in task.shapes:
        found = use(config, shape, task.bus)
        binds = binding(config, shape, task.bus, found)
        rows.append({**found.to_dict(), "knob": binds.knob, "reason": binds.reason})
    return rows


@lru_cache
def generator_digest() -> str:
    """Return the hash of everything that measures: the generator's sources, the flows', and their tools' versions."""
    here = Path(__file__).parent
    rooms = [
        Path(tilewright.__file__).parent,
        *(here.parent / room for room in ("cost", "models", "verilated", "host")),
    ]
    return digest([*rooms, *(here / f"{name}.py" for name in ("task", "cycles", "knobs"))])


@lru_cache
def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
