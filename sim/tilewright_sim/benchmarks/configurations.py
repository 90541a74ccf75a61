"""Measure area, cycles and utilisation of configurations of every core on every target."""

import math
import shutil
from collections.abc import Iterator

from tilewright.base import ToolError, load_config
from tilewright.cores import CORES
from tilewright.flows import ReportTarget
from tilewright_sim.cost import measure
from tilewright_sim.models.cycles import Bus

from .libraries import OSU018
from .results import Configuration

__all__ = ["CONFIGURATIONS", "bench_configurations"]

SHAPE = (64, 256, 256)
LATENCY = 16
"""Memory latency in cycles."""

CONFIGURATIONS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("tile", "nano", (), "generic"),
    ("tile", "nano", (), "ice40-hx8k"),
    ("tile", "nano", ("multiplier=lut",), "ice40-hx8k"),
    ("tile", "nano", ("dot=1", "multiplier=lut"), "ice40-hx8k"),
    ("tile", "nano", ("multiplier=dsp",), "ecp5-25k"),
    ("tile", "small", ("multiplier=dsp",), "ecp5-85k"),
    ("tile", "small", ("dot=1", "multiplier=dsp"), "ecp5-85k"),
    ("tile", "small", ("multiplier=lut",), "ecp5-85k"),
    ("tile", "small", (), "xc7"),
    ("tile", "small", ("multiplier=lut",), "xc7"),
    ("tile", "base", (), "xc7"),
    ("tile", "nano", (), "asic"),
    ("tile", "nano", ("dot=1",), "asic"),
    ("tile", "small", (), "asic"),
    ("dma-reader", "", (), "ecp5-85k"),
    ("dma-writer", "", (), "ecp5-85k"),
    ("accelerator", "nano", (), "ecp5-85k"),
    ("accelerator", "nano", (), "xc7"),
    ("accelerator", "small", (), "ecp5-85k"),
)
"""Core, preset, changed fields and target of each row of the table."""


def bench_configurations() -> Iterator[Configuration]:
    """Synthesize each of `CONFIGURATIONS`; yield its row as soon as it is known. Takes eight minutes at most.

    Raises
    ------
    ToolError
        If the standard cells or OpenSTA are missing: the table would be incomplete.
    """
    if not OSU018.exists() or not shutil.which("sta"):
        raise ToolError("this table needs standard cells and OpenSTA: apt-get install opensta qflow-tech-osu018")
    for core, preset, settings, target in CONFIGURATIONS:
        yield _configuration(core, preset, settings, target)


def _configuration(core: str, preset: str, settings: tuple[str, ...], target: str) -> Configuration:
    config = load_config(CORES[core].config, preset or None, settings=settings)
    multiplies = bool(CORES[core].multipliers(config))
    asic = target == "asic"
    place = ReportTarget.parse(target, (OSU018,) if asic else ())
    report = measure(core, config, place, shapes=[SHAPE] if multiplies else [], bus=Bus(latency=LATENCY))
    total, cycles = report.area["total"], report.cycles[0] if multiplies else None
    options = [f"--preset {preset}"] * bool(preset) + [f"--set {setting}" for setting in settings]
    options += [f"--target {target}"] + ["--liberty osu018_stdcells.lib"] * asic
    if multiplies:
        options.append(f"--shape {'x'.join(map(str, SHAPE))}")
    if core == "accelerator":
        options.append(f"--latency {LATENCY}")
    return Configuration(
        name=", ".join(filter(None, (f"{core} {preset}".strip(), *(f"`{setting}`" for setting in settings)))),
        target="asic, osu018" if asic else target,
        area=f"{total['cell_um2']:,.0f} µm²" if asic else f"{total['lut4']:,} LUT4",
        ff=total["ff"],
        dsp=total.get("dsp"),
        bram=total.get("bram"),
        cycles=cycles["cycles"] if cycles else None,
        macs_per_cycle=math.prod(SHAPE) / cycles["cycles"] if cycles else None,
        utilisation=cycles["utilisation"] if cycles else None,
        command=f"tilewright report {core} {' '.join(options)}",
    )
