"""Constraints name every port of the Verilog, each once."""

import re

import pytest

from tilewright.products import PRODUCTS
from tilewright.sdc import timing_constraints


@pytest.mark.parametrize("name", PRODUCTS)
def test_every_port_has_a_delay(name):
    product = PRODUCTS[name]
    ports = product.ports(product.component(product.config()))
    text = timing_constraints(ports)
    for kind, direction in (("input", "input"), ("output", "output")):
        found = re.findall(rf"set_{kind}_delay .*\[get_ports \{{(\w+)(?:\[\*\])?\}}\]", text)
        extra = ["rst"] if kind == "input" else []
        assert found == extra + [port.name for port in ports if port.direction == direction]


def test_vectors_are_named_with_all_their_bits():
    product = PRODUCTS["tile"]
    text = timing_constraints(product.ports(product.component(product.config())))
    assert "{m_axis_res_tdata[*]}" in text
    assert "{m_axis_res_tvalid}" in text
