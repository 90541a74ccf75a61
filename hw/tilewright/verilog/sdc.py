"""Timing constraints for the flow that processes the Verilog."""

from collections.abc import Sequence

from tilewright.base import Port

__all__ = ["CLOCK_MHZ", "timing_constraints"]

CLOCK_MHZ = 100
"""Target clock by default, in MHz."""


def timing_constraints(ports: Sequence[Port], clock_mhz: float = CLOCK_MHZ) -> str:
    """Return constraints in SDC for a core with these ports: one clock, and the share of it for external delays."""
    inputs = ["rst", *(port.name for port in ports if port.direction == "input")]
    outputs = [port.name for port in ports if port.direction == "output"]
    return "\n".join([
        "# One clock; change the period to your own, in ns.",
        f"set period {1000 / clock_mhz:g}",
        "create_clock -name clk -period $period [get_ports clk]",
        "# Ideal until a clock tree is built.",
        "set_clock_uncertainty [expr 0.02 * $period] [get_clocks clk]",
        "# What the rest of the chip takes of a cycle, before an input and behind an output.",
        *(f"set_input_delay [expr 0.4 * $period] -clock clk [get_ports {{{_bits(name, ports)}}}]" for name in inputs),
        *(f"set_output_delay [expr 0.4 * $period] -clock clk [get_ports {{{_bits(name, ports)}}}]" for name in outputs),
        "",
    ])


def _bits(name: str, ports: Sequence[Port]) -> str:
    """A port as SDC names it: all bits of a vector."""
    wide = any(port.name == name and len(port.value) > 1 for port in ports)
    return f"{name}[*]" if wide else name
