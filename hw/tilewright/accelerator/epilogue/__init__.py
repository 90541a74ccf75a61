"""From int32 sums to results: bias, requantization, rounding, clamp."""

from .parameter_buffer import ParameterBuffer
from .requantizer import Requantizer
from .rounding import right_shift

__all__ = ["ParameterBuffer", "Requantizer", "right_shift"]
