"""The bench of each core, and the variables of the environment that tell it what to do."""

__all__ = ["BENCHES", "CONFIG_FILE", "COVERAGE_FILE", "EFFORT", "EFFORTS", "LONGEST"]

BENCHES = {
    "tile": "tilewright_sim.benches.tile",
    "dma-reader": "tilewright_sim.benches.dma_reader",
    "dma-writer": "tilewright_sim.benches.dma_writer",
    "accelerator": "tilewright_sim.benches.accelerator",
    "sdram": "tilewright_sim.benches.sdram",
}
"""The module of each core's bench."""
CONFIG_FILE = "TILEWRIGHT_CONFIG"
"""Variable with the path of the ``config.json`` that was written beside the Verilog."""
COVERAGE_FILE = "TILEWRIGHT_COVERAGE"
"""Variable with the path of a JSON file for the counts of functional coverage; without it none is written."""
EFFORT = "TILEWRIGHT_EFFORT"
"""Variable with one of `EFFORTS`: how much a bench does. Without it, ``default``."""
EFFORTS = ("quick", "default", "long")
LONGEST = "TILEWRIGHT_LONGEST"
"""Variable with the largest random size of matrices, rows that are moved, and packets; without it there is none."""
