"""Descriptors, registers and errors: from the ring in memory to jobs for the engines."""

from .frontend import Frontend

__all__ = ["Frontend"]
