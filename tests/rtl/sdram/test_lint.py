"""Verilog of the SDRAM controller is clean in each linter."""

import subprocess

import pytest
from rtl.tile.test_lint import slang

from tilewright.cores import CORES
from tilewright.memory.sdram import SdramConfig
from tilewright.verilog import generate
from tilewright_sim.verilated import verilator_environment


@pytest.mark.parametrize(
    ("fields", "family"),
    [({}, "ecp5"), ({"data_bits": 128, "outstanding": 1}, "generic"), ({"data_bits": 32, "bank_bits": 1}, "ice40")],
)
def test_verilog_is_clean(fields, family, tmp_path):
    files = generate(CORES["sdram"], SdramConfig(**fields), tmp_path, family)
    sources = [file.name for file in files if file.suffix == ".v"]
    lint = ["verilator", "--lint-only", "--quiet", "-Wall", "--top-module", "sdram", *sources]
    for command in (lint, ["iverilog", "-g2005", "-Wall", "-s", "sdram", "-o", "out.vvp", *sources]):
        done = subprocess.run(
            command, cwd=tmp_path, env=verilator_environment(), capture_output=True, text=True, check=False
        )
        said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("- ")]
        assert (said, done.returncode) == ([], 0)
    assert slang(sources, "sdram", tmp_path) == {}
