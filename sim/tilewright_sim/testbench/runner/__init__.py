"""Run cocotb benches on generated Verilog, in Verilator, Icarus Verilog or another simulator that cocotb knows."""

from .bench_run import BenchRun, locked
from .results import BenchResult, TestResult, plain_text, read_results
from .simulation import Simulation
from .simulators import SIMULATORS, simulator_environment

__all__ = [
    "SIMULATORS", "BenchResult", "BenchRun", "Simulation", "TestResult", "locked", "plain_text", "read_results",
    "simulator_environment",
]  # fmt: skip
