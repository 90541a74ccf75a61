"""The SystemRDL of the registers compiles, and says what the table says."""

import pytest
from systemrdl import RDLCompiler
from systemrdl.rdltypes import AccessType, OnWriteType

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import Field, constants, registers_of, reset_value, system_rdl

SOFTWARE = {"ro": AccessType.r, "rw": AccessType.rw, "w1": AccessType.w, "w1c": AccessType.rw, "wo": AccessType.w}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vector_lanes": 1},
        {"variables": 3},
        {"variant": "compact", "max_burst": 1, "outstanding": 1},
        {"addr_bits": 40},
    ],
)
def test_the_compiler_finds_every_register_and_field(changes, tmp_path):
    config = AcceleratorConfig.preset("nano", **changes)
    source = tmp_path / "registers.rdl"
    source.write_text(system_rdl(config), encoding="utf-8")
    compiler = RDLCompiler()
    compiler.compile_file(str(source))
    found = {register.inst_name: register for register in compiler.elaborate().top.registers()}
    expected = registers_of(config)
    assert list(found) == [register.name for register in expected]
    fixed = constants(config)
    for register in expected:
        node = found[register.name]
        assert (node.absolute_address, node.get_property("regwidth")) == (register.offset, 32)
        fields = {field.inst_name: field for field in node.fields()}
        wanted = register.fields or (Field("value", 0, 32, ""),)
        assert sorted(fields) == sorted(field.name for field in wanted)
        for field in wanted:
            there = fields[field.name]
            assert (there.low, there.high) == (field.low, field.low + field.bits - 1)
            assert there.get_property("reset") == (reset_value(register, fixed) & field.mask) >> field.low
            assert there.get_property("sw") == SOFTWARE[register.access]
            assert there.get_property("desc", default=None) == (field.about or None)
            assert (there.get_property("onwrite") == OnWriteType.woclr) == (register.access == "w1c")
            assert there.get_property("singlepulse") == (register.access == "w1")
            assert there.is_hw_writable == (register.access in ("ro", "rw", "w1c") and register.name not in fixed)
