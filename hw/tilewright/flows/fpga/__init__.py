"""Synthesis, place and route, bitstreams, and loading them."""

from .area import LUT4_EQUIVALENTS, Area, DoesNotFitError, ModuleAreas
from .bitstream import BitstreamReport, build_bitstream
from .dfu import dfu_file
from .flow import GOALS_MHZ, SYNTHESIS, FpgaFlow, pack_routed, place_and_route
from .placement import Placement
from .programmer import loader_command, program

__all__ = [
    "GOALS_MHZ",
    "LUT4_EQUIVALENTS",
    "SYNTHESIS",
    "Area",
    "BitstreamReport",
    "DoesNotFitError",
    "FpgaFlow",
    "ModuleAreas",
    "Placement",
    "build_bitstream",
    "dfu_file",
    "loader_command",
    "pack_routed",
    "place_and_route",
    "program",
]
