"""Memories, FIFOs and delay lines."""

from .block_fifo import BlockFifo
from .block_memory import BlockMemory
from .delay import DelayLine, Skew, delayed, skew_cycles
from .secded import Secded, SecdedLocator, SecdedSyndrome, WordCode
from .small_fifo import SmallFifo
from .two_port_ram import TwoPortRam

__all__ = [
    "BlockFifo",
    "BlockMemory",
    "DelayLine",
    "Secded",
    "SecdedLocator",
    "SecdedSyndrome",
    "Skew",
    "SmallFifo",
    "TwoPortRam",
    "WordCode",
    "delayed",
    "skew_cycles",
]
