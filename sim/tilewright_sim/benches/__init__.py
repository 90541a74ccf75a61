"""The cocotb benches of the cores: each runs on the Verilog of any configuration that its core accepts.

A bench reads the configuration from the ``config.json`` next to the Verilog (see `setup`).
"""

from .variables import BENCHES, CONFIG_FILE, COVERAGE_FILE, EFFORT, EFFORTS, LONGEST

__all__ = ["BENCHES", "CONFIG_FILE", "COVERAGE_FILE", "EFFORT", "EFFORTS", "LONGEST"]
