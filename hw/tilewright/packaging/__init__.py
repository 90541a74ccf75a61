"""Descriptions of a generated core for other tools: FuseSoC, IP-XACT, Vivado; OpenROAD-flow-scripts and LibreLane."""

from .asic import asic_files
from .macros import Macros
from .packages import default_vlnv, package_files
from .vlnv import Vlnv

__all__ = ["Macros", "Vlnv", "asic_files", "default_vlnv", "package_files"]
