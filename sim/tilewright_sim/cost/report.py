"""What a configuration costs: area by module, timing, cycles and energy, from one call."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tilewright.base import Config, TilewrightError
from tilewright.cores import CORES, Core
from tilewright.flows import FlowResults, ReportTarget
from tilewright.flows.asic import AsicFlow
from tilewright.flows.fpga import FpgaFlow
from tilewright.tools import NEXTPNR, YOSYS
from tilewright.verilog import CLOCK_MHZ, generate
from tilewright_sim.models.cycles import Bus

from .harness import HARNESSES, Harness, Shape
from .power import measure_power
from .workloads import Matrices, workload

__all__ = ["Report", "measure"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What `measure` found; a part that was not asked for is None.

    Parameters
    ----------
    core, target : str
    config : dict
        The configuration's fields.
    area : dict
    timing : dict or None
        See `FlowResults`.
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
    shapes: Sequence[Shape] = (),
    energy: bool = False,
    data: str | Matrices = "random",
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
        The clock that is asked for, in MHz; without one, placement strives for `GOALS_MHZ`, cells are timed at
        `CLOCK_MHZ`, and nothing can be missed.
    seeds : sequence of int
        Placements to try on an FPGA; none leaves place and route out.
    shapes : sequence of (M, N, K)
        GEMMs whose cycles are wanted.
    energy : bool
        Whether to measure power too, which simulates and needs the target ``asic``.
    data : str or (A[M, K], B[N, K])
        What is multiplied meanwhile, or moved by a DMA engine: one of `WORKLOADS`, in the first shape, or int8
        matrices.
    bus : Bus
        The memory behind an accelerator or a DMA engine.
    output : Path or None
        A folder that keeps the Verilog, the constraints and, of an asic, the mapped netlist.
    progress : callable
        Called with every next step.

    Raises
    ------
    TilewrightError
        For what the user can mend: a missing tool, a Liberty file that does not parse, and so on.
    """
    chosen = CORES[core] if isinstance(core, str) else core
    place = ReportTarget.parse(target) if isinstance(target, str) else target
    harness = HARNESSES.get(chosen.name)
    if freq is not None and not 0 < freq <= 100_000:
        raise TilewrightError(f"--freq {freq:g}: must be more than 0 and at most 100000 MHz")
    if seeds and place.device is None:
        raise TilewrightError(f"--seeds are placements of nextpnr, which the target {place.name} has not")
    if energy and place.family != "asic":
        raise TilewrightError(f"power needs --target asic and its Liberty files: {place.name} has no power model")
    if energy and not harness:
        raise TilewrightError("power is measured at work: choose the tile, the accelerator or a DMA engine")
    YOSYS.find("report")
    if seeds:
        NEXTPNR[place.family].find()
    cycles = [_cycles(harness, config, shape, bus) for shape in shapes]
    head = (chosen.name, config.model_dump(), place.name)
    if place.family != "asic":
        if output is not None:
            generate(chosen, config, output, place.verilog_family, clock_mhz=freq or CLOCK_MHZ)
        found = FpgaFlow(chosen, config, place).results(seeds, freq, progress)
        return Report(*head, found.area, found.timing, cycles, None, found.notes)
    matrices = _matrices(harness, config, shapes, data) if energy and harness else None
    found, power = _in_cells(AsicFlow(chosen, config, place), freq, matrices, bus, output, progress)
    if power:
        power["data"] = data if isinstance(data, str) else "matrices"
        for row in cycles:
            row["energy_nj"] = power["total_mw"] * row["cycles"] / power["clock_mhz"]
        if cycles:
            found.notes.append("Energy of a shape: its cycles at the power measured with the workload's data.")
    return Report(*head, found.area, found.timing, cycles, power, found.notes)


def _in_cells(
    flow: AsicFlow, freq: float | None, matrices: Matrices | None, bus: Bus, output: Path | None,
    progress: Callable[[str], None],
) -> tuple[FlowResults, Json | None]:  # fmt: skip
    """Map to cells; with matrices, measure power at work on them."""
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        design = flow.synthesize(Path(name), freq, progress)
        power = None
        if matrices:
            progress("simulating the RTL and measuring power")
            power = measure_power(flow.core, flow.config, design, matrices, bus)
        if output is not None:
            flow.keep(design, output)
    return flow.results(design), power


def _matrices(harness: Harness, config: Config, shapes: Sequence[Shape], data: str | Matrices) -> Matrices:
    """The data of the run for power, which must not be too long."""
    if not isinstance(data, str):
        harness.check_length(config, (len(data[0]), len(data[1]), data[0].shape[1]))
        return data
    shape = shapes[0] if shapes else harness.default_shape(config)
    harness.check_length(config, shape)
    return workload(data, shape, harness.operand_bits(config))


def _cycles(harness: Harness | None, config: Config, shape: Shape, bus: Bus) -> Json:
    m, n, k = shape
    if min(shape) < 1:
        raise TilewrightError(f"shape {m}x{n}x{k}: M, N and K must be at least 1")
    if not harness:
        raise TilewrightError("shapes are GEMMs: choose the tile or the accelerator")
    return {"m": m, "n": n, "k": k, **harness.cycles(config, shape, bus)}
