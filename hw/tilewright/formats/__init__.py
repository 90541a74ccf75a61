"""Number formats."""

from .integer import product_sum_bits

__all__ = ["product_sum_bits"]
