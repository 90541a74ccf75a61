"""An accelerator in a SoC: registers, memory, interrupt, and what is refused."""

from types import SimpleNamespace

import pytest
from support.litex_soc import NANO, simulated_soc, stand_in

from tilewright.base import ConfigError
from tilewright.litex import SimulatedSoC, add_accelerator, firmware_headers, module, quiet_litex, verilog_files


@pytest.fixture(scope="module")
def soc(tmp_path_factory):
    return simulated_soc(tmp_path_factory.mktemp("soc"))


def test_registers_are_uncached_and_known_to_firmware_as_the_interrupt_is(soc):
    region = soc.bus.regions["tilewright"]
    assert (region.size, region.cached) == (512, False)
    headers = firmware_headers(soc)
    assert f"#define TILEWRIGHT_BASE 0x{region.origin:08x}L" in headers["generated/mem.h"]
    assert f"#define TILEWRIGHT_INTERRUPT {soc.irq.locs['tilewright']}" in headers["generated/soc.h"]


def test_memory_is_a_port_of_litedram_with_the_full_width(soc):
    processor, accelerator = soc.sdram.crossbar.masters
    assert accelerator.data_width == processor.data_width == NANO.data_bits
    assert list(soc.bus.masters) == ["cpu_bus0", "cpu_bus1"]


def test_the_verilog_of_a_soc_can_be_cached(soc):
    files = verilog_files(soc, "soc")
    assert "accelerator accelerator(" in files["soc.v"]
    assert "Date" not in files["soc.v"]
    assert {"soc_rom.init", "soc_sram.init"} <= set(files)


def test_without_litedram_memory_is_on_the_bus_of_the_soc(tmp_path):
    soc = simulated_soc(tmp_path, memory="ram")
    assert list(soc.bus.masters) == ["cpu_bus0", "cpu_bus1", "tilewright"]
    assert not hasattr(soc, "sdram")


def memories(width: int):
    region = SimpleNamespace(origin=0x4000_0000, size=0x0400_0000)
    crossbar = SimpleNamespace(controller=SimpleNamespace(data_width=width))
    return SimpleNamespace(bus=SimpleNamespace(regions={"main_ram": region}), sdram=SimpleNamespace(crossbar=crossbar))


@pytest.mark.parametrize(
    ("changed", "width", "says"),
    [
        ({"addr_bits": 30}, 32, "addr_bits = 30: the SoC's main memory ends at 0x43ffffff; nearest that works: 31"),
        ({}, 64, "data_bits = 32: LiteDRAM's ports have 64 bits; nearest that works: 64"),
    ],
)
def test_what_does_not_fit_the_memory_is_refused_before_anything_is_written(changed, width, says, tmp_path):
    with pytest.raises(ConfigError) as refused:
        add_accelerator(memories(width), NANO.model_copy(update=changed), tmp_path)
    assert str(refused.value) == says
    assert list(tmp_path.iterdir()) == []


def test_the_simulated_soc_refuses_what_does_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "generate", stand_in)
    with quiet_litex(), pytest.raises(ConfigError, match="addr_bits"):
        SimulatedSoC(NANO.model_copy(update={"addr_bits": 24}), tmp_path)
