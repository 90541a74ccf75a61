"""The Verilog of the tile with block scales: clean in each linter, and equal to the golden model."""

import pytest
from rtl.tile.test_lint import complaints, slang

from tilewright.block_tile import BlockTileConfig
from tilewright.cores import CORES
from tilewright.verilog import generate
from tilewright_sim.benches import BENCHES
from tilewright_sim.verify import run_bench

CORE = CORES["block-tile"]
SMALL = BlockTileConfig.preset("nvfp4", acc_rows=16, multiplier="infer")


@pytest.mark.parametrize(
    ("config", "family"),
    [
        (SMALL, "generic"),
        *(
            pytest.param(BlockTileConfig.preset(name), "ecp5", marks=pytest.mark.long)
            for name in BlockTileConfig.PRESETS
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.b.name,
)
def test_verilog_is_clean(config, family, tmp_path):
    files = generate(CORE, config, tmp_path, family)
    sources = [path.name for path in files if path.suffix == ".v"]
    assert complaints(["verilator", "--lint-only", "-Wall", "--top-module", "block_tile", *sources], tmp_path) == ""
    icarus = ["iverilog", "-g2005", "-Wall", "-s", "block_tile", "-o", "block_tile.vvp", *sources]
    assert slang(sources, "block_tile", tmp_path) == {}
    assert complaints(icarus, tmp_path) == ""


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "family", "simulator"),
    [
        ("q4_1", "ecp5", "verilator"),
        ("q4_1", "generic", "icarus"),
        ("q8_0", "generic", "verilator"),
        ("mxfp4", "ecp5", "verilator"),
        ("nvfp4", "generic", "icarus"),
    ],
)
def test_block_tile_equals_golden(name, family, simulator):
    config = BlockTileConfig.preset(name, acc_rows=16)
    run_bench(CORE, config, BENCHES["block-tile"], simulator=simulator, family=family, effort="quick")
