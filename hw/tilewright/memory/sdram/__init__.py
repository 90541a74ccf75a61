"""A controller for single-data-rate SDRAM behind AXI4."""

from .config import SdramConfig
from .controller import Sdram
from .pins import sdram_pins
from .ports import sdram_ports

__all__ = ["Sdram", "SdramConfig", "sdram_pins", "sdram_ports"]
