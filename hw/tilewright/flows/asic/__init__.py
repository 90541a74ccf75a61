"""Mapping to standard cells, static timing and power."""

from .full_adders import adder_cells
from .liberty import Library, read_libraries
from .mapping import MEMORY, AsicNetlist, find_flop, map_to_cells, map_verilog
from .opensta import StaTiming, analyse_power, analyse_timing, find_opensta

__all__ = [
    "MEMORY",
    "AsicNetlist",
    "Library",
    "StaTiming",
    "adder_cells",
    "analyse_power",
    "analyse_timing",
    "find_flop",
    "find_opensta",
    "map_to_cells",
    "map_verilog",
    "read_libraries",
]
