"""SoCs with an accelerator and firmware: built with LiteX, and run in Verilator."""

from .firmware import COMPILER, Firmware, build_firmware, find_compiler
from .job import job_header
from .simulate import ProductLine, SimulatedRun, simulate

__all__ = [
    "COMPILER",
    "Firmware",
    "ProductLine",
    "SimulatedRun",
    "build_firmware",
    "find_compiler",
    "job_header",
    "simulate",
]
