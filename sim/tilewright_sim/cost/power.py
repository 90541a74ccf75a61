"""Power and energy of a mapped netlist in a run of the RTL."""

import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import Config, TilewrightError
from tilewright.dma import DmaConfig
from tilewright.flows.asic import AsicNetlist, analyse_power
from tilewright.tile import TileConfig
from tilewright_sim.host import Simulator
from tilewright_sim.models.cycles import Bus
from tilewright_sim.verilated import DmaSimulator, TileSimulator

from .recording import Recording, read_recording
from .toggles import replay, wanted_signals
from .workloads import Matrices, check_length

__all__ = ["LIMITS", "measure_power"]


LIMITS = (
    "Activity: the RTL is simulated with this work; what its registers, ports and memories held in each cycle is put "
    "into the mapped netlist, every net is computed from that, and every pin of every cell gets its own count of "
    "changes and share of ones. Each flip-flop's next value is compared with the RTL's in every cycle.",
    "Zero delay: a net changes at most once a cycle. Glitches are not counted.",
    "Cells only: loads are the pins that a net drives. Wires, the clock tree and memories are left out.",
    "Power by OpenSTA at the typical corner of the Liberty files: internal from their tables, switching from loads, "
    "leakage averaged over the states of each cell.",
)
_RESET = 2  # cycles before a tile or an engine works


@dataclass(frozen=True)
class Run:
    """What the RTL held while it worked.

    Parameters
    ----------
    recording : Recording
    window : range
        The cycles in which it worked.
    work : int
        What it did: multiplications, or bytes moved.
    per_cycle : int
        The most of that in a cycle.
    """

    recording: Recording
    window: range
    work: int
    per_cycle: int


def measure_power(
    config: Config,
    netlist: AsicNetlist,
    folder: Path,
    mhz: float,
    a: NDArray,
    b: NDArray,
    bus: Bus = Bus(),  # noqa: B008
) -> dict:
    """Measure what ``C[M, N] = A[M, K] · B[N, K]ᵀ`` takes on a netlist at a clock; of a DMA engine, moving A and B.

    ``bus`` is the memory behind an accelerator or a DMA engine.

    Raises
    ------
    TilewrightError
        If the core does neither, the work is too long, or the netlist computes something else than the RTL.
    """
    run = _record(config, netlist, a, b, bus)
    activity = replay(netlist, run.recording, run.window)
    power = analyse_power(netlist, folder, mhz, activity.nets)
    modules: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for name, cell in power.items():
        row = modules[netlist.hierarchy.branch(netlist.owner[name])]
        for index, watts in enumerate((cell.internal, cell.switching, cell.leakage)):
            row[index] += 1000 * watts
    internal, switching, leakage = (sum(row[index] for row in modules.values()) for index in range(3))
    seconds = activity.cycles / (mhz * 1e6)
    total = internal + switching + leakage
    counted, each = ("bytes", "pj_per_byte") if isinstance(config, DmaConfig) else ("macs", "pj_per_mac")
    return {
        "clock_mhz": mhz,
        "total_mw": total, "internal_mw": internal, "switching_mw": switching, "leakage_mw": leakage,
        each: total * 1e-3 * seconds / run.work * 1e12,
        "energy_nj": total * 1e-3 * seconds * 1e9,
        counted: run.work,
        "cycles": activity.cycles,
        "utilisation": run.work / activity.cycles / run.per_cycle,
        "registers_compared": activity.registers,
        "modules": [
            {"name": name, "internal_mw": row[0], "switching_mw": row[1], "leakage_mw": row[2], "total_mw": sum(row)}
            for name, row in sorted(modules.items())
        ],
        "limits": list(LIMITS),
    }  # fmt: skip


def _record(config: Config, netlist: AsicNetlist, a: NDArray, b: NDArray, bus: Bus = Bus()) -> Run:  # noqa: B008
    """Run the RTL."""
    if isinstance(config, DmaConfig):
        return _record_transfers(config, netlist, (a, b), bus)
    if not isinstance(config, TileConfig):  # which an accelerator's is too
        raise TilewrightError("power is measured at work: choose the tile, the accelerator or a DMA engine")
    check_length(config, (len(a), len(b), a.shape[1]))
    macs, per_cycle = len(a) * len(b) * a.shape[1], config.rows * config.cols
    names = wanted_signals(netlist)
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        waveform = Path(folder) / "run.fst"
        if not isinstance(config, AcceleratorConfig):
            with TileSimulator(config, waveform=waveform) as tile:
                tile.matmul(a, b)
            recording = read_recording(waveform, netlist.top, names)
            return Run(recording, range(_RESET, recording.cycles), macs, per_cycle)
        with Simulator(config, waveform=waveform, latency=bus.latency, bandwidth=bus.bandwidth) as chip:
            chip.gemm(a, b)
            window = range(chip.simulated.doorbells[0], chip.simulated.status.interrupt_cycle)
        recording = read_recording(waveform, netlist.top, names)
        return Run(recording, range(window.start, min(window.stop, recording.cycles)), macs, per_cycle)


def _record_transfers(config: DmaConfig, netlist: AsicNetlist, matrices: Matrices, bus: Bus) -> Run:
    """Let a DMA engine move the rows of both matrices."""
    moved = [np.asarray(matrix, dtype=np.int8) for matrix in matrices]
    size = sum(len(matrix) * (matrix.shape[1] + config.word_bytes) for matrix in moved)
    check_length(config, (len(moved[0]), len(moved[1]), moved[0].shape[1]))
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        waveform = Path(folder) / "run.fst"
        core = netlist.top.replace("_", "-")
        with DmaSimulator(core, config, 8192 + size, bus.latency, waveform) as engine:
            engine.move(moved)
        recording = read_recording(waveform, netlist.top, wanted_signals(netlist))
    work = sum(matrix.size for matrix in moved)
    return Run(recording, range(_RESET, recording.cycles), work, config.word_bytes)
