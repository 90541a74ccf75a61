"""Build a SoC with firmware for a board."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import write_files
from tilewright.litex import (
    SocBitstream,
    SocBoard,
    build_soc_bitstream,
    find_board_tools,
    gateware_files,
    quiet_litex,
    rom_words,
)

from .firmware import Firmware, find_compiler
from .job import check_job
from .simulation import TOP, write_firmware

__all__ = ["build_for_board"]


def build_for_board(
    board: SocBoard,
    config: AcceleratorConfig,
    folder: Path,
    shape: tuple[int, int, int],
    images: int,
    seeds: Sequence[int],
    progress: Callable[[str], None],
) -> tuple[Firmware, SocBitstream | None]:
    """Write Verilog, constraints and firmware into ``folder``, and the files of the bitstream if it meets timing.

    Parameters
    ----------
    board : SocBoard
    config : AcceleratorConfig
    folder : Path
    shape : tuple
        M, N and K of the product that the firmware computes.
    images : int
        Number of digits that it reads.
    seeds : sequence of int
        Of the placements that are tried; without one nothing is synthesized.
    progress : callable
        Receives what is done next.

    Raises
    ------
    ConfigError
        If the configuration fits neither the board nor the firmware.
    ToolError
        If a tool is missing or fails.
    TilewrightError
        If no seed meets timing. There is no bitstream then.
    """
    check_job(config, shape)
    find_compiler()
    if seeds:
        find_board_tools(board)
    progress("generating the accelerator and the SoC")
    with quiet_litex():
        soc = board.soc(config, folder)
        soc.finalize()
    progress("compiling the firmware")
    firmware = write_firmware(soc, config, folder, shape, images)
    with quiet_litex():
        soc.init_rom("rom", rom_words(firmware.image))
        files = gateware_files(soc, TOP)
    write_files(folder / "gateware", files)
    if not seeds:
        return firmware, None
    built = build_soc_bitstream(board, files, TOP, seeds, progress)
    write_files(folder, board.files(built.bitstream))
    return firmware, built
