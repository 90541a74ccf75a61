"""The block design of the documentation connects every interface of a packaged accelerator, once."""

import tkinter
from collections import Counter

import pytest
from docs.test_examples import ROOT, blocks

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.cores import CORES
from tilewright.packaging.interfaces import interfaces_of

PAGE = ROOT / "docs" / "tutorial" / "in_your_soc.md"
VIVADO = """
    set cells {}
    set used {}
    proc unknown {name args} {
        if {$name ni {create_project set_property current_project update_ip_catalog create_bd_design get_bd_cells
            apply_bd_automation connect_bd_net connect_bd_intf_net get_bd_addr_spaces get_bd_addr_segs
            assign_bd_address validate_bd_design save_bd_design}} { error "no command $name" }
        if {$name in {get_bd_cells get_bd_addr_spaces get_bd_addr_segs}} { known [lindex $args 0] }
        if {$name in {connect_bd_net connect_bd_intf_net} && [llength $args] != 2} { error "$name: two ends" }
        return $name
    }
    proc known {path} {
        set cell [lindex [split $path /] 0]
        if {$cell ni $::cells} { error "no cell $cell" }
    }
    proc create_bd_cell {args} { lappend ::cells [lindex $args end] }
    proc use {kind paths} {
        foreach path $paths { known $path; lappend ::used $kind:$path }
        return $paths
    }
    proc get_bd_pins {paths} { use pin $paths }
    proc get_bd_intf_pins {paths} { use interface $paths }
"""


def design() -> str:
    (block,) = (block for block in blocks(PAGE) if block.language == "tcl")
    return block.text


def run(script: str) -> list[str]:
    tcl = tkinter.Tcl()
    tcl.eval(VIVADO)
    tcl.eval(script)
    return list(tcl.splitlist(tcl.eval("set used")))


def test_the_script_is_tcl_and_connects_each_port_of_the_accelerator_once():
    """Vivado's own commands are replaced: that it takes them is not tested."""
    core = CORES["accelerator"]
    ports = core.ports_of(AcceleratorConfig.preset("nano"))
    buses = interfaces_of(ports)
    loose = {port.name for port in ports} - {name for bus in buses for name in bus.ports.values()}
    wanted = {f"interface:gemm/{bus.name}" for bus in buses} | {f"pin:gemm/{name}" for name in loose | {"clk", "rst"}}
    used = Counter(path for path in run(design()) if "/" in path)
    assert {path for path in used if ":gemm/" in path} == wanted
    assert set(used.values()) == {1}


@pytest.mark.parametrize(
    ("text", "wrong", "says"),
    [
        ("get_bd_pins gemm/irq", "get_bd_pins gem/irq", "no cell gem"),
        ("validate_bd_design", "validate_design", "no command validate_design"),
    ],
)
def test_the_stand_ins_find_a_mistake_in_the_script(text, wrong, says):
    assert text in design()
    with pytest.raises(tkinter.TclError, match=says):
        run(design().replace(text, wrong))
