"""Number formats."""

from .accumulator import ACCUMULATOR_BITS, EXPONENT_STEP, LARGEST_WEIGHT, LONGEST_K, guard_bits, shared_block
from .block import FORMATS, BlockFormat
from .element import E2M1, E2M3, INT4, INT8, UINT4, ElementFormat, minifloat
from .integer import product_sum_bits, signed_bits
from .scale import E4M3, E8M0, FP16, ONE, UE5M3, ScaleFormat, ScaleParts

__all__ = [
    "ACCUMULATOR_BITS",
    "E2M1",
    "E2M3",
    "E4M3",
    "E8M0",
    "EXPONENT_STEP",
    "FORMATS",
    "FP16",
    "INT4",
    "INT8",
    "LARGEST_WEIGHT",
    "LONGEST_K",
    "ONE",
    "UE5M3",
    "UINT4",
    "BlockFormat",
    "ElementFormat",
    "ScaleFormat",
    "ScaleParts",
    "guard_bits",
    "minifloat",
    "product_sum_bits",
    "shared_block",
    "signed_bits",
]
