"""Multipliers and adders, portable and made of FPGA primitives."""

from .adder_tree import AdderTree
from .carry_adder import CarryAdder
from .flip_adder import FlipAdder
from .multiplier import TIMING, Multiplier
from .multiplier_pair import MultiplierPair
from .registered_product import RegisteredProduct

__all__ = ["TIMING", "AdderTree", "CarryAdder", "FlipAdder", "Multiplier", "MultiplierPair", "RegisteredProduct"]
