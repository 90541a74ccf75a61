"""Constraints name every port of the Verilog, each once."""

import re

import pytest
from amaranth.hdl import Fragment

from tilewright.base import Target
from tilewright.cores import CORES
from tilewright.verilog.sdc import timing_constraints


def ports_of(core):
    """The ports of a component that is elaborated, or Amaranth would warn that it is not."""
    config = core.config
    component = core.component(config.preset("nano") if "nano" in config.PRESETS else config())
    Fragment.get(component, Target(core.module))
    return core.ports(component)


@pytest.mark.parametrize("name", CORES)
def test_every_port_has_a_delay(name):
    core = CORES[name]
    ports = ports_of(core)
    text = timing_constraints(ports)
    for kind, direction in (("input", "input"), ("output", "output")):
        found = re.findall(rf"set_{kind}_delay .*\[get_ports \{{(\w+)(?:\[\*\])?\}}\]", text)
        extra = ["rst"] if kind == "input" else []
        assert found == extra + [port.name for port in ports if port.direction == direction]


def test_vectors_are_named_with_all_their_bits():
    core = CORES["tile"]
    text = timing_constraints(ports_of(core))
    assert "{m_axis_res_tdata[*]}" in text
    assert "{m_axis_res_tvalid}" in text
