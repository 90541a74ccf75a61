"""Memories behind AXI4 that are on the FPGA."""

from .block_ram import BlockRam
from .word_ram import WordRam

__all__ = ["BlockRam", "WordRam"]
