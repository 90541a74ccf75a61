"""Panel and ring in, sums in the accumulators: the feeders around the tile."""

from .execute import Execute

__all__ = ["Execute"]
