"""Power and energy of a mapped netlist for a run of the RTL."""

from typing import Any

from tilewright.base import Config
from tilewright.cores import Core
from tilewright.flows.asic import AsicDesign
from tilewright_sim.models.cycles import Bus

from .harness import HARNESSES
from .toggles import replay, wanted_signals
from .workloads import Matrices

__all__ = ["LIMITS", "measure_power"]


LIMITS = (
    "Activity: the RTL is simulated with this workload. In each cycle, every net of the mapped netlist is computed "
    "from the values of the RTL's registers, ports and memories, so every pin of every cell has its own toggle rate "
    "and share of ones. The next value of each flip-flop is compared with the RTL in every cycle.",
    "Zero delay: a net changes at most once a cycle. Glitches are not counted.",
    "Cells only: loads are the pins that a net drives. Wires, the clock tree and memories are left out.",
    "Power by OpenSTA at the typical corner of the Liberty files: internal from their tables, switching from loads, "
    "leakage averaged over the states of each cell.",
)


def measure_power(
    core: Core,
    config: Config,
    design: AsicDesign,
    matrices: Matrices,
    bus: Bus = Bus(),  # noqa: B008  # frozen
) -> dict[str, Any]:
    """Measure power and energy while a core computes ``C[M, N] = A[M, K] · B[N, K]ᵀ``, or a DMA engine moves A and B.

    Parameters
    ----------
    core : Core
        One that has `Work`.
    config : Config
    design : AsicDesign
    matrices : (A, B)
    bus : Bus
        The memory behind an accelerator or a DMA engine.

    Returns
    -------
    dict
        ``clock_mhz``; ``total_mw``, ``internal_mw``, ``switching_mw`` and ``leakage_mw``, and the same in ``modules``;
        ``macs`` and ``pj_per_mac``, or ``bytes`` and ``pj_per_byte``; ``energy_nj``, ``cycles``, ``utilisation``,
        ``shape``, ``registers_compared``, and ``limits``, the limits of the method.

    Raises
    ------
    TilewrightError
        If the work is too long, or the netlist and the RTL differ.
    """
    assert core.work, core.name
    harness, netlist, (a, b) = HARNESSES[core.name], design.netlist, matrices
    shape = len(a), len(b), a.shape[1]
    harness.check_length(config, shape)
    run = harness.record(config, netlist.top, wanted_signals(netlist), matrices, bus)
    activity = replay(netlist, run.recording, run.window)
    modules = design.power(activity.nets)
    internal, switching, leakage = (sum(row[index] for row in modules.values()) for index in range(3))
    seconds = activity.cycles / (design.mhz * 1e6)
    total = internal + switching + leakage
    return {
        "clock_mhz": design.mhz,
        "total_mw": total, "internal_mw": internal, "switching_mw": switching, "leakage_mw": leakage,
        f"pj_per_{core.work.unit.removesuffix('s')}": total * 1e-3 * seconds / run.work * 1e12,
        "energy_nj": total * 1e-3 * seconds * 1e9,
        core.work.unit: run.work,
        "cycles": activity.cycles,
        "utilisation": run.work / activity.cycles / core.work.per_cycle(config),
        "registers_compared": activity.registers,
        "modules": [
            {"name": name, "internal_mw": row[0], "switching_mw": row[1], "leakage_mw": row[2], "total_mw": sum(row)}
            for name, row in sorted(modules.items())
        ],
        "limits": list(LIMITS),
        "shape": dict(zip("mnk", shape, strict=True)),
    }  # fmt: skip
