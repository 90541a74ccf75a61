"""Multipliers and adders, portable and made of FPGA primitives."""

from .adder_tree import AdderTree
from .carry_adder import CarryAdder, ChoosingAdder
from .flip_adder import FlipAdder
from .float32_adder import AdderOp, Float32Adder
from .float32_multiplier import Float32Multiplier
from .multiplier import TIMING, Multiplier
from .multiplier_pair import MultiplierPair
from .registered_product import MAX_FACTOR_BITS, RegisteredProduct, dsp_product

__all__ = [
    "MAX_FACTOR_BITS",
    "TIMING",
    "AdderOp",
    "AdderTree",
    "CarryAdder",
    "ChoosingAdder",
    "FlipAdder",
    "Float32Adder",
    "Float32Multiplier",
    "Multiplier",
    "MultiplierPair",
    "RegisteredProduct",
    "dsp_product",
]
