"""2-D AXI4 DMA engines: bursts are planned, words realigned, responses accounted for."""

from .config import Cause, DmaConfig, response_cause
from .ports import reader_ports, writer_ports
from .reader import DmaReader
from .writer import DmaWriter

__all__ = ["Cause", "DmaConfig", "DmaReader", "DmaWriter", "reader_ports", "response_cause", "writer_ports"]
