"""Write Verilog and timing constraints."""

from .instances import instances, split_modules
from .memories import MANIFEST, Memories, MemoryModule
from .sdc import CLOCK_MHZ
from .writer import ECP5_MODELS, core_files, generate

__all__ = [
    "CLOCK_MHZ",
    "ECP5_MODELS",
    "MANIFEST",
    "Memories",
    "MemoryModule",
    "core_files",
    "generate",
    "instances",
    "split_modules",
]
