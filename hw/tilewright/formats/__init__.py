"""Number formats."""

from .element import ELEMENTS, INT8, ElementFormat
from .integer import product_sum_bits

__all__ = ["ELEMENTS", "INT8", "ElementFormat", "product_sum_bits"]
