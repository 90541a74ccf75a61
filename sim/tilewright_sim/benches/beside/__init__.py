"""Files to write next to the Verilog: a makefile for the benches, and assertions to bind.

This is a separate package because it imports every core, which the benches inside the simulator do not need.
"""

from .checks import bound_checks, checks_parameters, checks_text
from .makefile import makefile

__all__ = ["bound_checks", "checks_parameters", "checks_text", "makefile"]
