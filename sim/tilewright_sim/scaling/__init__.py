"""Estimates at the scale of chips: many cores behind one memory, several chips behind links."""

from .machine import CoreCost, Machine, read_report, split_chips
from .roofline import Phase, phase
from .tables import assumptions, summary, table
from .workload import decode, parse_gemm, prefill, shapes_layer

__all__ = [
    "CoreCost",
    "Machine",
    "Phase",
    "assumptions",
    "decode",
    "parse_gemm",
    "phase",
    "prefill",
    "read_report",
    "shapes_layer",
    "split_chips",
    "summary",
    "table",
]
