"""Cycles of the accelerator without simulating it."""

from .estimator import Estimate, bus_cycles, estimate, traffic
from .shape import Bus, Gemm, Shape, split_gemm

__all__ = ["Bus", "Estimate", "Gemm", "Shape", "bus_cycles", "estimate", "split_gemm", "traffic"]
