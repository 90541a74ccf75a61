"""Multipliers and adders, portable and made of FPGA primitives."""

from .adder_tree import AdderTree
from .carry_adder import CarryAdder, ChoosingAdder
from .flip_adder import FlipAdder
from .multiplier import TIMING, Multiplier
from .multiplier_pair import MultiplierPair
from .registered_product import MAX_FACTOR_BITS, RegisteredProduct, dsp_product

__all__ = [
    "MAX_FACTOR_BITS",
    "TIMING",
    "AdderTree",
    "CarryAdder",
    "ChoosingAdder",
    "FlipAdder",
    "Multiplier",
    "MultiplierPair",
    "RegisteredProduct",
    "dsp_product",
]
