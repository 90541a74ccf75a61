"""Cycles without simulating."""

from .estimator import Estimate, estimate, traffic
from .queue_model import Bus, Gemm, Shape

__all__ = ["Bus", "Estimate", "Gemm", "Shape", "estimate", "traffic"]
