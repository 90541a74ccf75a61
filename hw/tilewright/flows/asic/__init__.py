"""Mapping to standard cells, static timing and power."""

from .flow import AsicDesign, AsicFlow
from .full_adders import adder_cells
from .liberty import Library, read_libraries
from .mapping import MEMORY, AsicNetlist, find_flop, map_verilog
from .opensta import find_opensta

__all__ = [
    "MEMORY",
    "AsicDesign",
    "AsicFlow",
    "AsicNetlist",
    "Library",
    "adder_cells",
    "find_flop",
    "find_opensta",
    "map_verilog",
    "read_libraries",
]
