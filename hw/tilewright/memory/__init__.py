"""On-chip memories behind AXI4."""

from .block_ram import BlockRam
from .word_ram import WordRam

__all__ = ["BlockRam", "WordRam"]
