"""Run scripts of Yosys."""

from pathlib import Path

from .wheels import SMALL_YOSYS, YOSYS, WheelTool


def run_yosys(script: list[str], folder: Path) -> None:
    """Run the commands of a script in ``folder``, by the rules of `WheelTool.run`.

    Raises
    ------
    ToolError
        If Yosys is missing or fails; the message ends with its last line of output.
    """
    _run(YOSYS, script, folder)


def run_small_yosys(script: list[str], folder: Path) -> None:
    """Run a script as `run_yosys` does, with the Yosys that comes with Tilewright.

    It reads RTLIL, simplifies it and writes Verilog. It has neither synthesis nor a reader of Verilog. Its output does
    not depend on which other Yosys is installed.

    Raises
    ------
    ToolError
        If it fails; the message ends with what it said last.
    """
    _run(SMALL_YOSYS, script, folder)


def _run(tool: WheelTool, script: list[str], folder: Path) -> None:
    tool.run(["-q", "-p", " ; ".join(script)], folder)
