"""What computes: tiles behind a shared memory, and several such chips."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, read_json

__all__ = ["Machine", "TileCost", "read_report", "split_chips"]


@dataclass(frozen=True, kw_only=True)
class TileCost:
    """What a tile costs, as far as it is known: mm², pJ for each product (MAC), and the clock it reaches in MHz."""

    area_mm2: float | None = None
    pj_per_mac: float | None = None
    mhz: float | None = None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One or several equal chips.

    Parameters
    ----------
    config : AcceleratorConfig
        Of a tile: here one whole accelerator, with its multipliers, buffers, epilogue and bus.
    tiles : int
        On each chip.
    mhz : float
        Clock of the tiles.
    memory_gbs : float
        Bandwidth of a chip's memory in 10⁹ bytes per second, reads and writes together; shared by its tiles.
    latency : int
        Of the memory, in cycles of the tiles.
    tensor_parallel, pipeline_parallel : int
        Chips that share each layer, and stages that each have some of the layers. Their product is all chips.
    link_gbs : float
        What a chip sends in a second to others, in 10⁹ bytes; ``inf`` for free.
    cost : TileCost
    memory_pj_per_byte : float or None
        Energy of the memory; None leaves it out.
    """

    config: AcceleratorConfig
    tiles: int = 1
    mhz: float = 100.0
    memory_gbs: float = math.inf
    latency: int = 0
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    link_gbs: float = math.inf
    cost: TileCost = TileCost()
    memory_pj_per_byte: float | None = None

    def __post_init__(self):
        for name, limit in (("tiles", 1 << 20), ("tensor_parallel", 4096), ("pipeline_parallel", 4096)):
            if not 1 <= getattr(self, name) <= limit:
                raise TilewrightError(f"{name.replace('_', '-')} {getattr(self, name)}: must be 1 to {limit}")
        if not 0 <= self.latency <= 1_000_000:
            raise TilewrightError(f"latency {self.latency}: must be 0 to 1000000 cycles")
        for name, value in (("memory-gbs", self.memory_gbs), ("link-gbs", self.link_gbs)):
            if not value > 0:
                raise TilewrightError(f"--{name} {value:g}: must be more than 0")
        known = {
            "freq": self.mhz, "tile-area-mm2": self.cost.area_mm2, "pj-per-mac": self.cost.pj_per_mac,
            "memory-pj-per-byte": self.memory_pj_per_byte,
        }  # fmt: skip
        for name, number in known.items():
            if number is not None and not 0 < number < 1e9:
                raise TilewrightError(f"--{name} {number:g}: must be more than 0 and less than a billion")

    @property
    def chips(self) -> int:
        """All of them."""
        return self.tensor_parallel * self.pipeline_parallel

    @property
    def port_gbs(self) -> float:
        """What the bus of one tile carries in each direction, in 10⁹ bytes per second."""
        return self.config.word_bytes * self.mhz / 1000

    @property
    def area_mm2(self) -> float | None:
        """Of the tiles of all chips."""
        return None if self.cost.area_mm2 is None else self.chips * self.tiles * self.cost.area_mm2


def split_chips(chips: int | None, tensor: int | None, pipeline: int | None) -> tuple[int, int]:
    """Return how many chips share a layer and how many stages there are; what is not given follows from the rest.

    Without either, all chips share each layer.
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


def read_report(file: Path, config: AcceleratorConfig) -> TileCost:
    """Take area, energy and Fmax of a tile from what ``tilewright report ... --target asic --json`` printed.

    Raises
    ------
    TilewrightError
        If it is no such report, or one of another number of multipliers.
    """
    report: Any = read_json(file, "what `tilewright report … --json` printed")
    try:
        size = report["config"]["rows"], report["config"]["cols"]
        target, total = report["target"], report["area"]["total"]
        power, timing = report["power"] or {}, report["timing"] or {}
        if target == "asic":
            cost = TileCost(
                area_mm2=(float(total["cell_um2"]) + float(total.get("memory_um2", 0))) / 1e6,
                pj_per_mac=float(power["pj_per_mac"]) if power else None,
                mhz=float(timing["requested_mhz"] or timing["fmax_mhz"]) if timing else None,
            )
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise TilewrightError(
            f"{file} is no report of a tile: give what `tilewright report … --json` printed"
        ) from None
    if target != "asic":
        raise TilewrightError(f"{file} is of the target {target}, which has no mm²: report with --target asic")
    if size != (config.rows, config.cols):
        raise TilewrightError(
            f"{file} is of {size[0]}×{size[1]} multipliers, and these tiles have {config.rows}×{config.cols}: choose "
            "the same --preset"
        )
    return cost
