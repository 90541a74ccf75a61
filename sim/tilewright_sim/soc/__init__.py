"""SoCs with an accelerator and firmware: built with LiteX, and run in Verilator."""

from .board import build_for_board
from .firmware import COMPILER, Firmware, build_firmware, find_compiler
from .job import check_job, job_header
from .simulation import ProductLine, SimulatedRun, simulate

__all__ = [
    "COMPILER",
    "Firmware",
    "ProductLine",
    "SimulatedRun",
    "build_firmware",
    "build_for_board",
    "check_job",
    "find_compiler",
    "job_header",
    "simulate",
]
