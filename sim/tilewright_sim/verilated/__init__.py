"""Simulators of the generated Verilog, compiled by Verilator into libraries."""

from .block_tile import BlockTileResult, BlockTileSimulator
from .board import LINK_CYCLES, BoardSimulator, simulated_board_config
from .build import cached_verilog, make_design, verilator_environment
from .compiling import plain_paths, plain_scratch, run_group
from .device import SimulatedDevice
from .dma import DmaSimulator, requests_for
from .memory_model import MemoryModel
from .soc import SocRun, SocSimulator
from .tile import TileResult, TileSimulator
from .trace import trace_json, write_trace

__all__ = [
    "LINK_CYCLES",
    "BlockTileResult",
    "BlockTileSimulator",
    "BoardSimulator",
    "DmaSimulator",
    "MemoryModel",
    "SimulatedDevice",
    "SocRun",
    "SocSimulator",
    "TileResult",
    "TileSimulator",
    "cached_verilog",
    "make_design",
    "plain_paths",
    "plain_scratch",
    "requests_for",
    "run_group",
    "simulated_board_config",
    "trace_json",
    "verilator_environment",
    "write_trace",
]
