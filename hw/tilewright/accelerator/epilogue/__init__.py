"""From int32 sums to results: bias, requantization, rounding, clamp."""

from .parameter_buffer import ParameterStore
from .requantizer import Requantizer
from .rounding import clamp, right_shift

__all__ = ["ParameterStore", "Requantizer", "clamp", "right_shift"]
