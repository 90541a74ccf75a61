"""The bench of each core, and the environment variables that control it."""

__all__ = ["BENCHES", "CONFIG_FILE", "COVERAGE_FILE", "EFFORT", "EFFORTS", "LONGEST"]

BENCHES = {
    "tile": "tilewright_sim.benches.tile",
    "block-tile": "tilewright_sim.benches.block_tile",
    "dma-reader": "tilewright_sim.benches.dma_reader",
    "dma-writer": "tilewright_sim.benches.dma_writer",
    "accelerator": "tilewright_sim.benches.accelerator",
    "sdram": "tilewright_sim.benches.sdram",
}
"""The module of each core's bench."""
CONFIG_FILE = "TILEWRIGHT_CONFIG"
"""Variable with the path of the ``config.json`` next to the Verilog."""
COVERAGE_FILE = "TILEWRIGHT_COVERAGE"
"""Variable with the path of a JSON file for the counts of functional coverage; optional."""
EFFORT = "TILEWRIGHT_EFFORT"
"""Variable with one of `EFFORTS`, the amount of work of a bench; ``default`` if it is not set."""
EFFORTS = ("quick", "default", "long")
LONGEST = "TILEWRIGHT_LONGEST"
"""Variable with the limit of random sizes of matrices, DMA rows and packets; no limit if it is not set."""
