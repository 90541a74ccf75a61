"""Cycles of the accelerator without simulating it."""

from .estimator import Estimate, estimate, traffic
from .shape import Bus, Gemm, Shape, split_gemm

__all__ = ["Bus", "Estimate", "Gemm", "Shape", "estimate", "split_gemm", "traffic"]
