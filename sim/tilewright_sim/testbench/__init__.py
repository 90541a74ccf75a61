"""What benches are made of: buses, memories, streams, runners."""

from .axi_memory import AxiMemory, ReadMemory, WriteMemory
from .timing import Timing

__all__ = ["AxiMemory", "ReadMemory", "Timing", "WriteMemory"]
