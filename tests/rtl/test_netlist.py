"""Yosys's netlists under the benches of the RTL, with the families' cells as Yosys's library models them.

On Icarus Verilog, which shows what no reset sets. Small configurations: a netlist runs some hundred times slower.
"""

import re
from functools import partial
from pathlib import Path

import pytest
from support.ice40_primitives import SHARE, ice40_models, untimed

from tilewright.base import Family
from tilewright.cores import CORES, Core
from tilewright.dma import DmaConfig
from tilewright.flows.fpga import SYNTHESIS
from tilewright.tile import TileConfig
from tilewright.tools import run_yosys
from tilewright_sim.benches import BENCHES
from tilewright_sim.verify import run_bench

TILE = TileConfig(rows=4, cols=2, dot=2, activation_bits=4, weight_bits=4, multiplier="lut")
# On iCE40 pairs of multipliers in DSP blocks, and one that is left over.
DSP = TileConfig(rows=3, cols=2, dot=3, multiplier="dsp")
DMA = DmaConfig(data_bits=32, max_burst=4, outstanding=2)


def ecp5_models(folder: Path) -> str:
    """Logic as Yosys models it; of multipliers and block memories it has no models, so these are the project's."""
    texts = [untimed((SHARE / "ecp5" / name).read_text()) for name in ("common_sim.vh", "ccu2c_sim.vh")]
    logic = without("TRELLIS_COMB", re.sub(r"^`include.*$", "", "\n".join(texts), flags=re.M))  # Icarus cannot read it
    return logic + without("CCU2C", (folder / "ecp5_models.v").read_text())


def without(module: str, text: str) -> str:
    return re.sub(rf"^module {module}\b.*?^endmodule$", "", text, flags=re.S | re.M)


CELLS_OF = {"ice40": ("SB_LUT4", "SB_DFF"), "ecp5": ("LUT4", "TRELLIS_FF")}


def netlist(family: Family, folder: Path, core: Core) -> list[Path]:
    """Synthesize what was generated; return the netlist and the models of its cells, without their timing."""
    script = [f"read_verilog {core.module}.v", f"{SYNTHESIS[family]} -top {core.module}"]
    run_yosys([*script, "write_verilog -noattr netlist.v"], folder)
    models = folder / "cells.v"
    models.write_text(ecp5_models(folder) if family == "ecp5" else ice40_models())
    text = (folder / "netlist.v").read_text()
    assert all(cell in text for cell in CELLS_OF[family])
    return [models, folder / "netlist.v"]


@pytest.mark.long
@pytest.mark.parametrize("family", CELLS_OF)
@pytest.mark.parametrize(("name", "config"), [("tile", TILE), ("tile", DSP), ("dma-reader", DMA), ("dma-writer", DMA)])
def test_the_netlist_passes_the_bench_of_the_rtl(name, config, family, tmp_path):
    run_bench(
        CORES[name], config, BENCHES[name], simulator="icarus", family=family, folder=tmp_path / "rtl",
        netlist=partial(netlist, family),
    )  # fmt: skip
