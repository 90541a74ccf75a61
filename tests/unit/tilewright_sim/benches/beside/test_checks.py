# amaranth: UnusedElaboratable=no
"""The assertions that are bound to the cores: legal traffic passes, each broken rule is reported, and each X."""

import re
import subprocess
from copy import deepcopy
from functools import cache

import pytest
from amaranth.hdl import Value
from support.traffic import reported
from unit.tilewright_sim.benches.beside.traffic import CASES, PARAMETERS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.block_tile import BlockTileConfig
from tilewright.cores import CORES
from tilewright.dma import DmaConfig
from tilewright.memory.sdram import SdramConfig
from tilewright.tile import TileConfig
from tilewright_sim.benches.beside import bound_checks, checks_parameters, checks_text, makefile
from tilewright_sim.verilated import verilator_environment

DMA = DmaConfig(data_bits=32, addr_bits=16, length_bits=8, rows_bits=4, stride_bits=8, counter_bits=8)
SHAPES = {  # those of PARAMETERS
    "accelerator": AcceleratorConfig.preset("nano", data_bits=128, rows=16, cols=16, dot=16, requant_lanes=4),
    "block-tile": BlockTileConfig(a_format="nvfp4", b_formats=["nvfp4"]),
    "dma-reader": DMA,
    "dma-writer": DMA,
    "sdram": SdramConfig(data_bits=32, addr_bits=23, dq_bits=16, row_bits=11, bank_bits=2),
    "tile": TileConfig(rows=2, cols=2, dot=2),
}


def ports(name):
    """Direction and width of each port of a core but the clock."""
    core = CORES[name]
    return {
        "rst": ("input", 1),
        **{p.name: (p.direction, len(Value.cast(p.value))) for p in core.ports_of(SHAPES[name])},
    }


def unknown(name):
    """Legal traffic of a core with an X on each of its outputs in turn."""
    for port, (direction, _) in ports(name).items():
        if direction == "output" and port != "s_axi_rdata":  # the chip may give an X
            t = deepcopy(CASES[name][0][1])
            t.over(4, t.cycles, **{port: "x"})
            yield port, t


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """By core, each case's number, what is expected, and what was said."""

    @cache
    def run(name):
        widths = {port: bits for port, (_, bits) in ports(name).items()}
        cases = [*CASES[name], *((f"X: {port}", t) for port, t in unknown(name))]
        traffic = [t for _, t in cases]
        said = reported(CORES[name], PARAMETERS[name], widths, traffic, tmp_path_factory.mktemp(name))
        return [(number, rule, text) for number, ((rule, _), text) in enumerate(zip(cases, said, strict=True))]

    return run


@pytest.mark.parametrize("name", CASES)
def test_legal_traffic_passes_and_each_broken_rule_and_each_x_is_reported(name, outcomes):
    for number, rule, text in outcomes(name):
        if rule.startswith("X: "):
            assert text, f"no X is seen on {rule[3:]}"
        else:
            assert (rule in text) if rule else not text, f"case {number} of {name}: {text!r} instead of {rule!r}"


def test_each_rule_of_each_core_is_broken_by_some_traffic(outcomes):
    said = " ".join(text for name in CASES for _, _, text in outcomes(name))
    for name in CASES:
        macros = re.findall(r"`TILEWRIGHT_(?:RULE|KNOWN)\((?:[^\"]|\n)*?\"([^\"]+)\"\);", checks_text(CORES[name]))
        assert len(macros) > 12
        for rule in macros:
            assert rule in said, rule


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("accelerator", {"ADDR_BITS": 18, "DATA_BITS": 32, "MAX_BURST": 1, "OUTSTANDING": 1, "SIZE_BITS": 10}),
        ("accelerator", {"ADDR_BITS": 64, "DATA_BITS": 512, "ID_BITS": 1, "MAX_BURST": 256, "OUTSTANDING": 64}),
        ("block-tile", {"ACT_BITS": 264, "WGT_BITS": 288, "RESULT_BITS": 57, "COLS": 64, "LATENCY": 14}),
        ("dma-reader", {"ADDR_BITS": 64, "DATA_BITS": 512, "ROWS_BITS": 32, "LENGTH_BITS": 32, "STRIDE_BITS": 64}),
        ("dma-writer", {"ADDR_BITS": 14, "DATA_BITS": 32, "ROWS_BITS": 1, "LENGTH_BITS": 4, "STRIDE_BITS": 4}),
        ("dma-writer", {"ADDR_BITS": 64, "DATA_BITS": 512, "ROWS_BITS": 32, "LENGTH_BITS": 32, "STRIDE_BITS": 64}),
        ("sdram", {"DATA_BITS": 32, "DQ_BITS": 8}),
        ("tile", {"COLS": 1, "RESULT_BITS": 4, "LATENCY": 3}),
        ("tile", {"COLS": 64, "RESULT_BITS": 32, "LATENCY": 70}),
    ],
)
def test_verilator_takes_them_in_all_sizes(name, sizes, tmp_path):
    core = CORES[name]
    (tmp_path / "checks.sv").write_text(checks_text(core))
    top = f"{core.module}_checks"
    command = ["verilator", "--lint-only", "--quiet", "--assert", "--top-module", top, "checks.sv"]
    done = subprocess.run(
        [*command, *(f"-G{parameter}={value}" for parameter, value in sizes.items())],
        cwd=tmp_path, env=verilator_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_they_have_the_sizes_of_the_configuration_and_all_ports():
    core, config = CORES["accelerator"], AcceleratorConfig.preset("nano", max_burst=4, outstanding=2)
    (text,) = bound_checks(core, config).values()
    assert ".ADDR_BITS(32), .DATA_BITS(32), .ID_BITS(4), .MAX_BURST(4), .OUTSTANDING(2), .LITE_BITS(9)" in text
    assert ".K_LIMIT(2048), .READABLE(87'h" in text
    for name in CORES:
        (text,) = bound_checks(CORES[name], SHAPES[name]).values()
        connected = re.findall(rf"\.(\w+)\({CORES[name].module}\.\1\)", text)
        assert sorted(connected) == sorted(["clk", *ports(name)])
        assert set(re.findall(r"\.([A-Z_]+)\(", text.rpartition("bind ")[2])) == set(PARAMETERS[name])
        assert checks_parameters(CORES[name], SHAPES[name]).keys() == PARAMETERS[name].keys()


def test_they_are_compiled_by_the_makefile_too():
    text = makefile(CORES["tile"], ["tile.v", "tile_checks.sv"])
    assert "VERILOG_SOURCES = $(HERE)tile.v $(HERE)tile_checks.sv\n" in text
    assert "COMPILE_ARGS += -s tile_bound" in text
