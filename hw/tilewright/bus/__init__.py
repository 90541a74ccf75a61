"""AXI4 and AXI4-Lite signatures, and an arbiter."""

from .arbiter import Arbiter
from .axi import BOUNDARY_BYTES, Axi4, Axi4Read, Axi4Write, AxiLite, Burst, Response, connect_channels

__all__ = [
    "BOUNDARY_BYTES",
    "Arbiter",
    "Axi4",
    "Axi4Read",
    "Axi4Write",
    "AxiLite",
    "Burst",
    "Response",
    "connect_channels",
]
