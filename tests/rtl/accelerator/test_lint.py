"""Verilog of the accelerator is what other tools expect: clean in each linter, deterministic, each module once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from rtl.tile.test_lint import complaints, modules, slang
from support.long_cases import late

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.cores import CORES
from tilewright.tools import run_yosys
from tilewright.verilog import generate
from tilewright_sim.testbench.runner import simulator_environment

ACCELERATOR = CORES["accelerator"]
DEFAULT = [("nano", "generic")]
LONG = [
    ("small", "ecp5"),
    ("nano", "ecp5"),
    ("nano", "ice40"),
    ("small", "generic"),
    ("small", "xc7"),
    *((preset, family) for preset in ("base", "large", "giant") for family in ("generic", "ecp5")),
]
ODD = [
    {"rows": 8, "cols": 4, "dot": 4, "requant_lanes": 4, "panel_words": 64, "ring_words": 128, "acc_rows": 4,
     "long_chunk_words": 8, "unaligned": True, "rounding": "single", "addr_bits": 64},
    {"rows": 4, "cols": 16, "dot": 1, "data_bits": 32, "requant_lanes": 4, "outstanding": 1, "max_burst": 1,
     "acc_rows": 16, "ecc": True},
    {"rows": 4, "cols": 4, "dot": 4, "data_bits": 32, "requant_lanes": 1, "outstanding": 1, "max_burst": 1,
     "panel_words": 512, "ring_words": 64, "chunk_words": 8, "long_chunk_words": 8, "acc_rows": 32, "addr_bits": 17,
     "size_bits": 11, "stride_bits": 14, "variant": "compact", "multiplier": "dsp"},
    # The last bits of a stride are of no use where `cols` rows of it pass the last address.
    {"panel_words": 128, "ring_words": 256, "requant_lanes": 4, "addr_bits": 16, "size_bits": 8, "stride_bits": 12},
    {"rows": 4, "cols": 4, "dot": 4, "data_bits": 32, "requant_lanes": 1, "convolution": True},
    {"rows": 32, "cols": 8, "dot": 32, "unaligned": True, "ring_words": 256, "a_format": "q8_e5m3",
     "b_formats": ["q4_1", "q8_0"], "multiplier": "dsp"},
    {"rows": 32, "cols": 8, "dot": 32, "unaligned": True, "ring_words": 256, "a_format": "q8_e5m3",
     "b_formats": ["q4_1", "int8"], "rounding": "single"},
    {"rows": 4, "cols": 4, "dot": 4, "data_bits": 32, "requant_lanes": 1, "vector_lanes": 4},
    # No row is longer than a register of the vector engine.
    {"rows": 32, "cols": 8, "dot": 32, "ring_words": 256, "chunk_words": 4, "a_format": "q8_0", "b_formats": ["q4_0"],
     "vector_lanes": 4, "size_bits": 8, "stride_bits": 12},
]  # fmt: skip


@pytest.mark.parametrize(("preset", "family"), [*DEFAULT, *late(*LONG)])
def test_verilog_of_presets_is_clean_and_well_formed(preset, family, tmp_path):
    bodies = check(AcceleratorConfig.preset(preset), family, tmp_path)
    assert len(set(bodies.values())) == len(bodies), "two modules are the same"


@pytest.mark.long
@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize(
    "fields",
    ODD,
    ids=["unaligned", "least", "compact", "narrow", "images", "block formats", "int8 beside", "vectors", "short rows"],
)
def test_verilog_of_odd_shapes_is_clean_and_well_formed(fields, family, tmp_path):
    check(AcceleratorConfig(**fields), family, tmp_path)


def check(config, family, folder):
    """Lint the Verilog, look at its names; return the body of each module."""
    files = generate(ACCELERATOR, config, folder, family)
    sources = [path.name for path in files if path.suffix == ".v"]
    assert sources == ["accelerator.v", *(["ecp5_models.v"] if family == "ecp5" else [])]
    assert complaints(["verilator", "--lint-only", "-Wall", "--top-module", "accelerator", *sources], folder) == ""
    assert slang(sources, "accelerator", folder) == {}
    icarus = ["iverilog", "-g2005", "-Wall", "-s", "accelerator", "-o", "accelerator.vvp", *sources]
    assert complaints(icarus, folder) == ""
    primitives = ["read_verilog -lib +/ecp5/cells_sim.v +/ecp5/cells_bb.v"] if family == "ecp5" else []
    checks = ["hierarchy -check -top accelerator", "proc", "check -assert"]
    run_yosys(["read_verilog accelerator.v", *primitives, *checks], folder)

    text = (folder / "accelerator.v").read_text(encoding="utf-8")
    bodies = modules(text)
    assert "accelerator" in bodies
    assert [name for name in bodies if name != "accelerator" and not name.startswith("accelerator_")] == []
    ports = re.findall(r"^ *(?:input|output)\b.*?(\w+);", text, flags=re.M)
    assert [port for port in ports if "__" in port] == []
    top = re.findall(r"^ *(?:input|output)\b.*?(\w+);", bodies["accelerator"], flags=re.M)
    assert {name.rsplit("_", 1)[0] for name in top} == {"clk", "rst", "irq", "s_axil", "m_axi"}
    return bodies


@pytest.mark.long
@pytest.mark.parametrize(("preset", "family"), [("nano", "ecp5"), ("small", "generic")])
def test_same_configuration_gives_the_same_bytes(preset, family, tmp_path):
    script = (
        "import sys; from pathlib import Path; from tilewright.accelerator.contract import AcceleratorConfig as C; "
        "from tilewright.cores import CORES; from tilewright.verilog import generate; "
        "generate(CORES['accelerator'], C.preset(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])"
    )
    for seed in ("1", "2"):  # other orders of sets
        subprocess.run(
            [sys.executable, "-c", script, preset, str(tmp_path / seed), family],
            env=simulator_environment("icarus") | {"PYTHONHASHSEED": seed},
            check=True,
        )
    first, second = (
        {path.relative_to(tmp_path / seed): path.read_bytes() for path in (tmp_path / seed).rglob("*.*")}
        for seed in "12"
    )
    assert first == second
    assert Path("driver", "tilewright.h") in first
