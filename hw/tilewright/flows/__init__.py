"""From Verilog to measurements: targets, and the hierarchy that reports follow."""

from .hierarchy import Hierarchy, load_netlist, owners, read_hierarchy
from .results import FlowResults
from .target import TARGETS, ReportTarget, family_of

__all__ = [
    "TARGETS",
    "FlowResults",
    "Hierarchy",
    "ReportTarget",
    "family_of",
    "load_netlist",
    "owners",
    "read_hierarchy",
]
