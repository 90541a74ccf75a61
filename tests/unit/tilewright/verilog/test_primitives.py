"""PRIMITIVES: what Tilewright says of a vendor's primitive agrees with Yosys's library."""

import json

import pytest

from tilewright.tools import run_yosys
from tilewright.verilog.primitives import PRIMITIVES

LIBRARIES = {"ecp5": "+/ecp5/cells_sim.v +/ecp5/cells_bb.v", "ice40": "+/ice40/cells_sim.v"}


@pytest.mark.parametrize("family", PRIMITIVES)
def test_ports_and_parameters_are_those_of_the_library(family, tmp_path):
    names = " ".join(f"={primitive.name}" for primitive in PRIMITIVES[family])
    read = [f"read_verilog -lib {LIBRARIES[family]}", f"select -set known {names}", "delete =* @known %d"]
    run_yosys([*read, "write_json library.json"], tmp_path)
    library = json.loads((tmp_path / "library.json").read_text())["modules"]
    for primitive in PRIMITIVES[family]:
        module = library[primitive.name]
        ports = {name: (port["direction"], len(port["bits"])) for name, port in module["ports"].items()}
        declared = {name: ("input", bits) for name, bits in primitive.inputs.items()}
        declared |= {name: ("output", bits) for name, bits in primitive.outputs.items()}
        assert declared.items() <= ports.items()
        assert set(primitive.parameters) <= set(module.get("parameter_default_values", ()))
