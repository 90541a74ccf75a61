"""Descriptions of a generated core for tools that assemble systems: FuseSoC, IP-XACT, Vivado."""

from .packages import default_vlnv, package_files
from .vlnv import Vlnv

__all__ = ["Vlnv", "default_vlnv", "package_files"]
