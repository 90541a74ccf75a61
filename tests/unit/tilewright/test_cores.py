"""CORES: the ports of each, as they are in Verilog."""

import re

import pytest
from amaranth.hdl import Fragment

from tilewright.cores import CORES, Core
from tilewright.tile import TileConfig


@pytest.fixture
def tile():
    core = CORES["tile"]
    tile = core.component(TileConfig(rows=3, cols=5, dot=1, activation_bits=4, weight_bits=6))
    Fragment.get(tile, None)
    return tile


def test_cores_are_listed_by_name_with_one_line_of_help():
    for name, core in CORES.items():
        assert core.name == name
        assert core.about
        assert "\n" not in core.about


def test_a_core_defines_its_unit_of_work():
    tile, engine = CORES["tile"], CORES["dma-reader"]
    assert tile.multipliers(TileConfig(rows=3, cols=5, dot=1)) == 15
    assert (engine.work.unit, engine.work.per_cycle(engine.config(data_bits=128))) == ("bytes", 16)
    assert engine.multipliers(engine.config()) == 0
    assert CORES["sdram"].work is None


@pytest.mark.parametrize(("name", "module"), [("tile", "tile"), ("dma-reader", "dma_reader")])
def test_the_module_is_the_name_with_underscores(name, module):
    tile = CORES["tile"]
    assert Core(name, "", tile.config, tile.component, tile.ports).module == module


def test_ports_of_a_tile_are_streams_with_their_widths(tile):
    ports = CORES["tile"].ports(tile)
    assert [(port.direction, port.name, len(port.value)) for port in ports] == [
        ("input", "s_axis_act_tvalid", 1),
        ("output", "s_axis_act_tready", 1),
        ("input", "s_axis_act_tdata", 3 * 4),
        ("input", "s_axis_act_tlast", 1),
        ("input", "s_axis_wgt_tvalid", 1),
        ("output", "s_axis_wgt_tready", 1),
        ("input", "s_axis_wgt_tdata", 3 * 6),
        ("input", "s_axis_wgt_tlast", 1),
        ("output", "m_axis_res_tvalid", 1),
        ("output", "m_axis_res_tdata", 5 * 11),
        ("output", "m_axis_res_tlast", 1),
    ]


def test_port_descriptions_contain_the_numbers_of_the_config(tile):
    about = {port.name: port.about for port in CORES["tile"].ports(tile)}
    assert about["s_axis_act_tdata"] == "3 signed activations of 4 bits, element 0 lowest"
    assert about["s_axis_wgt_tdata"] == "3 signed weights of 6 bits, of one column"
    assert about["m_axis_res_tdata"] == "5 signed sums of 11 bits, column 0 lowest"
    assert about["s_axis_wgt_tlast"] == "last column of its tile, if before column 4"
    assert about["m_axis_res_tvalid"] == f"there is a result word, {tile.latency} cycles after its activations"


def test_port_names_are_plain(tile):
    for port in CORES["tile"].ports(tile):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", port.name)


@pytest.mark.parametrize(("name", "stream"), [("dma-reader", "m_axis"), ("dma-writer", "s_axis")])
def test_ports_of_the_dma_engines_are_buses_and_streams(name, stream):
    core = CORES[name]
    engine = core.component(core.config())
    Fragment.get(engine, None)
    ports = {port.name: port for port in core.ports(engine)}
    assert len(ports[f"{stream}_tdata"].value) == 64
    assert [port for port in ports if not re.fullmatch(r"[a-z]+(_[a-z]+)*", port)] == []
    prefixes = {port.partition("_")[0] for port in ports}
    assert prefixes == {"request", stream[0], "status", "abort", "busy", "clear", "counter", "m"}
    assert {f"{stream}_tvalid", f"{stream}_tready", "request_valid", "request_stride", "status_cause"} <= set(ports)
    assert ports["status_address"].direction == "output"
