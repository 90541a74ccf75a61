"""An accelerator on a board at a serial port."""

from .board import Board
from .device import SerialDevice

__all__ = ["Board", "SerialDevice"]
