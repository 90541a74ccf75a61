"""Bitstreams of SoCs: which placement is taken, and what is refused; without the tools themselves."""

import json

import pytest

from tilewright.base import TilewrightError, ToolError
from tilewright.flows.fpga import DoesNotFitError
from tilewright.litex import SOC_BOARDS, build_soc_bitstream
from tilewright.tools import WheelTool

BOARD = SOC_BOARDS["ulx3s-85f"]
FILES = {"soc.v": "module soc; endmodule\n", "soc.lpf": ""}


@pytest.fixture
def tools(monkeypatch):
    """Stand-ins for the tools; the clock of seed n allows 46 + 2n MHz of 50."""
    calls = []

    def run(tool, arguments, folder):
        calls.append((tool.name, arguments))
        if tool.name == "nextpnr":
            seed = int(arguments[arguments.index("--seed") + 1])
            fmax = {
                "sys": {"achieved": 46.0 + 2 * seed, "constraint": 50.0},
                "x2": {"achieved": 300, "constraint": 100},
            }
            report = {"fmax": fmax, "utilization": {"DP16KD": {"used": 20, "available": 208}}}
            (folder / "report.json").write_text(json.dumps(report))
        if tool.name == "ecppack":
            (folder / "packed").write_bytes(b"bits")

    monkeypatch.setattr(WheelTool, "run", run)
    return calls


def test_the_first_seed_that_meets_all_clocks_is_packed(tools):
    steps = []
    built = build_soc_bitstream(BOARD, FILES, "soc", [1, 2, 3], steps.append)
    assert (built.seed, built.bitstream, built.clocks["sys"]) == (2, b"bits", (50.0, 50.0))
    assert [name for name, _ in tools] == ["Yosys", "nextpnr", "nextpnr", "ecppack"]
    assert len(steps) == 4


def test_missed_timing_names_the_clock_and_packs_nothing(tools):
    with pytest.raises(TilewrightError, match=r"misses timing in 1 tries: sys 48.0 MHz of 50; try more --seeds"):
        build_soc_bitstream(BOARD, FILES, "soc", [1])
    assert "ecppack" not in [name for name, _ in tools]


def test_a_design_that_does_not_fit_is_told_with_its_chip(monkeypatch):
    def run(tool, arguments, folder):
        if tool.name == "nextpnr":
            raise ToolError("nextpnr failed: ERROR: Unable to place cell 'x', no BELs remaining")

    monkeypatch.setattr(WheelTool, "run", run)
    with pytest.raises(DoesNotFitError, match=r"the design does not fit ecp5-85k .*no BELs remaining"):
        build_soc_bitstream(BOARD, FILES, "soc", [1])


def test_a_missing_tool_is_told_first(monkeypatch):
    monkeypatch.setattr(WheelTool, "installed", False)
    with pytest.raises(ToolError, match=r"Yosys is missing: run `pip install 'tilewright\[soc\]'`"):
        build_soc_bitstream(BOARD, FILES, "soc", [1])
