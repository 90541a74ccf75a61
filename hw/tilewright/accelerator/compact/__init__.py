"""The small counterparts of some components, for the variant ``compact``."""

from .read_arbiter import CompactRouter
from .serial_requantizer import SerialRequantizer
from .store import CompactStore

__all__ = ["CompactRouter", "CompactStore", "SerialRequantizer"]
