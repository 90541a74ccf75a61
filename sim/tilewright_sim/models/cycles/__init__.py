"""Cycles of the accelerator without simulating it."""

from .estimator import Estimate, bus_cycles, estimate, traffic
from .queue_model import QueueModel
from .shape import Bus, Gemm, Shape, split_gemm
from .vector_job import VectorJob

__all__ = [
    "Bus",
    "Estimate",
    "Gemm",
    "QueueModel",
    "Shape",
    "VectorJob",
    "bus_cycles",
    "estimate",
    "split_gemm",
    "traffic",
]
