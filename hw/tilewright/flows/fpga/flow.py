"""From a core to its area, its clock and its bitstream on an FPGA, by Yosys and nextpnr."""

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tilewright.base import Config, Device, Family, ToolError
from tilewright.cores import Core
from tilewright.flows import FlowResults, ReportTarget, load_netlist, read_hierarchy
from tilewright.tools import NEXTPNR, PACKERS, run_yosys
from tilewright.verilog import generate

from .area import DoesNotFitError, ModuleAreas, areas_by_module, check_fits
from .placement import Placement, read_placement, timing_of
from .surroundings import Surroundings, alone, out_of_context

__all__ = ["GOALS_MHZ", "SYNTHESIS", "FpgaFlow", "pack_routed", "place_and_route"]

# Never `synth_ice40 -dsp`: Yosys 0.70 takes each SB_MAC16 for one 16-bit multiplier of its own making, and sets its
# parameters anew. A `MultiplierPair` then computes something else, and no message says so.
SYNTHESIS: dict[Family, str] = {
    "generic": "synth -flatten -lut 4",
    "ecp5": "synth_ecp5",
    "ice40": "synth_ice40",
    "xc7": "synth_xilinx -flatten -noiopad",
    "gowin": "synth_gowin -family gw2a",
    "nexus": "synth_nexus",
    "gatemate": "synth_gatemate -luttree",
}
GOALS_MHZ = {"ecp5": 250.0, "ice40": 100.0, "gowin": 150.0, "gatemate": 100.0}
"""What placement strives for where no clock is asked for."""
# The file of pins and clocks, and where to write what the packer reads.
_FILES = {
    "ecp5": ["--lpf", "{pins}", "--textcfg", "routed"],
    "ice40": ["--pcf", "{pins}", "--asc", "routed"],
    "gowin": ["--vopt", "cst={pins}", "--write", "routed"],
}
_PACK = {
    "ecp5": ["--compress", "--input", "routed", "--bit", "packed"],
    "ice40": ["routed", "packed"],
    "gowin": ["-d", "{database}", "-o", "packed", "routed"],
}
_MISFIT = re.compile(r"unable to place|no more|failed to (?:find|expand)|unable to find", re.I)


class FpgaFlow:
    """A core with a configuration on an FPGA family, or on a device of it.

    `areas`, `placements` and `results` measure the core on its own. They are made of the steps, which work in a folder
    and may have anything around the core::

        generate ──► synthesize ──► place ──► pack
         Verilog      netlist     Placement   bitstream

    Parameters
    ----------
    core : Core
    config : Config
    target : ReportTarget or str
        Any but ``asic``; only a target with a device can be placed.
    """

    def __init__(self, core: Core, config: Config, target: ReportTarget | str):
        self.core = core
        self.config = config
        self.target = ReportTarget.parse(target) if isinstance(target, str) else target

    @property
    def family(self) -> Family:
        """Whose primitives the Verilog instantiates, and whose cells come out."""
        return self.target.verilog_family

    @property
    def device(self) -> Device:
        """Where it is placed."""
        assert self.target.device is not None, f"the target {self.target.name} has no device"
        return self.target.device

    def areas(self) -> ModuleAreas:
        """Synthesize the core alone and count its cells, in total and by module.

        Raises
        ------
        ToolError
            If Yosys is missing or fails.
        """
        with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
            folder = Path(name)
            self.generate(folder)
            netlist = self.synthesize(folder, alone(self.core))
            hierarchy = read_hierarchy(folder / f"{self.core.module}.v", self.core.module)
        return areas_by_module(netlist, hierarchy, self.family, self.core.multipliers(self.config))

    def placements(self, seeds: Iterable[int], mhz: float | None = None) -> Iterator[Placement]:
        """Place and route the core with registers at all ports, once for each seed; yield each when it is done.

        Parameters
        ----------
        seeds : iterable of int
        mhz : float or None
            The clock that placement strives for; `GOALS_MHZ` without one.

        Raises
        ------
        DoesNotFitError
            If nextpnr cannot place the design.
        ToolError
            If Yosys or nextpnr is missing or fails.
        """
        NEXTPNR[self.family].find()
        with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
            folder = Path(name)
            self.generate(folder)
            ports = json.loads((folder / "config.json").read_text(encoding="utf-8"))["ports"]
            around = out_of_context(self.core, ports, self.family)
            self.synthesize(folder, around)
            for seed in seeds:
                yield self.place(folder, around, seed, mhz or GOALS_MHZ[self.family])

    def results(
        self, seeds: Sequence[int] = (), freq: float | None = None, progress: Callable[[str], None] = lambda _: None
    ) -> FlowResults:
        """Measure area and, with seeds, timing; interrupted by the user, from the seeds that are done, if any.

        Parameters
        ----------
        seeds : sequence of int
        freq : float or None
            The clock in MHz that is asked for.
        progress : callable
            Called with every next step.

        Raises
        ------
        DoesNotFitError
            If the device is too small.
        ToolError
            If Yosys or nextpnr is missing or fails.
        """
        progress(f"synthesizing for {self.target.name}")
        measured = self.areas()
        area = measured.report()
        notes = [
            "Logic that synthesis merged from several modules is counted where its result is used; the sum is exact."
        ]
        if self.target.device is not None:
            area["capacity"] = self.target.device.resources
            check_fits(measured.total, self.target.device)
        if freq and not seeds:
            notes.append(f"Nothing says whether {freq:g} MHz is reached: timing is known after place and route alone.")
        if not seeds:
            return FlowResults(area, None, notes)
        placements = self._all_placements(seeds, freq, progress)
        if len(placements) < len(seeds):
            notes.append(f"Interrupted: {len(placements)} of {len(seeds)} seeds were placed.")
        notes.append("Fmax is nextpnr's, all ports registered; the critical path is the best seed's.")
        if self.device.derating != 1:
            notes.append(f"Fmax is {self.device.derating:g} of what nextpnr finds, which is too high for this family.")
        if self.device.not_timed:
            notes.append(f"Paths {self.device.not_timed} are not among those that nextpnr times.")
        return FlowResults(area, timing_of(placements, freq), notes)

    def _all_placements(
        self, seeds: Sequence[int], freq: float | None, progress: Callable[[str], None]
    ) -> list[Placement]:
        done: list[Placement] = []
        progress(f"placing and routing for {self.target.name}, seed {seeds[0]}")
        try:
            for placement in self.placements(seeds, freq):
                done.append(placement)
                state = f"{len(done)} of {len(seeds)} seeds, {placement.mhz:.1f} MHz"
                progress(f"placing and routing for {self.target.name}: {state}")
        except KeyboardInterrupt:
            if not done:
                raise
        return done

    def generate(self, folder: Path) -> None:
        """Write the core's Verilog and ``config.json``."""
        generate(self.core, self.config, folder, self.family)

    def synthesize(self, folder: Path, around: Surroundings) -> dict[str, Any]:
        """Synthesize what `generate` wrote; write ``netlist.json`` and return its flat top module.

        Raises
        ------
        ToolError
            If Yosys is missing or fails.
        """
        files = [f"{self.core.module}.v"]
        if around.verilog:
            files.append(f"{around.top}.v")
            (folder / files[-1]).write_text(around.verilog, encoding="utf-8")
        synthesis = " ".join(filter(None, (SYNTHESIS[self.family], around.synthesis, f"-top {around.top}")))
        script = [f"read_verilog {' '.join(files)}", synthesis, "write_json netlist.json"]
        run_yosys(script, folder)
        return load_netlist(folder / "netlist.json", around.top)

    def place(self, folder: Path, around: Surroundings, seed: int, mhz: float) -> Placement:
        """Place and route what `synthesize` wrote, and time it; with pins, write ``routed``, which `pack` reads.

        Raises
        ------
        DoesNotFitError
            If nextpnr cannot place the design.
        ToolError
            If nextpnr is missing or fails.
        """
        if around.pins:
            (folder / "pins").write_text(around.pins, encoding="utf-8")
        derating = self.device.derating
        options = [*around.options, "--freq", str(mhz / derating)]
        place_and_route(self.device, folder, seed, options, "pins" if around.pins else None)
        hierarchy = read_hierarchy(folder / f"{self.core.module}.v", self.core.module)
        return read_placement(folder / "report.json", seed, hierarchy, around.instance, derating)

    def pack(self, folder: Path) -> Path:
        """Pack the placement that was routed last; return the file of the bitstream.

        Raises
        ------
        ToolError
            If the packer is missing or fails.
        """
        return pack_routed(self.device, folder)


def place_and_route(
    device: Device, folder: Path, seed: int, options: Sequence[str] = (), pins: str | None = None
) -> None:
    """Place and route ``netlist.json`` of a folder; write ``report.json``, and with pins ``routed``.

    Parameters
    ----------
    device : Device
    folder : Path
    seed : int
    options : sequence of str
        Further options of nextpnr.
    pins : str or None
        The folder's file of pins and clocks.

    Raises
    ------
    DoesNotFitError
        If nextpnr cannot place the design.
    ToolError
        If nextpnr is missing or fails.
    """
    arguments = ["-q", *_part(device), *options, "--timing-allow-fail", "--seed", str(seed)]
    arguments += ["--json", "netlist.json", "--report", "report.json"]
    if pins:
        arguments += [argument.format(pins=pins) for argument in _FILES[device.family]]
    try:
        NEXTPNR[device.family].run(arguments, folder)
    except ToolError as error:
        if _MISFIT.search(str(error)):
            raise DoesNotFitError(f"the design does not fit {device.target} ({device.about}): {error}") from None
        raise


def _part(device: Device) -> list[str]:
    """Arguments of nextpnr that name a device."""
    if device.family in ("ecp5", "ice40"):
        speed = [] if device.speed_grade is None else ["--speed", str(device.speed_grade)]
        return [f"--{device.name}", "--package", device.package, *speed]
    return ["--device", device.part, *(["--vopt", f"family={device.database}"] if device.database else [])]


def pack_routed(device: Device, folder: Path) -> Path:
    """Pack what `place_and_route` routed last in a folder; return the file of the bitstream.

    Raises
    ------
    ToolError
        If the packer is missing or fails.
    """
    arguments = [argument.format(database=device.database) for argument in _PACK[device.family]]
    PACKERS[device.family].run(arguments, folder)
    return folder / "packed"
