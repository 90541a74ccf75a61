"""The rows of the card, in its order."""

from .campaigns import Ecc, Faults, Functional, Random
from .mutants import Mutants
from .named_tests import Proofs, ThirdSimulator, XPropagation
from .netlist_mutants import NetlistMutants
from .row import Row
from .rtl import Coverage

__all__ = ["ROWS", "Row"]

ROWS: list[type[Row]] = [
    Coverage, Functional, Mutants, NetlistMutants, Random, Faults, Ecc, ThirdSimulator, XPropagation, Proofs,
]  # fmt: skip
