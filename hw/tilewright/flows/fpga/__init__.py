"""Synthesis, place and route, bitstreams, and loading them."""

from .area import LUT4_EQUIVALENTS, Area, measure_area, measure_modules
from .bitstream import BitstreamReport, build_bitstream
from .place_route import Placement, check_fits, place_and_route
from .programmer import loader_command, program
from .timing import measure_fmax

__all__ = [
    "LUT4_EQUIVALENTS",
    "Area",
    "BitstreamReport",
    "Placement",
    "build_bitstream",
    "check_fits",
    "loader_command",
    "measure_area",
    "measure_fmax",
    "measure_modules",
    "place_and_route",
    "program",
]
