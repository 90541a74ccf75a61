"""From the gateware of a SoC for a board to its bitstream, with Yosys and nextpnr."""

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tilewright.base import TilewrightError
from tilewright.flows.fpga import SYNTHESIS, pack_routed, place_and_route
from tilewright.tools import NEXTPNR, PACKERS, YOSYS

from .boards import SocBoard

__all__ = ["SocBitstream", "build_soc_bitstream", "find_board_tools"]

_PINS = {"ecp5": ".lpf"}


@dataclass(frozen=True)
class SocBitstream:
    """A placed SoC that meets the timing of all its clocks.

    Parameters
    ----------
    bitstream : bytes
    clocks : dict
        By nextpnr's name: what a clock runs at and what timing analysis allows, in MHz.
    seed : int
    used, available : dict of int
        Cells of the chip, by nextpnr's names.
    seconds : float
    """

    bitstream: bytes
    clocks: dict[str, tuple[float, float]]
    seed: int
    used: dict[str, int]
    available: dict[str, int]
    seconds: float


def find_board_tools(board: SocBoard) -> None:
    """Fail before minutes of work if a tool is missing.

    Raises
    ------
    ToolError
        If one is.
    """
    for tool in (YOSYS, NEXTPNR[board.device.family], PACKERS[board.device.family]):
        tool.find("soc")


def build_soc_bitstream(
    board: SocBoard,
    files: Mapping[str, str],
    top: str,
    seeds: Sequence[int],
    progress: Callable[[str], None] = lambda step: None,
) -> SocBitstream:
    """Synthesize, place and route; the first seed that meets timing is packed.

    Parameters
    ----------
    board : SocBoard
    files : mapping
        From `gateware_files`.
    top : str
        The top module.
    seeds : sequence of int
    progress : callable
        Receives what is done next.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    TilewrightError
        If the design does not fit, or no seed meets timing.
    """
    start = time.monotonic()
    find_board_tools(board)
    device = board.device
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        folder = Path(name)
        for file, text in files.items():
            (folder / file).write_text(text, encoding="utf-8")
        progress("synthesizing with Yosys")
        sources = " ".join(file for file in files if file.endswith(".v"))
        script = [f"read_verilog {sources}", f"{SYNTHESIS[device.family]} -top {top}", "write_json netlist.json"]
        YOSYS.run(["-q", "-p", " ; ".join(script)], folder)
        pins = next(file for file in files if file.endswith(_PINS[device.family]))
        best: dict[str, tuple[float, float]] = {}
        for seed in seeds:
            progress(f"placing and routing with nextpnr, seed {seed} of up to {len(seeds)}: some minutes")
            place_and_route(device, folder, seed, pins=pins)
            report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
            clocks = {name: (clock["constraint"], clock["achieved"]) for name, clock in report["fmax"].items()}
            if all(achieved >= wanted for wanted, achieved in clocks.values()):
                break
            if not best or _margin(clocks) > _margin(best):
                best = clocks
        else:
            missed = ", ".join(
                f"{name} {got:.1f} MHz of {wanted:g}" for name, (wanted, got) in best.items() if got < wanted
            )
            raise TilewrightError(f"{board.name} misses timing in {len(seeds)} tries: {missed}; try more --seeds")
        progress("packing the bitstream")
        packed = pack_routed(device, folder)
        cells = {name: row for name, row in report["utilization"].items() if row["used"]}
        return SocBitstream(
            bitstream=packed.read_bytes(),
            clocks=clocks,
            seed=seed,
            used={name: row["used"] for name, row in cells.items()},
            available={name: row["available"] for name, row in cells.items()},
            seconds=round(time.monotonic() - start, 1),
        )


def _margin(clocks: Mapping[str, tuple[float, float]]) -> float:
    """The share of what is asked for that the worst clock reaches."""
    return min(achieved / wanted for wanted, achieved in clocks.values())
