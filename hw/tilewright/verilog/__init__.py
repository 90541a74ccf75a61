"""Write Verilog and timing constraints."""

from .sdc import CLOCK_MHZ
from .writer import generate

__all__ = ["CLOCK_MHZ", "generate"]
