"""The accelerator in LiteX SoCs; an optional part, which needs LiteX, LiteDRAM, litex-boards and migen."""

from .bitstream import SocBitstream, build_soc_bitstream, find_board_tools
from .boards import SOC_BOARDS, SocBoard
from .connect import add_accelerator
from .module import LiteXAccelerator
from .outputs import (
    firmware_headers,
    firmware_includes,
    firmware_sources,
    gateware_files,
    quiet_litex,
    rom_words,
    verilog_files,
)
from .simulated import SimulatedMemory, SimulatedSoC

__all__ = [
    "SOC_BOARDS",
    "LiteXAccelerator",
    "SimulatedMemory",
    "SimulatedSoC",
    "SocBitstream",
    "SocBoard",
    "add_accelerator",
    "build_soc_bitstream",
    "find_board_tools",
    "firmware_headers",
    "firmware_includes",
    "firmware_sources",
    "gateware_files",
    "quiet_litex",
    "rom_words",
    "verilog_files",
]
