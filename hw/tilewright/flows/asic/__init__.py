"""Mapping to standard cells, static timing and power."""

from .full_adders import adder_cells
from .liberty import Library, read_libraries
from .mapping import MEMORY, AsicNetlist, find_flop, map_to_cells, map_verilog
from .opensta import find_opensta
from .power import analyse_power
from .timing import StaTiming, analyse_timing

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
