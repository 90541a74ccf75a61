"""Reports on standard cells: area, timing, and power from a run of the RTL."""

import contextlib
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError, ToolError
from tilewright.cores import CORES
from tilewright.dma import DmaConfig
from tilewright.flows import ReportTarget
from tilewright.flows.asic import AsicFlow, adder_cells, find_flop, map_verilog, opensta, read_libraries
from tilewright.flows.asic import flow as asic_flow
from tilewright.flows.asic.flow import area_of_cells
from tilewright.tile import TileConfig
from tilewright_sim.benchmarks import report as bench_report
from tilewright_sim.benchmarks.libraries import OSU018, libraries
from tilewright_sim.cli import main as cli
from tilewright_sim.cost import harness, measure, power
from tilewright_sim.cost.harness import HARNESSES
from tilewright_sim.cost.recording import Recording
from tilewright_sim.cost.tables import summary
from tilewright_sim.cost.toggles import expression, replay, wanted_signals
from tilewright_sim.cost.workloads import workload
from tilewright_sim.models.cycles import Bus

TINY = TileConfig(rows=2, cols=2, dot=2, activation_bits=4, weight_bits=4)
ENGINE = DmaConfig(data_bits=32, max_burst=4, outstanding=2, length_bits=8, stride_bits=8, counter_bits=8)
needs_cells = pytest.mark.skipif(
    not OSU018.exists() or not shutil.which("sta"), reason="needs opensta and qflow-tech-osu018"
)


@pytest.fixture(scope="module")
def osu():
    return ReportTarget.parse("asic", [OSU018])


@pytest.fixture(scope="module")
def mapped(osu, tmp_path_factory):
    """The tiny tile in cells, with what a run on random data and on zeros takes."""
    folder = tmp_path_factory.mktemp("mapped")
    design = AsicFlow(CORES["tile"], TINY, osu).synthesize(folder, 100.0)
    runs = {
        name: power.measure_power(CORES["tile"], TINY, design, workload(name, (16, 8, 8), (4, 4)))
        for name in ("random", "zeros")
    }
    return design.netlist, design.timing, runs


@needs_cells
def test_power_depends_on_the_data(mapped):
    _, _, runs = mapped
    assert runs["random"]["pj_per_mac"] > 1.5 * runs["zeros"]["pj_per_mac"] > 0
    assert runs["random"]["switching_mw"] > 5 * runs["zeros"]["switching_mw"]
    assert runs["random"]["leakage_mw"] == pytest.approx(runs["zeros"]["leakage_mw"])


@needs_cells
def test_power_by_module_adds_up_and_energy_follows_from_it(mapped):
    _, _, runs = mapped
    found = runs["random"]
    assert sum(m["total_mw"] for m in found["modules"]) == pytest.approx(found["total_mw"])
    seconds = found["cycles"] / (found["clock_mhz"] * 1e6)
    assert found["macs"] == 16 * 8 * 8
    assert found["pj_per_mac"] == pytest.approx(found["total_mw"] * 1e-3 * seconds / found["macs"] * 1e12)


@needs_cells
def test_every_register_of_the_netlist_was_compared_with_the_rtl(mapped):
    netlist, _, runs = mapped
    flops = sum(cell["type"] == netlist.flop.cell.name for cell in netlist.module["cells"].values())
    assert runs["random"]["registers_compared"] == flops > 50


@needs_cells
def test_a_wrong_netlist_is_noticed(mapped):
    netlist, _, _ = mapped
    work = workload("random", (16, 8, 8), (4, 4))
    run = HARNESSES["tile"].record(TINY, netlist.top, wanted_signals(netlist), work, Bus())
    cell = next(c for c in netlist.module["cells"].values() if c["type"] == "FAX1")
    wires = cell["connections"]
    wires["YC"], wires["YS"] = wires["YS"], wires["YC"]
    try:
        with pytest.raises(TilewrightError, match="differs from the RTL"):
            replay(netlist, run.recording, run.window)
    finally:
        wires["YC"], wires["YS"] = wires["YS"], wires["YC"]


@needs_cells
@pytest.mark.parametrize("core", ["dma-reader", pytest.param("dma-writer", marks=pytest.mark.long)])
def test_power_of_a_dma_engine_is_told_by_the_byte_and_depends_on_the_data(core, osu, tmp_path):
    design = AsicFlow(CORES[core], ENGINE, osu).synthesize(tmp_path)
    netlist, bus = design.netlist, Bus(latency=8)
    runs = {
        name: power.measure_power(CORES[core], ENGINE, design, workload(name, (16, 9, 30)), bus)
        for name in ("random", "zeros")
    }
    random, zeros = runs["random"], runs["zeros"]
    flops = sum(cell["type"] == netlist.flop.cell.name for cell in netlist.module["cells"].values())
    assert random["registers_compared"] == flops
    assert random["pj_per_byte"] > 1.04 * zeros["pj_per_byte"] > 0
    assert random["bytes"] == (16 + 9) * 30
    assert random["energy_nj"] == pytest.approx(random["pj_per_byte"] * random["bytes"] / 1000)
    assert 0.4 < random["utilisation"] == random["bytes"] / random["cycles"] / 4 < 1
    for part in ("dma_counters", "burst_planner"):  # which see no data
        both = [next(m["total_mw"] for m in run["modules"] if m["name"].endswith(part)) for run in (random, zeros)]
        assert both[0] == pytest.approx(both[1])
    assert "pJ per byte" in summary(random)


def test_an_accelerator_is_recorded_from_doorbell_to_interrupt_behind_the_memory_asked_for(monkeypatch):
    asked = {}

    class Chip(contextlib.nullcontext):
        simulated = SimpleNamespace(doorbells=[5], status=SimpleNamespace(interrupt_cycle=90))

        def __init__(self, config, **options):
            super().__init__(self)
            asked.update(options)

        def gemm(self, a, b):
            asked["gemm"] = len(a), len(b)

    monkeypatch.setattr(harness, "Simulator", Chip)
    monkeypatch.setattr(harness, "read_recording", lambda *_: Recording(80, {}))
    config, core = AcceleratorConfig.preset("nano"), CORES["accelerator"]
    work = workload("random", (3, 4, 5))
    run = HARNESSES[core.name].record(config, core.module, set(), work, Bus(latency=7, bandwidth=0.5))
    assert (run.window, run.work, core.work.per_cycle(config)) == (range(5, 80), 60, 16)
    assert (asked["latency"], asked["bandwidth"], asked["gemm"]) == (7, 0.5, (3, 4))


@needs_cells
def test_areas_of_modules_add_up_and_memories_are_extra(mapped):
    netlist, _, _ = mapped
    found = area_of_cells(netlist, 4, 2.0)
    for name in ("cell_um2", "ff", "gate_equivalents"):
        assert sum(m[name] for m in found["modules"]) == pytest.approx(found["total"][name], rel=1e-9)
    assert found["um2_per_multiplier"] == found["total"]["cell_um2"] / 4
    flops = sum(cell["type"] == netlist.flop.cell.name for cell in netlist.module["cells"].values())
    assert found["total"]["ff"] == flops < len(netlist.module["cells"])
    assert found["total"]["cell_um2"] == pytest.approx(netlist.cell_area)
    assert found["total"]["memory_um2"] == 0


@needs_cells
def test_the_critical_path_is_named_by_component_and_signal(mapped):
    _, timing, _ = mapped
    assert timing.slack_ns > 0
    assert timing.fmax_mhz > 100
    assert all(step.component == "outside" or step.component.startswith("tile") for step in timing.path)
    assert timing.path[-1].signal
    assert not any(re.fullmatch(r"n?\d+|_\d+_", step.signal) for step in timing.path)


@needs_cells
def test_a_memory_is_bits_and_never_flip_flops(osu, tmp_path):
    (tmp_path / "ram.v").write_text(
        "module ram (\n  input wire clk,\n  input wire we,\n  input wire [3:0] row,\n  input wire [7:0] d,\n"
        "  output reg [7:0] q\n);\n  reg [7:0] cells [15:0];\n"
        "  always @(posedge clk) begin\n    if (we) cells[row] <= d;\n    q <= cells[row];\n  end\nendmodule\n"
    )
    library = read_libraries(osu.liberty)
    netlist = map_verilog(tmp_path, "ram", library, find_flop(library), adder_cells(library))
    found = area_of_cells(netlist, 0, 3.0)["total"]
    assert found["memory_bits"] == 128
    assert found["memory_um2"] == 384
    assert found["ff"] <= 16  # its output, and what tells a read of the row just written


@needs_cells
def test_the_command_writes_a_page_an_sdc_and_a_netlist_and_missed_timing_is_status_1(tmp_path):
    arguments = ["report", "tile", "--target", "asic", "--liberty", str(OSU018), "--freq", "5000", "--html"]
    arguments += [str(tmp_path / "r.html"), "-o", str(tmp_path / "out")]
    arguments += [f"--set={name}={getattr(TINY, name)}" for name in ("rows", "cols", "dot")]
    arguments += ["--set=activation_bits=4", "--set=weight_bits=4"]
    done = CliRunner().invoke(cli.cli, arguments, standalone_mode=False)
    assert done.return_value == 1
    assert "TIMING MISSED" in done.stdout
    assert "timing missed: 5000 MHz asked for" in done.stderr
    text = (tmp_path / "r.html").read_text()
    assert "TIMING MISSED" in text
    assert not re.search(r"<script[^>]+src=|<link|@import|<img", text.partition("<body>")[2]), "it opens offline"
    assert "<script src" not in text.partition("</style>")[2][:100]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"tile.v", "tile.sdc", "tile_netlist.v"} <= names
    assert "set period 0.2" in (tmp_path / "out" / "tile.sdc").read_text()


def test_opensta_missing_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(opensta.shutil, "which", lambda _: None)
    with pytest.raises(ToolError, match="apt-get install opensta"):
        opensta.run_opensta(None, tmp_path, "x.tcl", [], "x.v", "")


@needs_cells
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["tile", "--power", "--shape", "9999999x9999999x9999999"], "more than 200,000 cycles"),
        (["dma-reader", "--power", "--set", "length_bits=4", "--matrices", "m.npy", "m.npy"], "length_bits = 4"),
        (["dma-writer", "--power", "--matrices", "long.npy", "m.npy"], "more than 200,000 cycles"),
        (["tile", "--latency", "-1"], "--latency"),
        (["tile", "--html", "m.npy/page.html"], "m.npy is a file"),
        (["tile", "-o", "m.npy"], "m.npy is a file"),
    ],
)
def test_mistakes_are_found_before_anything_is_mapped(options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("m.npy", np.zeros((4, 100), np.int8))
    np.save("long.npy", np.zeros((200_000, 100), np.int8))
    monkeypatch.setattr(AsicFlow, "synthesize", lambda *_: pytest.fail("mapped"))
    done = CliRunner().invoke(cli.cli, ["report", *options, "--target", "asic", "--liberty", str(OSU018)])
    assert words in (str(done.exception) if isinstance(done.exception, TilewrightError) else done.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.npy", "m.npy"]


@needs_cells
def test_opensta_is_missed_before_anything_is_mapped(osu, monkeypatch):
    monkeypatch.setattr(opensta.shutil, "which", lambda _: None)
    monkeypatch.setattr(asic_flow, "map_to_cells", lambda *_, **__: pytest.fail("mapped"))
    with pytest.raises(ToolError, match="apt-get install opensta"):
        measure("tile", TINY, osu)


def test_liberty_functions_become_python():
    names = {"p_A": 1, "p_B": 0, "p_C": 1}
    for function, want in [("!A + (B C)'", 1), ("A'", 0), ("(A ^ B) C", 1), ("!(A * C) | B", 0), ("1", 1)]:
        assert eval(expression(function), {}, names) == want


@pytest.mark.long
@pytest.mark.skipif("asap7" not in libraries(), reason="set TILEWRIGHT_PDK to a folder that holds asap7")
def test_the_tile_on_asap7_meets_its_targets():
    target = ReportTarget.parse("asic", libraries()["asap7"])
    found = measure("tile", TileConfig.preset("small"), target, freq=1000, energy=True)
    assert found.met
    assert found.area["um2_per_multiplier"] <= 50
    assert found.power["pj_per_mac"] <= 0.25


@pytest.mark.long
@pytest.mark.parametrize("name", ["osu018", "asap7", "sg13g2"])
def test_the_tile_takes_less_than_a_naive_array(name):
    if name not in libraries():
        pytest.skip("set TILEWRIGHT_PDK, or install qflow-tech-osu018")
    row = bench_report._against_naive(name, libraries()[name])
    assert row.met, row.result
