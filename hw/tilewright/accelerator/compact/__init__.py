"""What the variant ``compact`` has instead of its faster counterparts."""

from .accumulators import CompactAccumulators
from .read_arbiter import CompactRouter
from .serial_requantizer import SerialRequantizer
from .store import CompactStore

__all__ = ["CompactAccumulators", "CompactRouter", "CompactStore", "SerialRequantizer"]
