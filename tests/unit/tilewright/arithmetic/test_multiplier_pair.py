"""Pairs of multipliers in DSP blocks of an iCE40: what synthesis makes of them.

What they compute is in `tests/rtl/test_netlist.py` and `tests/system/test_board.py`, after synthesis.
"""

import json

import pytest

from tilewright.boards import BOARDS, BoardConfig
from tilewright.cores import CORES
from tilewright.flows.fpga import SYNTHESIS
from tilewright.flows.fpga.surroundings import on_board
from tilewright.tile import TileConfig
from tilewright.tools import run_yosys
from tilewright.verilog import generate

TILE = TileConfig(rows=4, cols=1, dot=2, multiplier="dsp")
# Yosys's own pass for these blocks makes them 0 and 0, and 1 and 2 into 3 and 3.
PARAMETERS = {"MODE_8x8": 1, "A_REG": 1, "B_REG": 1, "TOPOUTPUT_SELECT": 1, "TOPADDSUB_LOWERINPUT": 1}


@pytest.mark.parametrize("options", ["", on_board(BOARDS["icebreaker"], BoardConfig.preset("icebreaker")).synthesis])
def test_synthesis_leaves_their_parameters_alone(options, tmp_path):
    generate(CORES["tile"], TILE, tmp_path, "ice40")
    run_yosys(["read_verilog tile.v", f"{SYNTHESIS['ice40']} {options} -top tile", "write_json netlist.json"], tmp_path)
    cells = json.loads((tmp_path / "netlist.json").read_text())["modules"]["tile"]["cells"].values()
    blocks = [cell["parameters"] for cell in cells if cell["type"] == "SB_MAC16"]
    assert len(blocks) == 2
    for block in blocks:
        assert {name: int(block[name], 2) for name in PARAMETERS} == PARAMETERS


def test_the_verilog_explains_how_to_synthesize_them(tmp_path):
    generate(CORES["tile"], TILE, tmp_path, "ice40")
    assert "without `-dsp`" in (tmp_path / "tile.v").read_text().split("module", 1)[0]
    generate(CORES["tile"], TILE, tmp_path, "ecp5")
    assert "-dsp" not in (tmp_path / "tile.v").read_text()
