"""What is written beside the Verilog: a makefile for the benches, and assertions to bind.

A room of its own, because the benches run inside the simulator and need none of it: it imports every core.
"""

from .makefile import bound_checks, makefile

__all__ = ["bound_checks", "makefile"]
