"""The vector engine: rows of float32 from memory, through lanes, back to memory."""

from .engine import VectorEngine

__all__ = ["VectorEngine"]
