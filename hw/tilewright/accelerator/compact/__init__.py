"""The small counterparts of some components, for the variant ``compact``."""

from .accumulators import CompactAccumulators, CompactCheckedAccumulators
from .read_arbiter import CompactReadArbiter
from .serial_requantizer import SerialRequantizer
from .store import CompactStore

__all__ = [
    "CompactAccumulators",
    "CompactCheckedAccumulators",
    "CompactReadArbiter",
    "CompactStore",
    "SerialRequantizer",
]
