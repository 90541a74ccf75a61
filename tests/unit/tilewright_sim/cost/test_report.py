"""Reports: what they add up to, what they refuse, and what a user sees."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from tilewright.base import DEVICES, TilewrightError, ToolError
from tilewright.cores import CORES
from tilewright.flows import Hierarchy, ReportTarget, read_hierarchy
from tilewright.flows.fpga import Area, DoesNotFitError, FpgaFlow, Placement, flow, placement
from tilewright.flows.fpga.area import check_fits
from tilewright.tile import TileConfig
from tilewright_sim.benchmarks.libraries import OSU018
from tilewright_sim.cli import main as cli
from tilewright_sim.cli.common import options as cli_options
from tilewright_sim.cost import measure, page

TINY = TileConfig(rows=2, cols=2, dot=2, activation_bits=4, weight_bits=4)


@pytest.mark.parametrize(
    ("target", "liberty", "words"),
    [
        ("asci", (), "nearest: asic"),
        ("ecp5-12k", (), "must be one of"),
        ("asic", (), "give --liberty"),
        ("ecp5", (OSU018,), "--liberty is for --target asic"),
    ],
)
def test_targets_that_are_none_are_refused(target, liberty, words):
    with pytest.raises(TilewrightError, match=words):
        ReportTarget.parse(target, liberty)


@pytest.mark.parametrize(
    ("core", "target", "options", "words"),
    [
        ("tile", "xc7", {"seeds": (1,)}, "nextpnr, which does not support the target xc7"),
        ("tile", "ecp5", {"energy": True}, "needs --target asic"),
        ("sdram", "asic", {"energy": True}, "choose a tile, the accelerator or a DMA engine"),
        ("tile", "ecp5", {"freq": 0.0}, "more than 0"),
        ("dma-reader", "ecp5", {"shapes": [(1, 1, 1)]}, "choose a tile or the accelerator"),
        ("tile", "ecp5", {"shapes": [(1, 0, 1)]}, "at least 1"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_runs(core, target, options, words):
    place = ReportTarget.parse(target, [OSU018] if target == "asic" else [])
    with pytest.raises(TilewrightError, match=words):
        measure(core, CORES[core].config.preset("small") if core == "tile" else CORES[core].config(),
                place, **options)  # fmt: skip


def test_a_design_that_does_not_fit_says_by_how_much():
    area = Area(lut4=9000, carry=0, ff=100, dsp=9, bram=3, multipliers=0)
    with pytest.raises(
        DoesNotFitError, match=r"9,000 LUT4 of 5,280 \(3,720 too many\), 9 DSP blocks of 8 \(1 too many\)"
    ):
        check_fits(area, DEVICES["ice40-up5k"])
    check_fits(area, DEVICES["ecp5-25k"])


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("nextpnr failed: ERROR: Unable to find a placement location for cell 'ram'", DoesNotFitError),
        ("nextpnr failed: ERROR: failed to find a route", DoesNotFitError),
        ("nextpnr is missing: run `pip install 'tilewright[timing]'`", ToolError),
    ],
)
def test_what_nextpnr_finds_no_place_for_does_not_fit(said, error, monkeypatch):
    def fail(*_):
        raise ToolError(said)

    monkeypatch.setattr(FpgaFlow, "synthesize", lambda *_: {})
    monkeypatch.setitem(flow.NEXTPNR, "ice40", SimpleNamespace(find=lambda: None, run=fail))
    with pytest.raises(error) as caught:
        next(FpgaFlow(CORES["tile"], TINY, "ice40-up5k").placements([1], 50.0))
    assert type(caught.value) is error
    assert said in str(caught.value)


@pytest.fixture(scope="module")
def areas():
    return FpgaFlow(CORES["dma-reader"], CORES["dma-reader"].config(), "ecp5").areas()


def test_areas_on_an_fpga_add_up_exactly(areas):
    for name in ("lut4", "carry", "ff", "dsp", "bram"):
        assert sum(getattr(m.area, name) for m in areas.modules) == getattr(areas.total, name)
    counters = next(m for m in areas.modules if m.name.endswith("/dma_counters"))
    assert counters.area.ff == 160  # five counters of 32 bits
    memory = next(m for m in areas.modules if m.name.endswith("/block_fifo/block_memory"))
    assert memory.area.bram == areas.total.bram > 0


def test_a_report_has_median_best_and_the_path_of_the_best_seed(areas, monkeypatch):
    monkeypatch.setattr(FpgaFlow, "areas", lambda _: areas)
    speed = {1: 100.0, 2: 140.0, 3: 120.0}

    def placements(self, seeds, goal):
        assert goal == 130
        for seed in seeds:
            yield Placement(
                seed, speed[seed], [{"component": "dma_reader", "signal": f"s{seed}", "kind": "logic", "ns": 1}]
            )

    monkeypatch.setattr(FpgaFlow, "placements", placements)
    config = CORES["dma-reader"].config()
    found = measure("dma-reader", config, "ecp5-45k", freq=130, seeds=(1, 2, 3))
    timing = found.to_dict()["timing"]
    assert (timing["fmax_mhz"], timing["best_mhz"], timing["met"], found.met) == (120, 140, True, True)
    assert timing["critical_path"][0]["signal"] == "s2"
    json.loads(json.dumps(found.to_dict()))
    assert "dma_reader on" not in page(found)
    assert "dma-reader on ecp5-45k" in page(found)
    speed |= {1: 90.0, 2: 100.0, 3: 80.0}
    assert not measure("dma-reader", config, "ecp5-45k", freq=130, seeds=(1, 2, 3)).met


def test_seeds_that_are_done_survive_an_interrupt(areas, monkeypatch):
    monkeypatch.setattr(FpgaFlow, "areas", lambda _: areas)

    def placements(self, seeds, goal):
        yield Placement(1, 100.0, [])
        raise KeyboardInterrupt

    monkeypatch.setattr(FpgaFlow, "placements", placements)
    found = measure("dma-reader", CORES["dma-reader"].config(), "ecp5-45k", seeds=(1, 2, 3))
    assert found.interrupted
    assert found.timing["seeds"] == {1: 100.0}
    assert "Interrupted: 1 of 3 seeds were placed." in found.notes


def test_instances_and_memories_are_read_from_the_verilog(tmp_path):
    (tmp_path / "top.v").write_text(
        "module top (\n  clk\n);\n  input clk;\n  top_core component (\n    .clk(clk)\n  );\nendmodule\n\n"
        "module top_core (\n  clk\n);\n  input clk;\n  reg [7:0] \\mem  [3:0];\n  top_part a (\n    .clk(clk)\n  );\n"
        "  top_part \\b$1  (\n    .clk(clk)\n  );\n  DP16KD #(\n    .X(1)\n  ) ram (\n    .A(clk)\n  );\nendmodule\n\n"
        "module top_part (\n  clk\n);\n  input clk;\nreg [3:0] m [1:0];\n  reg [3:0] n [1:0];\nendmodule\n"
    )
    found = read_hierarchy(tmp_path / "top.v", "top")
    assert found.kinds == {"top": "top", "top.a": "part", "top.b$1": "part"}
    assert found.memory_bits["top.a"] == 8
    assert found.branch("top.b$1") == "top/part"
    assert found.instance_of("component.a.signal") == "top.a"
    assert found.kind_at("other.v:3.1|top.v:29.3-29.5") == "part"


@pytest.mark.parametrize("text", ["64x64", "axbxc", "1x2x3x4"])
def test_a_shape_that_is_none_is_refused(text):
    done = CliRunner().invoke(cli.cli, ["report", "tile", "--shape", text])
    assert done.exit_code == 2
    assert "MxNxK" in done.stderr
    assert cli_options.SHAPE.convert("4x5x6", None, None) == (4, 5, 6)


@pytest.mark.parametrize(
    ("cell", "net", "want"),
    [
        ("design_under_test.component.a.total_TRELLIS_FF_Q_3", "", ("tile.a", "total")),
        ("design_under_test.component.a.b.sum_LUT4_Z_7_D_CCU2C_COUT", "", ("tile.a.b", "sum")),
        ("$nextpnr_CCU2C_3", "design_under_test.component.a.sum_LUT4_Z", ("tile.a", "sum")),
        ("s_axis_act_tdata_q_TRELLIS_FF_Q_1", "", ("ports", "s_axis_act_tdata")),
        ("design_under_test.component.a._12_SB_LUT4_O", "", ("tile.a", "")),
    ],
)
def test_cells_of_nextpnr_are_told_in_the_words_of_the_design(cell, net, want):
    hierarchy = Hierarchy("tile", "tile.v", {"tile": "tile", "tile.a": "a", "tile.a.b": "b"}, {}, [])
    assert placement._words(cell, net, hierarchy, "design_under_test") == want


@pytest.mark.parametrize("target", ["ice40-up5k", pytest.param("ecp5-25k", marks=pytest.mark.long)])
def test_a_tile_is_placed_and_its_slowest_path_lies_in_it(target):
    config = TileConfig(rows=1, cols=1, dot=1, activation_bits=4, weight_bits=4, multiplier="lut")
    (placed,) = FpgaFlow(CORES["tile"], config, target).placements([1], 50.0)
    assert placed.mhz > 20
    assert sum(step["ns"] for step in placed.path) == pytest.approx(1000 / placed.mhz, rel=0.05)
    assert any(step["component"].startswith("tile") for step in placed.path)
