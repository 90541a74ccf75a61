"""The flow on FPGAs: what the tools are given for a core on its own and on a board."""

import json

import pytest

from tilewright.boards import BOARDS, BoardConfig
from tilewright.cores import BOARD, CORES
from tilewright.flows import Hierarchy, ReportTarget
from tilewright.flows.fpga import FpgaFlow, Placement, flow
from tilewright.flows.fpga.area import check_fits, total_area
from tilewright.flows.fpga.placement import read_placement, timing_of
from tilewright.flows.fpga.surroundings import alone, on_board, out_of_context
from tilewright.tile import TileConfig
from tilewright.tools import wheels

TILE = TileConfig(rows=1, cols=1, dot=1)
PORTS = [
    {"name": "clk", "direction": "input", "bits": 1},
    {"name": "a", "direction": "input", "bits": 4},
    {"name": "b", "direction": "output", "bits": 2},
]
REPORT = {"fmax": {"fast": {"achieved": 90.0}, "slow": {"achieved": 70.0}},
          "utilization": {"LUT": {"used": 3, "available": 9}, "PLL": {"used": 0, "available": 2},
                          "PAD": {"used": 4, "available": 0}}}  # fmt: skip


@pytest.fixture
def tools(monkeypatch, tmp_path):
    """Tools that take no time; returns what they were given."""
    given = []

    def run_yosys(script, folder):
        given.append(script)
        (folder / "netlist.json").write_text(json.dumps({"modules": {script[1].split()[-1]: {"cells": {}}}}))

    def run(tool, arguments, folder):
        given.append(arguments)
        (folder / "report.json").write_text(json.dumps(REPORT))

    monkeypatch.setattr(flow, "run_yosys", run_yosys)
    monkeypatch.setattr(wheels.WheelTool, "run", run)
    for core in ("tile", "board"):
        (tmp_path / f"{core}.v").write_text(f"module {core} (\n);\nendmodule\n")
    return given


def test_a_core_out_of_context_is_placed_on_the_device_of_the_table(tools, tmp_path):
    flow = FpgaFlow(CORES["tile"], TILE, "ecp5-45k")
    around = out_of_context(CORES["tile"], PORTS, "ecp5")
    flow.synthesize(tmp_path, around)
    placed = flow.place(tmp_path, around, 7, 33.5)
    assert tools[0] == ["read_verilog tile.v registered.v", "synth_ecp5 -top registered", "write_json netlist.json"]
    assert tools[1] == [
        "-q", "--45k", "--package", "CABGA554", "--speed", "6", "--out-of-context", "--lpf-allow-unconstrained",
        "--freq", "33.5", "--timing-allow-fail", "--seed", "7", "--json", "netlist.json", "--report", "report.json",
    ]  # fmt: skip
    assert (placed.seed, placed.mhz, placed.used, placed.available) == (7, 70.0, {"LUT": 3}, {"LUT": 9})


@pytest.mark.parametrize(
    ("name", "device", "pins", "packer"),
    [
        ("ulx3s-85f", ["--85k", "--package", "CABGA381", "--speed", "6"], ["--lpf", "pins", "--textcfg", "routed"],
         ["--compress", "--input", "routed", "--bit", "packed"]),
        ("icebreaker", ["--up5k", "--package", "sg48"], ["--pcf", "pins", "--asc", "routed"], ["routed", "packed"]),
        ("tang-nano-20k", ["--device", "GW2AR-LV18QN88C8/I7", "--vopt", "family=GW2A-18C", "--freq", "100.0"],
         ["--vopt", "cst=pins", "--write", "routed"], ["-d", "GW2A-18C", "-o", "packed", "routed"]),
    ],
)  # fmt: skip
def test_a_board_is_placed_in_its_package_with_its_pins(name, device, pins, packer, tools, tmp_path):
    board, config = BOARDS[name], BoardConfig.preset(name)
    flow = FpgaFlow(BOARD, config, ReportTarget(board.device.family, board.device))
    around = on_board(board, config)
    flow.synthesize(tmp_path, around)
    flow.place(tmp_path, around, 1, 80.0)
    assert flow.pack(tmp_path) == tmp_path / "packed"
    assert tools[0][0] == "read_verilog board.v top.v"
    assert tools[1][1 : len(device) + 1] == device
    assert tools[1][-len(pins) :] == pins
    assert (tmp_path / "pins").read_bytes() == board.constraints.read_bytes()
    assert tools[2] == packer


@pytest.mark.parametrize("name", ["ulx3s-85f", "icebreaker", "tang-nano-20k"])
def test_the_area_counts_every_kind_of_cell_of_a_board_top(name, tmp_path):
    board, config = BOARDS[name], BoardConfig.preset(name)
    ports = [("input", "clk", 1), ("input", "rst", 1)]
    ports += [(port.direction, port.name, len(port.value)) for port in BOARD.ports_of(config)]
    lines = [f"{direction} reg [{bits - 1}:0] {port}" for direction, port, bits in ports]
    header = ", ".join(lines).replace("input reg", "input")
    outputs = [port for direction, port, _ in ports if direction == "output"]
    body = [f"always @(posedge clk) if (rst) {port} <= 0; else {port} <= {port} + rx;" for port in outputs]
    (tmp_path / "board.v").write_text(f"module board ({header});\n" + "\n".join(body) + "\nendmodule\n")
    flow = FpgaFlow(BOARD, config, ReportTarget(board.device.family, board.device))
    area = total_area(flow.synthesize(tmp_path, on_board(board, config)), flow.family)
    assert area.ff > len(outputs)
    check_fits(area, board.device)


def test_a_core_alone_is_synthesized_without_a_wrapper(tools, tmp_path):
    FpgaFlow(CORES["tile"], TILE, "xc7").synthesize(tmp_path, alone(CORES["tile"]))
    assert tools[0][:2] == ["read_verilog tile.v", "synth_xilinx -flatten -noiopad -top tile"]


@pytest.mark.parametrize(
    ("family", "words"),
    [("ecp5", ["a_q <= a;", "b_q <= b_d;"]), ("ice40", ["{chain, serial}"]), ("gowin", ["{chain, serial}"])],
)
def test_every_port_but_the_clock_is_registered(family, words):
    text = out_of_context(CORES["tile"], PORTS, family).verilog
    assert all(word in text for word in words)
    assert "clk_q" not in text


def test_the_slowest_path_is_summarised_in_a_few_words(tmp_path):
    def step(kind, delay, start, end):
        cells = {"from": {"cell": f"board.component.{start}"}, "to": {"cell": f"board.component.{end}"}}
        return {"type": kind, "delay": delay, "net": "", **cells}

    path = [step("clk-to-q", 0.5, "a.sum_TRELLIS_FF_Q", "x"), step("routing", 2.0, "a.sum_TRELLIS_FF_Q", "x"),
            step("setup", 0.5, "a.sum_TRELLIS_FF_Q", "b.total_TRELLIS_FF_Q")]  # fmt: skip
    report = REPORT | {"critical_paths": [{"from": "posedge clk", "to": "posedge clk", "path": path}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    hierarchy = Hierarchy("board", "board.v", {"board": "board", "board.a": "a", "board.b": "b"}, {}, [])
    placed = read_placement(tmp_path / "report.json", 1, hierarchy, "board")
    assert placed.slowest == "from board.a sum to board.b total, 3.0 ns, 2.0 of them wires"
    assert Placement(1, 10.0, []).slowest == "path unknown"


def test_a_derated_clock_and_its_path_agree(tmp_path):
    path = [{"type": "routing", "delay": 2.0, "from": {"cell": "x"}, "to": {"cell": "y"}}]
    report = {"fmax": {"clock": {"achieved": 500.0}}, "critical_paths": [{"from": "c", "to": "c", "path": path}]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    placed = read_placement(tmp_path / "report.json", 1, Hierarchy("tile", "tile.v", {}, {}, []), "tile", 0.8)
    assert (placed.mhz, placed.path[0]["ns"]) == (400.0, 2.5)


def test_timing_is_the_median_and_the_best_of_the_seeds():
    placements = [Placement(seed, mhz, [{"seed": seed}]) for seed, mhz in ((1, 100.0), (2, 125.0), (3, 80.0))]
    timing = timing_of(placements, 125.0)
    assert (timing["fmax_mhz"], timing["best_mhz"], timing["met"], timing["slack_ns"]) == (100.0, 125.0, True, 0.0)
    assert timing["critical_path"] == [{"seed": 2}]
    assert timing_of(placements, 126.0)["met"] is False
    assert timing_of(placements, None)["met"] is timing_of(placements, None)["slack_ns"] is None
