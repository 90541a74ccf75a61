"""`tilewright verify` and the makefile of `generate --testbench`, on Icarus Verilog."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from cocotb_tools.check_results import get_results
from support.command_lines import parse

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.block_tile import BlockTileConfig
from tilewright.cores import CORES
from tilewright.dma import DmaConfig
from tilewright.memory.sdram import SdramConfig
from tilewright.tile import TileConfig
from tilewright_sim.cli import main
from tilewright_sim.verify import Settings, sources, verify
from tilewright_sim.verify import run as verify_run

TILE = shlex.split("verify tile --set rows=1 --set cols=1 --set dot=1 --sim icarus --effort quick")


def tilewright(*arguments, folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "140")  # names of tests stay in one line
    return CliRunner().invoke(main.cli, arguments, standalone_mode=False)


def test_a_configuration_passes_and_its_files_are_written(tmp_path, monkeypatch):
    done = tilewright(*TILE, "--tests", "takes*=[of]*e*", "--junit", "x.xml", folder=tmp_path, monkeypatch=monkeypatch)
    assert done.return_value == 0, done.output
    assert re.search(r"words=one +│ +1 │ +\d+ │ +[\d.]+ │ passed", done.output)
    assert "words=fewer" in done.output
    assert "skipped: there is one column" in done.output
    assert "tile on icarus: 1 passed, 1 skipped; " in done.output
    assert (tmp_path / "x.xml").exists()


def test_a_failure_leaves_a_waveform_and_the_command_that_repeats_it(tmp_path, monkeypatch):
    def faulty(core, config, folder, family):
        files = generate(core, config, folder, family)
        text = files[0].read_text()
        assert "assign m_axis_res_tlast = " in text
        files[0].write_text(text.replace("assign m_axis_res_tlast = ", "assign m_axis_res_tlast = ~"))
        return files

    generate = sources.generate
    monkeypatch.setattr(sources, "generate", faulty)
    monkeypatch.setattr(verify_run, "LIMITS", (1,))  # each is a simulation
    extra = ["--seed", "5", "--tests", "extreme", "--html", "x.html"]
    done = tilewright(*TILE, *extra, folder=tmp_path, monkeypatch=monkeypatch)
    assert done.return_value == 1
    assert "tlast of a result is not that of its word" in done.output
    (waveform,) = re.findall(r"waveform: (.*)", done.output)
    assert Path(waveform).stat().st_size > 0
    (command,) = re.findall(r"repeat: (.*)", done.output)
    assert "--set rows=1 --set cols=1 --set dot=1 --sim icarus --seed 5 --effort quick" in command
    assert "--tests extreme_sums_are_exact --longest 1" in command
    parse(shlex.split(command)[1:])
    assert os.path.relpath(waveform, tmp_path) in (tmp_path / "x.html").read_text()


def test_the_makefile_runs_the_bench_without_the_command(tmp_path, monkeypatch):
    tilewright("generate", "tile", "-p", "nano", "--testbench", "-o", "b", folder=tmp_path, monkeypatch=monkeypatch)
    done = subprocess.run(
        ["make", "-C", "b", "SIM=icarus", f"PYTHON={sys.executable}", "COCOTB_TEST_FILTER=extreme"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert get_results(tmp_path / "b" / "results.xml") == (1, 0)


# Corners of what each core accepts, where a bench may ask for what there is not.
ODD = {
    "tile": [TileConfig(rows=1, cols=5, dot=1, activation_bits=2, weight_bits=16)],
    # The shortest packets.
    "block": [BlockTileConfig.preset("nvfp4", acc_rows=8, multiplier="lut")],
    "dma": [
        DmaConfig(data_bits=512, addr_bits=14, length_bits=4, rows_bits=1, stride_bits=4, counter_bits=8),
        DmaConfig(data_bits=32, addr_bits=64, length_bits=32, stride_bits=64, unaligned=True),
    ],
    "sdram": [
        SdramConfig(power_up_us=1, dq_bits=8, data_bits=64, col_bits=8, row_bits=11, bank_bits=1, addr_bits=20),
        SdramConfig(power_up_us=1, dq_bits=32, data_bits=256, cas_latency=2, capture_cycles=3, outstanding=1),
    ],
    "accelerator": [
        AcceleratorConfig.preset("nano", addr_bits=16, size_bits=8, stride_bits=12, unaligned=True),
        AcceleratorConfig.preset("nano", addr_bits=64, panel_words=65536, max_burst=256, outstanding=64),
        AcceleratorConfig.preset("small", data_bits=32, requant_lanes=1, acc_rows=1024, chunk_words=1),
    ],
}


@pytest.mark.long
@pytest.mark.parametrize(
    ("core", "config"),
    [
        pytest.param(core, config, id=f"{core}-{number}")
        for core in CORES
        for number, config in enumerate(ODD[core.partition("-")[0]])
    ],
)
def test_odd_configurations_can_be_verified(core, config, tmp_path):
    settings = Settings(folder=tmp_path, simulator="icarus", effort="quick")
    assert verify(CORES[core], config, settings).failures == []
