"""Names that options of the command line take, apart from what they stand for, which needs more packages."""

__all__ = ["BENCHES", "WORKLOADS"]

BENCHES = ("tile", "dma", "gemm", "report", "configurations", "llm", "board")
"""Tables of figures in the README; see `bench.BENCHES`."""
WORKLOADS = ("random", "zeros", "digits")
"""What a netlist computes while its power is measured; see `power.workload`."""
