"""What a configuration costs: area, timing, power, cycles, as one report."""

from .html import page
from .report import Report, measure
from .tables import view
from .workloads import WORKLOADS

__all__ = ["WORKLOADS", "Report", "measure", "page", "view"]
