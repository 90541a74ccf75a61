"""The accelerator in LiteX SoCs; an optional part, which needs LiteX, LiteDRAM and migen."""

from .connect import add_accelerator
from .module import LiteXAccelerator
from .outputs import firmware_headers, firmware_includes, quiet_litex, rom_words, verilog_files
from .simulated import SimulatedSoC

__all__ = [
    "LiteXAccelerator",
    "SimulatedSoC",
    "add_accelerator",
    "firmware_headers",
    "firmware_includes",
    "quiet_litex",
    "rom_words",
    "verilog_files",
]
