"""Run tools that come as WebAssembly in wheels."""

from .wheels import NEXTPNR, PACKERS, YOSYS, WheelTool
from .yosys import run_small_yosys, run_yosys

__all__ = ["NEXTPNR", "PACKERS", "YOSYS", "WheelTool", "run_small_yosys", "run_yosys"]
