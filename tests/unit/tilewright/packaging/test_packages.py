"""Other tools read the descriptions of a core, with the programs and schemas made for them."""

import json
import os
import subprocess
import sys
import tkinter
from pathlib import Path

import pytest
from lxml import etree
from pyEDAA import IPXACT

from tilewright.accelerator.registers import registers_of
from tilewright.cores import CORES
from tilewright.errors import TilewrightError
from tilewright.packaging import Vlnv, default_vlnv, package_files
from tilewright.verilog import generate
from tilewright_sim.testbench.runner import simulator_environment

NAME = Vlnv("acme", "ip", "gemm", "1.2.0")
SCHEMA = Path(IPXACT.__path__[0]) / "Schema" / "ieee-1685-2014" / "index.xsd"
SPACE = {"ipxact": "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"}
CASES = [
    (core, preset)
    for core in CORES.values()
    for preset in core.config.PRESETS
    if core.name != "accelerator" or preset in ("nano", "small")
]


def files_of(core, preset=None):
    return package_files(core, core.config.preset(preset or next(iter(core.config.PRESETS))), "generic", NAME)


def texts(tree, path):
    return [found.text for found in tree.iterfind(path, SPACE)]


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


@pytest.mark.parametrize(("core", "preset"), CASES, ids=[f"{core.name}-{preset}" for core, preset in CASES])
def test_a_component_keeps_the_schema_of_ip_xact(core, preset, schema):
    schema.assertValid(etree.fromstring(files_of(core, preset)["gemm.xml"].encode()))


def test_a_component_has_the_ports_of_the_verilog(tmp_path):
    core = CORES["tile"]
    generate(core, core.config.preset("nano"), tmp_path)
    described = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["ports"]
    found = {}
    for port in etree.fromstring(files_of(core)["gemm.xml"].encode()).iterfind(".//ipxact:port", SPACE):
        left = texts(port, ".//ipxact:left")
        direction = {"in": "input", "out": "output"}[texts(port, ".//ipxact:direction")[0]]
        found[texts(port, "ipxact:name")[0]] = (direction, int(left[0]) + 1 if left else 1)
    assert found == {port["name"]: (port["direction"], port["bits"]) for port in described}


def test_each_port_of_an_accelerator_is_in_one_interface():
    tree = etree.fromstring(files_of(CORES["accelerator"])["gemm.xml"].encode())
    mapped = texts(tree, ".//ipxact:physicalPort/ipxact:name")
    assert sorted(mapped) == sorted(texts(tree, ".//ipxact:port/ipxact:name"))


def test_the_memory_map_has_every_register_that_the_configuration_has():
    core = CORES["accelerator"]
    compact = core.config.preset("nano", variant="compact", max_burst=1, outstanding=1)
    for config in (core.config.preset("small"), compact):
        tree = etree.fromstring(package_files(core, config, "generic", NAME)["gemm.xml"].encode())
        offsets = map(int, texts(tree, ".//ipxact:addressOffset"))
        names = texts(tree, ".//ipxact:register/ipxact:name")
        assert list(zip(names, offsets, strict=True)) == [(r.name, r.offset) for r in registers_of(config)]


def test_streams_and_memory_ports_are_interfaces_of_their_kinds():
    tree = etree.fromstring(files_of(CORES["dma-reader"])["gemm.xml"].encode())
    found = {
        texts(bus, "ipxact:name")[0]: (
            bus.find("ipxact:busType", SPACE).get("name"),
            "master" if bus.find("ipxact:master", SPACE) is not None else "slave",
        )
        for bus in tree.iterfind(".//ipxact:busInterface", SPACE)
    }
    assert found == {
        "m_axis": ("axis", "master"),
        "m_axi": ("aximm", "master"),
        "clk": ("clock", "slave"),
        "rst": ("reset", "slave"),
    }


@pytest.mark.parametrize("family", ["generic", "ecp5"])
def test_fusesoc_lints_a_core(family, tmp_path):
    core = CORES["tile"]
    config = core.config.preset("small")
    generate(core, config, tmp_path, family)
    (tmp_path / "gemm.core").write_text(package_files(core, config, family, NAME)["gemm.core"], encoding="utf-8")
    environment = simulator_environment("verilator") | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    command = ["fusesoc", "--cores-root", ".", "run", "--target=lint", str(NAME)]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    assert "%Warning" not in done.stdout


@pytest.mark.parametrize("core", CORES.values(), ids=list(CORES))
def test_the_script_for_vivado_is_tcl_and_calls_nothing_else_than_vivado(core):
    """Vivado's own commands are replaced: that it takes them is not tested."""
    tcl = tkinter.Tcl()
    tcl.eval("""
        set calls {}
        proc unknown {name args} {
            if {![string match ipx::* $name] && $name ni {create_project add_files set_property get_property
                current_fileset}} { error "no command $name" }
            lappend ::calls $name
            if {$name eq "ipx::get_bus_interfaces" && [llength $args] == 2} { return {m_axi clk s_axil} }
            if {$name eq "get_property"} { return [lindex $args 1] }
            return $name
        }
    """)
    tcl.eval(files_of(core)["package_ip.tcl"])
    calls = tcl.eval("set calls").split()
    assert calls[0] == "create_project"
    assert calls[-1] == "ipx::save_core"
    assert calls.count("ipx::associate_bus_interfaces") == 3


def test_without_a_name_the_package_is_called_as_the_core():
    assert str(default_vlnv(CORES["dma-reader"])).startswith("tilewright:ip:dma_reader:")
    assert Vlnv.parse(str(default_vlnv(CORES["tile"]))) == default_vlnv(CORES["tile"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:b:c", "VENDOR:LIBRARY:NAME:VERSION"),
        ("a:b:c:1:2", "VENDOR:LIBRARY:NAME:VERSION"),
        (":b:c:1", "the vendor ''"),
        ("a:b/../x:c:1", "the library 'b/../x'"),
        ("a:b:9c:1", "the name '9c'"),
        ("a:b:c:v1", "the version 'v1'"),
        ("a:b:c:1.2.3.4", "the version '1.2.3.4'"),
        ("a:b:c:\u0661", "the version"),
    ],
)
def test_a_name_that_a_tool_would_not_take_is_refused(text, said):
    with pytest.raises(TilewrightError, match=said):
        Vlnv.parse(text)
