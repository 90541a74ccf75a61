"""Building blocks of cocotb benches, which run inside the Verilog simulator."""

from .axi_memory import AxiMemory
from .streams import (
    Beat,
    Sink,
    Source,
    Stall,
    cycle,
    cycles,
    never,
    randomly,
    reset,
    spread,
    start,
    written_word,
)

__all__ = [
    "AxiMemory", "Beat", "Sink", "Source", "Stall", "cycle", "cycles", "never", "randomly", "reset",
    "spread", "start", "written_word",
]  # fmt: skip
