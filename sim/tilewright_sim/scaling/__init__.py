"""Estimates at the scale of chips: many tiles behind one memory, several chips behind links."""

from .machine import Machine, TileCost, read_report, split_chips
from .roofline import Phase, phase
from .tables import assumptions, summary, table
from .workload import decode, parse_gemm, prefill, shapes_layer

__all__ = [
    "Machine",
    "Phase",
    "TileCost",
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
