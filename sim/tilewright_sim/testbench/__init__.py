"""Building blocks of testbenches: buses, memories, streams, runners."""

from .axi_memory import AxiMemory, ReadMemory, WriteMemory
from .timing import PERIOD_NS, Timing

__all__ = ["PERIOD_NS", "AxiMemory", "ReadMemory", "Timing", "WriteMemory"]
