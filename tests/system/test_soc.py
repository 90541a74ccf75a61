"""A LiteX SoC in Verilator: VexRiscv multiplies and reads digits on the accelerator through the C driver."""

import re

import pytest
from support.litex_soc import NANO
from unit.tilewright_sim.cli.test_main import tilewright

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.litex.levelled import WINDOWS
from tilewright_sim.soc import simulate


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("preset", ["nano", "small"])
def test_the_firmware_finds_everything_right_and_takes_the_cycles_of_the_estimate(preset, tmp_path):
    done = tilewright("soc", "--sim", "--preset", preset, folder=tmp_path, seconds=1500)
    assert done.returncode == 0, done.stderr
    assert "20 of 20 digits read right, all outputs as the golden model" in done.stdout
    (measured,) = re.findall(r"256x256x256 .* ([+-]\d+\.\d)%", done.stdout)
    assert abs(float(measured)) < 3
    (size,) = re.findall(r"driver: ([\d,]+) bytes", done.stdout)
    assert int(size.replace(",", "")) <= 4096


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_without_litedram_results_are_right_too(tmp_path):
    run = simulate(NANO, tmp_path, (64, 64, 64), 20, print, print, memory="ram")
    assert run.passed
    assert [product.shape for product in run.products] == [(1, 64, 64), (64, 64, 64)]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_firmware_levels_a_ddr3(tmp_path):
    config = AcceleratorConfig.preset("base", cols=4, unaligned=True, panel_words=512, ring_words=256)
    run = simulate(config, tmp_path, (64, 64, 64), 20, print, print, memory="ddr3")
    assert run.passed
    found = re.findall(r"best: m(\d), b(\d+) delays: (\d+)", "\n".join(run.lines))
    assert [(int(lane), int(bitslip)) for lane, bitslip, _ in found] == [(0, WINDOWS[0][0]), (1, WINDOWS[1][0])]
    assert all(low < int(delay) < high for (_, _, delay), (_, low, high) in zip(found, WINDOWS, strict=True))
