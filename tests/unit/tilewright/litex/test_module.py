"""The LiteX module and the generated Verilog have the same ports, and a SoC one configuration."""

import pytest
from litex.build.sim import SimPlatform
from litex.soc.doc import generate_docs
from migen import Instance
from support.litex_soc import NANO, simulated_soc, stand_in

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError
from tilewright.cores import CORES
from tilewright.litex import LiteXAccelerator, module

WIDE = AcceleratorConfig.preset("base", addr_bits=40, id_bits=7)


@pytest.fixture(autouse=True)
def without_verilog(monkeypatch):
    monkeypatch.setattr(module, "generate", stand_in)


def platform():
    return SimPlatform("SIM", [])


@pytest.mark.parametrize("config", [NANO, WIDE])
def test_every_port_is_connected_once_with_its_direction_and_width(config, tmp_path):
    accelerator = LiteXAccelerator(platform(), config, tmp_path)
    (instance,) = (special for special in accelerator._fragment.specials if isinstance(special, Instance))
    kinds = {Instance.Input: "input", Instance.Output: "output"}
    connected = sorted((item.name, kinds[type(item)], len(item.expr)) for item in instance.items)
    ports = CORES["accelerator"].ports_of(config)
    clocks = [("clk", "input", 1), ("rst", "input", 1)]
    assert connected == sorted([*clocks, *((port.name, port.direction, len(port.value)) for port in ports)])


def test_the_verilog_is_added_once_for_two_of_one_configuration(tmp_path):
    chosen = platform()
    for _ in range(2):
        LiteXAccelerator(chosen, NANO, tmp_path)
    assert [source for source, *_ in chosen.sources] == [str(tmp_path / "accelerator.v")]


def test_another_configuration_in_one_soc_is_refused(tmp_path):
    chosen = platform()
    LiteXAccelerator(chosen, NANO, tmp_path)
    with pytest.raises(ConfigError, match="the SoC has an accelerator of another configuration"):
        LiteXAccelerator(chosen, WIDE, tmp_path)


def test_litex_documents_the_registers_as_they_stand_in_our_page(tmp_path):
    soc = simulated_soc(tmp_path / "soc")
    generate_docs(soc, str(tmp_path / "docs"), quiet=True)
    text = (tmp_path / "docs" / "tilewright.rst").read_text()
    assert "::\n\n    # Registers\n" in text
    assert "\n    | 0x040 | `RING_BASE_LO` | rw |" in text
