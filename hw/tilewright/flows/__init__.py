"""From Verilog to measurements: targets, and the hierarchy that reports follow."""

from .hierarchy import Hierarchy, load_netlist, owners, read_hierarchy
from .target import TARGETS, ReportTarget

__all__ = ["TARGETS", "Hierarchy", "ReportTarget", "load_netlist", "owners", "read_hierarchy"]
