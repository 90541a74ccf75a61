"""Run tools that come as WebAssembly in wheels."""

from .wheels import NEXTPNR, find_wheel_tool, run_wheel_tool
from .yosys import find_yosys, run_yosys

__all__ = ["NEXTPNR", "find_wheel_tool", "find_yosys", "run_wheel_tool", "run_yosys"]
