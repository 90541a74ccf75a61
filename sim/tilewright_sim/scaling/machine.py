"""The machine: chips, each with cores behind a shared memory."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, read_json
from tilewright_sim.models import check_int8

__all__ = ["CoreCost", "Machine", "read_report", "split_chips"]


@dataclass(frozen=True, kw_only=True)
class CoreCost:
    """Area in mm², energy in pJ per MAC and clock in MHz of one core; None if unknown."""

    area_mm2: float | None = None
    pj_per_mac: float | None = None
    mhz: float | None = None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One or several equal chips.

    Parameters
    ----------
    config : AcceleratorConfig
        Of a core: one whole accelerator, with its tile, buffers, epilogue and bus.
    cores : int
        On each chip.
    mhz : float
        Clock of the cores.
    memory_gbs : float
        Bandwidth of a chip's memory in 10⁹ bytes per second, reads and writes together; shared by its cores.
    latency : int
        Memory latency in cycles of the cores.
    tensor_parallel, pipeline_parallel : int
        Number of chips that share each layer, and of stages that each have some of the layers. Their product is the
        number of chips.
    link_gbs : float
        Bandwidth of a chip to other chips, in 10⁹ bytes per second; ``inf`` for free.
    cost : CoreCost
    memory_pj_per_byte : float or None
        Energy of memory traffic; None leaves it out.
    """

    config: AcceleratorConfig
    cores: int = 1
    mhz: float = 100.0
    memory_gbs: float = math.inf
    latency: int = 0
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    link_gbs: float = math.inf
    cost: CoreCost = CoreCost()
    memory_pj_per_byte: float | None = None

    def __post_init__(self):
        check_int8(self.config, "the model of many cores")
        for name, limit in (("cores", 1 << 20), ("tensor_parallel", 4096), ("pipeline_parallel", 4096)):
            if not 1 <= getattr(self, name) <= limit:
                raise TilewrightError(f"{name.replace('_', '-')} {getattr(self, name)}: must be 1 to {limit}")
        if not 0 <= self.latency <= 1_000_000:
            raise TilewrightError(f"latency {self.latency}: must be 0 to 1000000 cycles")
        for name, value in (("memory-gbs", self.memory_gbs), ("link-gbs", self.link_gbs)):
            if not value > 0:
                raise TilewrightError(f"--{name} {value:g}: must be more than 0")
        known = {
            "freq": self.mhz, "core-area-mm2": self.cost.area_mm2, "pj-per-mac": self.cost.pj_per_mac,
            "memory-pj-per-byte": self.memory_pj_per_byte,
        }  # fmt: skip
        for name, number in known.items():
            if number is not None and not 0 < number < 1e9:
                raise TilewrightError(f"--{name} {number:g}: must be more than 0 and less than 1e9")

    @property
    def chips(self) -> int:
        """Number of chips."""
        return self.tensor_parallel * self.pipeline_parallel

    @property
    def port_gbs(self) -> float:
        """Bandwidth of the bus of one core in each direction, in 10⁹ bytes per second."""
        return self.config.word_bytes * self.mhz / 1000

    @property
    def area_mm2(self) -> float | None:
        """Area of the cores of all chips; None if unknown."""
        return None if self.cost.area_mm2 is None else self.chips * self.cores * self.cost.area_mm2


def split_chips(chips: int | None, tensor: int | None, pipeline: int | None) -> tuple[int, int]:
    """Return the number of chips that share a layer and the number of stages; None follows from the others.

    If neither is given, all chips share each layer.
    """
    total = chips if chips is not None else (tensor or 1) * (pipeline or 1)
    tensor = tensor if tensor is not None else max(1, total // (pipeline or 1))
    pipeline = pipeline if pipeline is not None else max(1, total // tensor)
    if tensor * pipeline != total:
        raise TilewrightError(
            f"--chips {total} is not --tensor-parallel {tensor} times --pipeline-parallel {pipeline}: their product "
            "must be the number of chips"
        )
    return tensor, pipeline


def read_report(file: Path, config: AcceleratorConfig) -> CoreCost:
    """Read area, energy and clock of a core from the output of ``tilewright report ... --target asic --json``.

    Raises
    ------
    TilewrightError
        If the file is not such a report, or of another number of multipliers.
    """
    report: Any = read_json(file, "the output of `tilewright report … --json`")
    try:
        size = report["config"]["rows"], report["config"]["cols"]
        target, total = report["target"], report["area"]["total"]
        power, timing = report["power"] or {}, report["timing"] or {}
        if target == "asic":
            cost = CoreCost(
                area_mm2=(float(total["cell_um2"]) + float(total.get("memory_um2", 0))) / 1e6,
                pj_per_mac=float(power["pj_per_mac"]) if power else None,
                mhz=float(timing["requested_mhz"] or timing["fmax_mhz"]) if timing else None,
            )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise TilewrightError(
            f"{file} is not a report: it must be the output of `tilewright report … --json`"
        ) from None
    if target != "asic":
        raise TilewrightError(f"{file} is a report for the target {target}, not for asic: only that one has mm²")
    tile = config.tile
    if size != (tile.rows, tile.cols):
        raise TilewrightError(
            f"{file} is a report of {size[0]}×{size[1]} multipliers, but these cores have {tile.rows}×{tile.cols}: "
            "choose the same --preset"
        )
    return cost
