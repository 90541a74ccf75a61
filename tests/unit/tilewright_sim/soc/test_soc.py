"""The firmware of a SoC: its job, its compiler, its code, and the products that it prints."""

import pytest
from support.litex_soc import NANO, simulated_soc

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError, ToolError
from tilewright_sim.models.cycles import Bus, Gemm, estimate
from tilewright_sim.soc import SimulatedRun, check_job, find_compiler, firmware, job_header
from tilewright_sim.soc.simulation import _measure, write_firmware
from tilewright_sim.verilated import SocRun


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((8, 8, 2049), "K = 2049: the product must fit into one descriptor; nearest that works: 2048"),
        ((8, 65536, 8), "N = 65536: the product must fit into one descriptor; nearest that works: 65535"),
        ((2000, 2000, 64), "shape = '2000x2000x64': the matrices take 16,384,000"),
    ],
)
def test_a_product_that_the_firmware_cannot_do_is_refused(shape, says):
    if shape[0] == 2000:
        check_job(NANO, shape)
        shape = (2000, 2200, 64)
        says = "shape = '2000x2200x64': the matrices take 17,"
    with pytest.raises(ConfigError) as refused:
        check_job(NANO, shape)
    assert str(refused.value).startswith(says)


def test_the_job_rounds_as_the_accelerator_does():
    double = AcceleratorConfig.preset("nano", rounding="double")
    assert "DOUBLE_ROUNDING" in job_header(double, (4, 4, 4), 1)
    assert "DOUBLE_ROUNDING" not in job_header(NANO, (4, 4, 4), 1)


def test_a_missing_compiler_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr(firmware.shutil, "which", lambda name: None)
    with pytest.raises(ToolError, match=r"riscv64-unknown-elf-gcc is missing: run `apt-get install gcc-riscv64"):
        find_compiler()


def test_the_firmware_compiles_and_the_driver_in_it_takes_4_kib_at_most(tmp_path):
    soc = simulated_soc(tmp_path)
    made = write_firmware(soc, NANO, tmp_path, (5, 7, 9), 1)
    assert 2000 < made.driver_bytes <= 4096
    assert made.driver_bytes < len(made.image) < 0x8000


def test_an_error_of_the_compiler_is_one_line(tmp_path):
    soc = simulated_soc(tmp_path)
    (tmp_path / "driver" / "tilewright_driver.c").write_text("int wrong(void) { return absent; }\n")
    with pytest.raises(ToolError, match=r"^riscv64-unknown-elf-gcc failed: .*error: .absent. undeclared[^\n]*$"):
        write_firmware(soc, NANO, tmp_path, (5, 7, 9), 1)


def test_products_stand_beside_estimates_for_the_memory_that_was_measured():
    result = SimulatedRun(None, ["hello", "1x64x64: right, 9 cycles", "64x64x64: right, 9 cycles", "done"])
    runs = [SocRun(1500, 1000, 60, 1325, 24), SocRun(20_000, 3000, 4000, 19_900, 14), SocRun(1, 1, 1, 1, 1)]
    _measure(NANO, result, runs)
    assert (result.passed, result.latency, result.bandwidth) == (True, 14, 0.8)
    bus = Bus(latency=14, bandwidth=0.8, shared=True)
    wanted = [estimate(NANO, [Gemm(m=m, n=64, k=64, requant=False)], bus).cycles for m in (1, 64)]
    assert [product.estimated for product in result.products] == wanted
    assert result.products[1].utilisation == pytest.approx(64**3 / 16 / 20_000)


def test_firmware_that_says_nothing_has_not_passed():
    result = SimulatedRun(None)
    _measure(NANO, result, [])
    assert (result.passed, result.products) == (False, [])
