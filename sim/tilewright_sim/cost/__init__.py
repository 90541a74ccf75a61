"""Reports of the area, timing, cycles and power of a configuration."""

from .html import page
from .report import Report, measure
from .tables import view
from .workloads import WORKLOADS

__all__ = ["WORKLOADS", "Report", "measure", "page", "view"]
