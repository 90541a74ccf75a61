"""Build the simulated SoC and its firmware, run it, and read what it prints."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import write_files
from tilewright.litex import (
    SimulatedMemory,
    SimulatedSoC,
    firmware_headers,
    firmware_includes,
    firmware_sources,
    quiet_litex,
    rom_words,
    verilog_files,
)
from tilewright_sim.models.cycles import Bus, Gemm, estimate
from tilewright_sim.verilated import SocRun, SocSimulator

from .firmware import Firmware, build_firmware, find_compiler
from .job import check_job, job_header

__all__ = ["TOP", "ProductLine", "SimulatedRun", "simulate", "write_firmware"]

_PRODUCT = re.compile(r"(\d+)x(\d+)x(\d+): right")
TOP = "soc"
"""Name of the top module, and of its Verilog file."""


@dataclass(frozen=True)
class ProductLine:
    """A product that the firmware found right, beside its estimate.

    Parameters
    ----------
    shape : tuple
        M, N and K.
    run : SocRun
        What was seen on the accelerator's memory bus.
    estimated : int
        Cycles by `estimate`, at the latency and the bandwidth that were measured.
    utilisation : float
        Average share of the multipliers that worked, from 0 to 1.
    """

    shape: tuple[int, int, int]
    run: SocRun
    estimated: int
    utilisation: float


@dataclass
class SimulatedRun:
    """What a simulated SoC did.

    Parameters
    ----------
    firmware : Firmware
    lines : list of str
        What the firmware has printed.
    products : list of ProductLine
    latency : int
        Cycles of the memory, measured on the last product, which has most reads that are alone on the bus.
    bandwidth : float
        Beats of the memory per cycle, measured on the first product, which it bounds.
    cycles : int
        All cycles that were simulated.
    """

    firmware: Firmware
    lines: list[str] = field(default_factory=list)
    products: list[ProductLine] = field(default_factory=list)
    latency: int = 0
    bandwidth: float = 0.0
    cycles: int = 0

    @property
    def passed(self) -> bool:
        """Whether the firmware came to its end and found everything right."""
        return "done" in self.lines


def simulate(
    config: AcceleratorConfig,
    folder: Path,
    shape: tuple[int, int, int],
    images: int,
    progress: Callable[[str], None],
    printed: Callable[[str], None],
    memory: SimulatedMemory = "sdram",
) -> SimulatedRun:
    """Build a `SimulatedSoC` with its firmware in ``folder``, and run it in Verilator until the firmware ends.

    Parameters
    ----------
    config : AcceleratorConfig
    folder : Path
        Receives Verilog, driver, headers and firmware.
    shape : tuple
        M, N and K of the product.
    images : int
        Number of digits to read, 1 to 450.
    progress, printed : callable
        Receive what is done next, and each line that the firmware prints.
    memory : str
        See `SimulatedSoC`.

    Raises
    ------
    ConfigError
        If the configuration fits neither the SoC nor the firmware.
    ToolError
        If a tool is missing or fails.
    """
    check_job(config, shape)
    find_compiler()
    progress("generating the accelerator and the SoC")
    with quiet_litex():
        soc = SimulatedSoC(config, folder, memory)
        soc.finalize()
    progress("compiling the firmware")
    firmware = write_firmware(soc, config, folder, shape, images)
    with quiet_litex():
        soc.init_rom("rom", rom_words(firmware.image))
        made = write_files(folder, verilog_files(soc, TOP))
    progress("compiling the SoC with Verilator: a minute or two the first time")
    sources = [made[0], *(Path(source) for source, *_ in soc.platform.sources)]
    result = SimulatedRun(firmware)
    with SocSimulator(sources, TOP, folder) as simulator:
        progress("the SoC runs")
        for line in simulator.lines(_limit(config, shape)):
            result.lines.append(line)
            printed(line)
            if line == "done" or line.startswith("failed"):
                break
        runs = simulator.runs
        result.cycles = simulator.cycles
    _measure(config, result, runs)
    return result


def _limit(config: AcceleratorConfig, shape: tuple[int, int, int]) -> int:
    """Cycles after which the firmware counts as stuck: many times what it needs to fill, to multiply and to check."""
    m, n, k = shape
    slow = estimate(config, [Gemm(m=m, n=n, k=k, requant=False)], Bus(latency=100, bandwidth=0.1, shared=True))
    return 20_000_000 + slow.cycles + 200 * (m * n + n * k + m * k)


def write_firmware(soc, config: AcceleratorConfig, folder: Path, shape: tuple[int, int, int], images: int) -> Firmware:
    """Write the headers of a finalized SoC and compile its firmware into ``folder``/firmware; see `build_firmware`."""
    place = folder / "firmware"
    write_files(place, {**firmware_headers(soc), "job.h": job_header(config, shape, images)})
    memories = {
        name: (soc.mem_regions[name].origin, soc.mem_regions[name].size) for name in ("rom", "sram", "main_ram")
    }
    includes, sources = firmware_includes(soc), firmware_sources(soc)
    return build_firmware(place, folder / "driver", memories, soc.cpu.gcc_flags, includes, sources)


def _measure(config: AcceleratorConfig, result: SimulatedRun, runs: list[SocRun]) -> None:
    """Put the products, in the order in which the firmware printed them, beside their runs and estimates."""
    shapes = [tuple(map(int, match.groups())) for line in result.lines if (match := _PRODUCT.match(line))]
    if not shapes or not runs[0].read_cycles:
        return
    result.latency = runs[len(shapes) - 1].latency
    result.bandwidth = min(1.0, (runs[0].reads + runs[0].writes) / runs[0].read_cycles)
    bus = Bus(latency=result.latency, bandwidth=result.bandwidth, shared=True)
    for (m, n, k), run in zip(shapes, runs, strict=False):
        guess = estimate(config, [Gemm(m=m, n=n, k=k, requant=False)], bus)
        busy = guess.multiplier_cycles / run.cycles
        result.products.append(ProductLine((m, n, k), run, guess.cycles, busy))
