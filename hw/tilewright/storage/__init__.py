"""Memories, FIFOs and delay lines."""

from .block_fifo import BlockFifo
from .block_memory import BlockMemory
from .delay import DelayLine, Skew, skew_cycles
from .small_fifo import SmallFifo

__all__ = ["BlockFifo", "BlockMemory", "DelayLine", "Skew", "SmallFifo", "skew_cycles"]
