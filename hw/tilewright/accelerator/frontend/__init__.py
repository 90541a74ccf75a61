"""Descriptors, registers and errors: from the ring in memory to jobs for the engines."""

from .flipped_bits_log import FlippedBitsLog
from .frontend import Frontend

__all__ = ["FlippedBitsLog", "Frontend"]
