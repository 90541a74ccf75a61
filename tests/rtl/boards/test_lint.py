"""Verilog of the boards' systems: clean in two linters."""

import pytest
from rtl.tile.test_lint import complaints, slang

from tilewright.boards import BoardConfig
from tilewright.cores import BOARD
from tilewright.verilog import generate


# The iCE40's own cells have no models that a linter could read.
@pytest.mark.parametrize(
    ("preset", "family"),
    [
        ("icebreaker", "generic"),
        pytest.param("colorlight-i5", "ecp5", marks=pytest.mark.long),
        pytest.param("colorlight-i5", "xc7", marks=pytest.mark.long),
        pytest.param("ulx3s-85f", "ecp5", marks=pytest.mark.long),
        pytest.param("tang-nano-20k", "gowin", marks=pytest.mark.long),
    ],
)
def test_verilog_of_boards_is_clean(preset, family, tmp_path):
    files = generate(BOARD, BoardConfig.preset(preset), tmp_path, family)
    sources = [path.name for path in files if path.suffix == ".v"]
    assert complaints(["verilator", "--lint-only", "-Wall", "--top-module", "board", *sources], tmp_path) == ""
    assert slang(sources, "board", tmp_path) == {}
    assert complaints(["iverilog", "-g2005", "-Wall", "-s", "board", "-o", "board.vvp", *sources], tmp_path) == ""
