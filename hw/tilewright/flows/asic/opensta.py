"""Run OpenSTA on a mapped netlist."""

import shutil
import subprocess
from pathlib import Path

from tilewright.base import ToolError

from .mapping import AsicNetlist

__all__ = ["find_opensta", "run_opensta"]


def find_opensta() -> str:
    """Return the path of OpenSTA.

    Raises
    ------
    ToolError
        If it is missing.
    """
    tool = shutil.which("sta") or shutil.which("opensta")
    if tool is None:
        raise ToolError("OpenSTA is missing: run `apt-get install opensta`")
    return tool


def run_opensta(
    netlist: AsicNetlist, folder: Path, script: str, libraries: list[str], verilog: str, commands: str
) -> None:
    """Run Tcl commands on a netlist linked with libraries, in ``folder``; all files are named relative to it.

    Raises
    ------
    ToolError
        If OpenSTA is missing or fails.
    """
    tool = find_opensta()
    head = [f"read_liberty {file}" for file in libraries]
    head += [f"read_verilog {verilog}", f"link_design {netlist.top}", "set_cmd_units -time ns"]
    (folder / script).write_text("\n".join([*head, commands, "puts done", ""]), encoding="utf-8")
    done = subprocess.run(
        [tool, "-no_splash", "-exit", script], cwd=folder, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode or not done.stdout.rstrip().endswith("done"):
        said = [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]
        raise ToolError(f"OpenSTA failed: {said[0] if said else f'exit status {done.returncode}'}")
