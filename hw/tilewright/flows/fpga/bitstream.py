"""From a board's configuration to its bitstream, with Yosys and nextpnr: synthesis, place and route, timing check."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tilewright.base import TilewrightError, ToolError, check_folder, mark_used, write_files
from tilewright.boards import Board, BoardConfig, BoardSystem, Device, board_ports, nearest_clock, top_level
from tilewright.cores import BOARD
from tilewright.tools import NEXTPNR, PACKERS, YOSYS, run_yosys
from tilewright.verilog import generate

from . import area

__all__ = ["BitstreamReport", "build_bitstream"]

# On iCE40 eight cells share a clock enable and a reset: fewer flip-flops with one of their own get a LUT instead.
SYNTHESIS = {
    "ecp5": f"{area.SYNTHESIS['ecp5']} -top top",
    "ice40": f"{area.SYNTHESIS['ice40']} -dffe_min_ce_use 5 -top top",
}
# nextpnr's names for what Yosys counts.
_CELLS: dict[str, dict[str, tuple[str, ...]]] = {
    "ecp5": {"DP16KD": ("DP16KD", "PDPW16KD"), "MULT18X18D": ("MULT18X18D",), "TRELLIS_FF": ("TRELLIS_FF",)},
    "ice40": {"ICESTORM_RAM": ("SB_RAM40_4K",), "ICESTORM_DSP": ("SB_MAC16",), "ICESTORM_SPRAM": ("SB_SPRAM256KA",)},
}


@dataclass(frozen=True)
class BitstreamReport:
    """The report of a build.

    ``used`` and ``available`` count resources by nextpnr's names. ``clock_mhz`` is what the clock runs at,
    ``reached_mhz`` what timing analysis allows; the second is never less.
    """

    board: str
    device: str
    config: dict
    clock_mhz: float
    reached_mhz: float
    seed: int
    used: dict[str, int]
    available: dict[str, int]
    seconds: float


def build_bitstream(
    board: Board,
    config: BoardConfig,
    folder: Path,
    seeds: list[int],
    progress: Callable[[str], None] = lambda step: None,
) -> BitstreamReport:
    """Write ``NAME.bit`` or ``NAME.bin``, ``NAME.json`` (the report) and ``NAME.v`` into a folder.

    Placements are tried seed by seed until one meets timing at ``config.clock_hz``.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    TilewrightError
        If the design does not fit, or no seed meets timing. Nothing is written then.
    """
    start = time.monotonic()
    device = board.device
    check_folder(folder)
    for tool in (YOSYS, NEXTPNR[device.family]):
        tool.find("board")
    system = BoardSystem(config)
    mark_used(system)  # only its ports are looked at
    top = top_level(board, config, board_ports(system))
    mhz = config.clock_hz / 1e6
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        work = Path(name)
        progress("generating Verilog")
        generate(BOARD, config, work, device.family)
        (work / "top.v").write_text(top, encoding="utf-8")
        shutil.copy(board.constraints, work / "pins")
        progress("synthesizing with Yosys")
        run_yosys(
            ["read_verilog board.v top.v", SYNTHESIS[device.family], "tee -q -o stat.json stat -json",
             "write_json netlist.json"], work
        )  # fmt: skip
        _check_fits(device, config, json.loads((work / "stat.json").read_text(encoding="utf-8")))
        reached: list[float] = []
        for seed in seeds:
            tried = f"; best so far {max(reached):.1f} MHz" if reached else ""
            progress(f"placing and routing with nextpnr, seed {seed} of up to {len(seeds)}{tried}")
            _place_and_route(device, mhz, seed, work)
            result = json.loads((work / "report.json").read_text(encoding="utf-8"))
            # The chip clock of an SDRAM drives one output and is not reported.
            reached.append(min(clock["achieved"] for clock in result["fmax"].values()))
            if reached[-1] >= mhz:
                break
        else:
            best = max(reached)
            raise TilewrightError(
                f"{board.name} misses timing: {best:.1f} MHz of {mhz:g} in {len(seeds)} tries, "
                f"slowest {_slowest(result)}; ask for a slower clock, for example "
                f"--set clock_hz={nearest_clock(board, int(best * 0.95e6))}, or more --seeds"
            )
        progress("packing the bitstream")
        _pack(device, work)
        used = {key: value["used"] for key, value in result["utilization"].items() if value["used"]}
        available = {key: result["utilization"][key]["available"] for key in used}
        seconds = round(time.monotonic() - start, 1)
        report = BitstreamReport(
            board.name, device.name, config.model_dump(), mhz, reached[-1], seed, used, available,
            seconds,
        )  # fmt: skip
        verilog = (work / "board.v").read_text(encoding="utf-8") + "\n" + top
        write_files(folder, {
            f"{board.name}.json": json.dumps(asdict(report), indent=2) + "\n", f"{board.name}.v": verilog,
        })  # fmt: skip
        temporary = folder / f".{board.bitstream}"
        shutil.copy(work / "packed", temporary)
        temporary.replace(folder / board.bitstream)
    return report


def _slowest(result: dict) -> str:
    """The ends of the slowest path, its logic and its wires, as nextpnr reports them."""
    paths = result.get("critical_paths") or []
    paths = [path for path in paths if path["from"] == path["to"]]
    if not paths:
        return "path unknown"
    steps = max(paths, key=lambda path: sum(step["delay"] for step in path["path"]))["path"]
    wires = sum(step["delay"] for step in steps if step["type"] == "routing")
    total = sum(step["delay"] for step in steps)
    ends = [steps[0]["from"]["cell"], steps[-1]["to"]["cell"]]
    return f"from {ends[0]} to {ends[1]}, {total:.1f} ns, {wires:.1f} of them wires"


def _check_fits(device: Device, config: BoardConfig, stat: dict) -> None:
    """Reject a design with more cells than the chip, before place and route."""
    cells = stat["design"]["num_cells_by_type"]
    needs: dict[str, int] = {
        name: sum(count for cell, count in cells.items() if cell in kinds)
        for name, kinds in _CELLS[device.family].items()
    }
    if device.family == "ecp5":
        needs["TRELLIS_COMB"] = cells.get("LUT4", 0) + 2 * cells.get("CCU2C", 0) + 6 * cells.get("TRELLIS_DPR16X4", 0)
    else:
        flip_flops = sum(count for cell, count in cells.items() if cell.startswith("SB_DFF"))
        needs["ICESTORM_LC"] = max(cells.get("SB_LUT4", 0), flip_flops)
    _refuse({name: (need, device.capacity[name]) for name, need in needs.items() if need > device.capacity[name]},
            device, config)  # fmt: skip


def _refuse(over: dict[str, tuple[int, int]], device: Device, config: BoardConfig) -> None:
    if over:
        text = ", ".join(f"{need:,} of {has:,} {name}" for name, (need, has) in over.items())
        raise TilewrightError(
            f"the design does not fit the {device.name}: it needs {text}; make it smaller with --set, for example "
            f"rows={max(4, config.rows // 2)}, cols={max(4, config.cols // 2)}, panel_words={config.panel_words // 2}"
        )


def _place_and_route(device: Device, mhz: float, seed: int, work: Path) -> None:
    arguments = ["-q", *device.options, "--freq", f"{mhz:g}", "--timing-allow-fail", "--seed", str(seed)]
    arguments += ["--json", "netlist.json", "--report", "report.json", "--placer", "heap"]
    try:
        if device.family == "ecp5":
            arguments += ["--lpf", "pins", "--textcfg", "routed"]
        else:
            arguments += ["--pcf", "pins", "--asc", "routed"]
        NEXTPNR[device.family].run(arguments, work)
    except ToolError as error:
        if "no BELs remaining" in str(error) or "nable to place" in str(error):
            raise TilewrightError(f"the design does not fit the {device.name}: {error}; make it smaller") from None
        raise


def _pack(device: Device, work: Path) -> None:
    if device.family == "ecp5":
        arguments = ["--compress", "--input", "routed", "--bit", "packed"]
    else:
        arguments = ["routed", "packed"]
    PACKERS[device.family].run(arguments, work)
