"""The engine that drains the accumulators and writes C."""

from .store import Store

__all__ = ["Store"]
