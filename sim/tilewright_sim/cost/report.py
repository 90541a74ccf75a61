"""Measure area by module, timing, cycles and energy of a configuration in one call."""

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
from tilewright_sim.models import check_int8
from tilewright_sim.models.cycles import Bus

from .harness import HARNESSES, Harness, Shape
from .power import measure_power
from .workloads import Matrices, workload

__all__ = ["Report", "measure"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """Results of `measure`; parts that were not requested are None.

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
        Conditions and limits of the measurements.
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
        """Return all fields, ready for JSON."""
        return asdict(self)

    @property
    def interrupted(self) -> bool:
        """Whether the user interrupted the measurement, so that seeds are missing."""
        return any(note.startswith("Interrupted") for note in self.notes)

    @property
    def met(self) -> bool:
        """False if a target clock was given and not met."""
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
    """Measure a configuration of a core on a target.

    Parameters
    ----------
    core : Core or str
    config : Config
    target : ReportTarget or str
    freq : float or None
        Target clock in MHz. If it is None, placement aims at `GOALS_MHZ`, standard cells are timed at `CLOCK_MHZ`, and
        the timing is neither met nor missed.
    seeds : sequence of int
        Seeds of place and route on an FPGA, which is skipped if there are none.
    shapes : sequence of (M, N, K)
        GEMMs to count the cycles of.
    energy : bool
        Whether to measure power too, which runs a simulation and requires the target ``asic``.
    data : str or (A[M, K], B[N, K])
        Operands for the power measurement, which are multiplied, or moved by a DMA engine: one of `WORKLOADS`, in the
        first shape, or int8 matrices.
    bus : Bus
        The memory behind an accelerator or a DMA engine.
    output : Path or None
        Folder for the Verilog, the constraints and, for ``asic``, the mapped netlist.
    progress : callable
        Called with the name of each step when it starts.

    Raises
    ------
    TilewrightError
        For errors that the user can fix, such as a missing tool or an invalid Liberty file.
    """
    chosen = CORES[core] if isinstance(core, str) else core
    place = ReportTarget.parse(target) if isinstance(target, str) else target
    harness = HARNESSES.get(chosen.name)
    if freq is not None and not 0 < freq <= 100_000:
        raise TilewrightError(f"--freq {freq:g}: must be more than 0 and at most 100000 MHz")
    if seeds and place.device is None:
        raise TilewrightError(
            f"--seeds needs place and route by nextpnr, which does not support the target {place.name}"
        )
    if energy and place.family != "asic":
        raise TilewrightError(f"power needs --target asic and its Liberty files: {place.name} has no power model")
    if energy and not harness:
        raise TilewrightError(
            f"power of {chosen.name} cannot be measured: choose a tile, the accelerator or a DMA engine"
        )
    if energy:
        check_int8(config, "the power measurement")
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
            found.notes.append(
                "Energy of a shape: its cycles multiplied by the power measured with the workload's data."
            )
    return Report(*head, found.area, found.timing, cycles, power, found.notes)


def _in_cells(
    flow: AsicFlow, freq: float | None, matrices: Matrices | None, bus: Bus, output: Path | None,
    progress: Callable[[str], None],
) -> tuple[FlowResults, Json | None]:  # fmt: skip
    """Map the core to standard cells; if matrices are given, measure its power while it processes them."""
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
    """Return the operands for the power measurement; reject a run that is too long."""
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
        raise TilewrightError("a shape requires a core that multiplies: choose a tile or the accelerator")
    return {"m": m, "n": n, "k": k, **harness.cycles(config, shape, bus)}
