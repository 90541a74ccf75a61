"""What a configuration costs: area by module, timing, cycles and energy, from one call."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import Config, TilewrightError
from tilewright.cores import CORES, Core
from tilewright.dma import DmaConfig
from tilewright.flows import ReportTarget
from tilewright.flows.fpga import Placement, check_fits, measure_modules, place_and_route
from tilewright.tile import TileConfig
from tilewright.tools import NEXTPNR, YOSYS
from tilewright.verilog import CLOCK_MHZ, generate
from tilewright_sim.models.cycles import Bus, Gemm, estimate

from .cells import measure_cells
from .workloads import check_length, default_shape, workload

__all__ = ["GOALS_MHZ", "Report", "measure"]

Json = dict[str, Any]
# What placement strives for where no clock is asked for.
GOALS_MHZ = {"ecp5": 250.0, "ice40": 100.0, "asic": float(CLOCK_MHZ)}


@dataclass(frozen=True)
class Report:
    """What `measure` found; a part that was not asked for is None.

    Parameters
    ----------
    core, target : str
    config : dict
        The configuration's fields.
    area : dict
        ``total``: on an FPGA ``lut4`` (LUT4-equivalents), ``carry``, ``ff``, ``dsp``, ``bram`` and ``memory_bits``; of
        an asic ``cell_um2``, ``gate_equivalents``, ``ff``, ``memory_bits`` and, where a bit's area was given,
        ``memory_um2``. ``modules``: the same for each module without what is in it, with its ``name`` (kinds from the
        top, with slashes) and ``instances``; they add up to the total. ``multipliers``: how many there are.
    timing : dict or None
        ``requested_mhz`` (None if no clock was asked for), ``fmax_mhz`` (the median of the seeds), ``best_mhz``,
        ``seeds`` (MHz by seed), ``slack_ns``, ``met``, and ``critical_path``: steps with ``component``, ``signal``,
        ``kind`` and ``ns``.
    cycles : list of dict
        For each shape ``m``, ``n``, ``k``, ``cycles``, ``utilisation`` and ``source``.
    power : dict or None
        See `power.measure_power`.
    notes : list of str
        What a reader has to know about these figures.
    """

    core: str
    config: Json
    target: str
    area: Json
    timing: Json | None = None
    cycles: list[Json] = field(default_factory=list)
    power: Json | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> Json:
        """Return everything as what JSON can hold."""
        return asdict(self)

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped it, so that seeds are missing."""
        return any(note.startswith("Interrupted") for note in self.notes)

    @property
    def met(self) -> bool:
        """False if a clock was asked for and missed."""
        return self.timing is None or self.timing["met"] is not False


def measure(
    core: Core | str,
    config: Config,
    target: ReportTarget | str,
    *,
    freq: float | None = None,
    seeds: Sequence[int] = (),
    shapes: Sequence[tuple[int, int, int]] = (),
    energy: bool = False,
    data: str | tuple[NDArray, NDArray] = "random",
    bus: Bus = Bus(),  # noqa: B008  # frozen
    output: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measure what a configuration of a core costs on a target.

    Parameters
    ----------
    core : Core or str
    config : Config
    target : ReportTarget or str
    freq : float or None
        The clock that is asked for, in MHz; None strives for one of `GOALS_MHZ`, and nothing can be missed.
    seeds : sequence of int
        Placements to try on an FPGA; none leaves place and route out.
    shapes : sequence of (M, N, K)
        GEMMs whose cycles are wanted.
    energy : bool
        Whether to measure power too, which simulates and needs the target ``asic``.
    data : str or (A[M, K], B[N, K])
        What is multiplied meanwhile, or moved by a DMA engine: one of `power.WORKLOADS`, in the first shape, or int8
        matrices.
    bus : Bus
        The memory behind an accelerator or a DMA engine.
    output : Path or None
        A folder that keeps the Verilog, the constraints and, of an asic, the mapped netlist.
    progress : callable
        Is told what is done next.

    Raises
    ------
    TilewrightError
        For what the user can mend: a missing tool, a Liberty file that does not parse, and so on.
    """
    chosen = CORES[core] if isinstance(core, str) else core
    place = ReportTarget.parse(target) if isinstance(target, str) else target
    if freq is not None and not 0 < freq <= 100_000:
        raise TilewrightError(f"--freq {freq:g}: must be more than 0 and at most 100000 MHz")
    if seeds and place.device is None:
        raise TilewrightError(f"--seeds are placements of nextpnr, which the target {place.name} has not")
    if energy and place.family != "asic":
        raise TilewrightError(f"power needs --target asic and its Liberty files: {place.name} has no power model")
    if energy and not isinstance(config, (TileConfig, DmaConfig)):  # an accelerator's is a tile's too
        raise TilewrightError("power is measured at work: choose the tile, the accelerator or a DMA engine")
    YOSYS.find("report")
    if seeds:
        NEXTPNR[place.family].find()
    cycles = [_cycles(config, shape, bus) for shape in shapes]
    head = (chosen.name, config.model_dump(), place.name)
    if place.family == "asic":
        work = None
        if energy:
            given = None if isinstance(data, str) else (len(data[0]), len(data[1]), data[0].shape[1])
            shape = given or (shapes[0] if shapes else default_shape(config))
            check_length(config, shape)
            work = workload(data, shape, config) if isinstance(data, str) else data
        cost = measure_cells(
            chosen, config, place, freq or GOALS_MHZ["asic"], freq is not None, work, bus, output, progress
        )
        if cost.power:
            cost.power["data"] = data if isinstance(data, str) else "matrices"
            for row in cycles:
                row["energy_nj"] = cost.power["total_mw"] * row["cycles"] / cost.power["clock_mhz"]
            if cycles:
                cost.notes.append("Energy of a shape: its cycles at the power measured with the workload's data.")
        return Report(*head, cost.area, cost.timing, cycles, cost.power, cost.notes)
    if output is not None:
        generate(chosen, config, output, place.verilog_family, clock_mhz=freq or CLOCK_MHZ)
    progress(f"synthesizing for {place.name}")
    measured = measure_modules(chosen, config, place.verilog_family)
    area = {
        "total": measured.total.report()["total"] | {"memory_bits": measured.memory_bits},
        "multipliers": measured.total.multipliers,
        "modules": [
            {"name": m.name, "instances": m.instances, **m.area.report()["total"], "memory_bits": m.memory_bits}
            for m in measured.modules
        ],
    }
    notes = [
        "Logic that synthesis merged from several modules is counted where its result is used; the sum is exact.",
    ]
    timing = None
    if place.device is not None:
        area["capacity"] = place.device.capacity
        check_fits(measured.total, place)
    if freq and not seeds:
        notes.append(f"Nothing says whether {freq:g} MHz is reached: timing is known after place and route alone.")
    if seeds:
        placements = _placements(chosen, config, place, seeds, freq, progress)
        if len(placements) < len(seeds):
            notes.append(f"Interrupted: {len(placements)} of {len(seeds)} seeds were placed.")
        mhz = {placement.seed: placement.mhz for placement in placements}
        best = max(placements, key=lambda placement: placement.mhz)
        timing = {
            "requested_mhz": freq,
            "fmax_mhz": statistics.median(mhz.values()),
            "best_mhz": best.mhz,
            "seeds": mhz,
            "slack_ns": 1000 / freq - 1000 / best.mhz if freq else None,
            "met": best.mhz >= freq if freq else None,
            "critical_path": best.path,
        }
        notes.append("Fmax is nextpnr's, all ports registered; the critical path is the best seed's.")
    return Report(*head, area, timing, cycles, None, notes)


def _placements(
    core: Core, config: Config, target: ReportTarget, seeds: Sequence[int], freq: float | None,
    progress: Callable[[str], None],
) -> list[Placement]:  # fmt: skip
    """Place for each seed; where the user interrupts, return those that are done, if any."""
    done: list[Placement] = []
    progress(f"placing and routing for {target.name}, seed {seeds[0]}")
    try:
        for placement in place_and_route(core, config, target, seeds, freq or GOALS_MHZ[target.family]):
            done.append(placement)
            progress(
                f"placing and routing for {target.name}: {len(done)} of {len(seeds)} seeds, {placement.mhz:.1f} MHz"
            )
    except KeyboardInterrupt:
        if not done:
            raise
    return done


def _cycles(config: Config, shape: tuple[int, int, int], bus: Bus) -> Json:
    m, n, k = shape
    if min(shape) < 1:
        raise TilewrightError(f"shape {m}x{n}x{k}: M, N and K must be at least 1")
    if isinstance(config, AcceleratorConfig):
        guess = estimate(config, [Gemm(m=m, n=n, k=k, requant=True)], bus)
        source = "cycle model, doorbell to interrupt"
        return {"m": m, "n": n, "k": k, "cycles": guess.cycles, "utilisation": guess.utilisation, "source": source}
    if isinstance(config, TileConfig):
        from tilewright.tile import MatmulTile

        tiles = math.ceil(n / config.cols) * math.ceil(k / config.rows)
        cycles = config.cols + tiles * max(m, config.cols) + MatmulTile.latency_of(config)
        share = m * n * k / cycles / (config.rows * config.cols)
        return {"m": m, "n": n, "k": k, "cycles": cycles, "utilisation": share, "source": "max(M, cols) for each tile"}
    raise TilewrightError("shapes are GEMMs: choose the tile or the accelerator")
