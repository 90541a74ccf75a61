"""From a board's configuration to its bitstream: synthesis, place and route, timing check."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tilewright.base import TilewrightError, check_folder, write_files
from tilewright.boards import Board, BoardConfig, nearest_clock
from tilewright.cores import BOARD
from tilewright.flows import ReportTarget
from tilewright.tools import NEXTPNR, PACKERS, YOSYS

from .area import DoesNotFitError, check_fits, total_area
from .flow import FpgaFlow
from .placement import Placement
from .surroundings import on_board

__all__ = ["BitstreamReport", "build_bitstream"]


@dataclass(frozen=True)
class BitstreamReport:
    """The report of a build.

    ``used`` and ``available`` count resources by nextpnr's names. ``clock_mhz`` is what the clock runs at,
    ``reached_mhz`` what timing analysis allows, times `Device.derating`; the second is never less.
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
    """Write ``NAME.bit``, ``NAME.bin`` or ``NAME.fs``, ``NAME.json`` (the report) and ``NAME.v`` into a folder.

    Placements are tried seed by seed until one meets timing at ``config.clock_hz``.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    TilewrightError
        If the design does not fit, or no seed meets timing. Nothing is written then.
    """
    start = time.monotonic()
    check_folder(folder)
    for tool in (YOSYS, NEXTPNR[board.device.family], PACKERS[board.device.family]):
        tool.find("board")
    flow = FpgaFlow(BOARD, config, ReportTarget(board.device.family, board.device))
    around = on_board(board, config)
    mhz = config.clock_hz / 1e6
    with tempfile.TemporaryDirectory(prefix="tilewright-") as name:
        work = Path(name)
        progress("generating Verilog")
        flow.generate(work)
        progress("synthesizing with Yosys")
        try:
            check_fits(total_area(flow.synthesize(work, around), flow.family), board.device)
            placement = _first_that_meets_timing(
                partial(flow.place, work, around, mhz=mhz), board, mhz, seeds, progress
            )
        except DoesNotFitError as error:
            raise DoesNotFitError(
                f"{error}; make it smaller with --set, for example rows={max(4, config.tile.rows // 2)}, "
                f"cols={max(4, config.tile.cols // 2)}, panel_words={config.panel_words // 2}"
            ) from None
        progress("packing the bitstream")
        packed = flow.pack(work)
        report = BitstreamReport(
            board=board.name,
            device=board.device.part,
            config=config.model_dump(),
            clock_mhz=mhz,
            reached_mhz=placement.mhz,
            seed=placement.seed,
            used=placement.used,
            available=placement.available,
            seconds=round(time.monotonic() - start, 1),
        )
        verilog = (work / f"{BOARD.module}.v").read_text(encoding="utf-8") + "\n" + around.verilog
        write_files(
            folder,
            {
                f"{board.name}.json": json.dumps(asdict(report), indent=2) + "\n",
                f"{board.name}.v": verilog,
            },
        )
        temporary = folder / f".{board.bitstream}"
        shutil.copy(packed, temporary)
        temporary.replace(folder / board.bitstream)
    return report


def _first_that_meets_timing(
    place: Callable[[int], Placement], board: Board, mhz: float, seeds: Sequence[int], progress: Callable[[str], None]
) -> Placement:
    """Place for one seed after the other until the board's clock is met."""
    best = 0.0
    for seed in seeds:
        tried = f"; best so far {best:.1f} MHz" if best else ""
        progress(f"placing and routing with nextpnr, seed {seed} of up to {len(seeds)}{tried}")
        placement = place(seed)
        if placement.mhz >= mhz:
            return placement
        best = max(best, placement.mhz)
    raise TilewrightError(
        f"{board.name} misses timing: {best:.1f} MHz of {mhz:g} in {len(seeds)} tries, "
        f"slowest {placement.slowest}; ask for a slower clock, for example "
        f"--set clock_hz={nearest_clock(board, int(best * 0.95e6))}, or more --seeds"
    )
