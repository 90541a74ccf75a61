"""DMA engines that move one bus word at a time, for the variant ``compact``."""

from .reader import WordReader
from .writer import WordWriter

__all__ = ["WordReader", "WordWriter"]
