"""Run the benches on generated Verilog, in both simulators."""

from pathlib import Path

import pytest

from tilewright.base import ToolError
from tilewright.cores import CORES
from tilewright.tile import TileConfig
from tilewright_sim.benches import BENCHES, multiplier
from tilewright_sim.benches.multiplier import MultiplierConfig
from tilewright_sim.testbench import runner
from tilewright_sim.verify import run_bench

WIDTHS = [(2, 2), (2, 3), (3, 2), (2, 16), (16, 2), (16, 16), (5, 7), pytest.param((7, 9), marks=pytest.mark.long)]


def shape(rows: int, cols: int, dot: int, kind: str = "infer", activation_bits: int = 8, weight_bits: int = 8):
    return TileConfig(
        rows=rows,
        cols=cols,
        dot=dot,
        multiplier=kind,
        activation_bits=activation_bits,
        weight_bits=weight_bits,
    )


def describe(value) -> str:
    if isinstance(value, TileConfig):
        size = f"{value.rows}x{value.cols}dot{value.dot}"
        return f"{size}-{value.multiplier}-{value.activation_bits}x{value.weight_bits}b"
    if isinstance(value, MultiplierConfig):
        return f"{value.kind}-{value.activation_bits}x{value.weight_bits}b"
    return str(value)


# Few columns, many groups and the reverse; both sides of a block of 8 columns; odd trees; narrow and unequal widths.
SMALL = [
    (shape(1, 1, 1), "generic"),
    (shape(4, 1, 1, "lut", 5, 3), "generic"),
    (shape(6, 3, 2, "dsp", 4, 8), "ecp5"),
    (shape(8, 8, 1, "infer"), "generic"),
]
# By default on Icarus only: what takes longest with Verilator is to compile.
SMALLER = [
    (shape(3, 2, 3, "lut"), "ecp5"),
    (shape(6, 9, 3, "infer", 7, 16), "xc7"),
    (shape(2, 17, 1, "infer", 3, 4), "generic"),
    (shape(1, 1, 1, "lut"), "ecp5"),
    (shape(1, 5, 1, "dsp"), "ecp5"),
    (shape(3, 2, 3, "infer", 2, 2), "generic"),
    (shape(4, 4, 2, "dsp"), "generic"),
    (shape(5, 7, 5, "dsp", 16, 2), "ice40"),
]
LARGE = [
    (shape(8, 8, 8, "dsp"), "ecp5"),
    (shape(16, 4, 4, "lut", 4, 4), "generic"),
]
# Half a minute or more each to compile with Verilator.
LARGER = [
    (shape(4, 4, 4, "lut"), "ecp5"),
    (shape(8, 8, 2, "lut"), "ecp5"),
    (shape(16, 16, 1, "dsp"), "generic"),
    (shape(16, 16, 16), "generic"),
]
LONG = [
    (shape(16, 16, 4, "lut"), "ecp5"),
    (shape(12, 10, 3, "lut", 9, 6), "generic"),
    (shape(32, 32, 16), "generic"),
    (shape(32, 32, 1, "dsp"), "ecp5"),
    (shape(64, 64, 16), "generic"),
]


@pytest.mark.parametrize(
    ("config", "family"),
    [*SMALL, *(pytest.param(*case, marks=pytest.mark.long) for case in [*SMALLER, *LARGE, *LARGER, *LONG])],
    ids=describe,
)
def test_tile_equals_golden_on_verilator(config, family):
    run_bench(CORES["tile"], config, BENCHES["tile"], simulator="verilator", family=family)


@pytest.mark.parametrize(
    ("config", "family"),
    [
        SMALL[2],
        *SMALLER,
        *(pytest.param(*case, marks=pytest.mark.long) for case in [*SMALL[:2], *SMALL[3:], *LARGE, *LARGER]),
    ],
    ids=describe,
)
def test_tile_equals_golden_on_icarus(config, family):
    run_bench(CORES["tile"], config, BENCHES["tile"], simulator="icarus", family=family)


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        *(pytest.param("infer", family, marks=pytest.mark.long) for family in ("generic", "ecp5")),  # a `*`
        *(pytest.param(kind, "generic", marks=pytest.mark.long) for kind in ("dsp", "lut")),
        *((kind, "ecp5") for kind in ("dsp", "lut")),
    ],
)
@pytest.mark.parametrize("simulator", ["icarus", pytest.param("verilator", marks=pytest.mark.long)])
def test_multiplier_is_exact_for_all_int8_pairs(simulator, kind, family):
    multiply(MultiplierConfig(kind=kind), simulator, family)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize(
    ("kind", "family"), [pytest.param("lut", "generic", marks=pytest.mark.long), ("lut", "ecp5"), ("dsp", "ecp5")]
)
def test_multiplier_is_exact_for_other_widths(widths, kind, family):
    multiply(MultiplierConfig(kind=kind, activation_bits=widths[0], weight_bits=widths[1]), "icarus", family)


@pytest.mark.parametrize(("kind", "family"), [("dsp", "ecp5"), ("lut", "ecp5")])
def test_multiplier_agrees_on_verilator(kind, family):
    multiply(MultiplierConfig(kind=kind, activation_bits=9, weight_bits=8), "verilator", family)


def test_missing_icarus_is_named_with_its_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"Icarus Verilog is missing: run `apt-get install iverilog`"):
        runner.simulator_environment("icarus")


@pytest.mark.parametrize("simulator", ["icarus", pytest.param("verilator", marks=pytest.mark.long)])
def test_failure_leaves_waveform_and_log_and_names_them(simulator, tmp_path, monkeypatch):
    bench = tmp_path / "tb_fails.py"
    bench.write_text(
        "import cocotb\n"
        "from tilewright_sim.testbench.cocotb import cycles, start\n"
        "@cocotb.test()\n"
        "async def never_true(dut):\n"
        "    await start(dut)\n"
        "    await cycles(dut, 20)\n"
        "    assert dut.m_axis_res_tvalid.value == 1, 'this is why'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AssertionError, match="1 of 1 tests failed") as caught:
        run_bench(CORES["tile"], shape(1, 1, 1), bench.stem, simulator=simulator, folder=tmp_path / "rtl")
    *told, waveform, log = str(caught.value).splitlines()
    assert any("this is why" in line for line in told)
    waveform, log = (Path(line.partition(": ")[2]) for line in (waveform, log))
    assert waveform.suffix in {".fst", ".vcd"}
    assert waveform.stat().st_size > 0
    assert "this is why" in log.read_text()


def multiply(config: MultiplierConfig, simulator: str, family) -> None:
    run_bench(multiplier.CORE, config, multiplier.__name__, simulator=simulator, family=family)
