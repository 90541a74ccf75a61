"""The C header compiles and agrees with the tables; the page lists everything."""

import re
import shutil
import subprocess

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Activity, ElementType, Operation
from tilewright.accelerator.registers import (
    DESCRIPTOR,
    ERRORS,
    FLAGS,
    GEOMETRY,
    REGISTER_ADDRESS_BITS,
    REGISTERS,
    VECTOR_DESCRIPTOR,
    VECTOR_FLAGS,
    c_header,
    register_page,
    registers_of,
)
from tilewright.accelerator.registers.constants import constants
from tilewright.accelerator.registers.register_file import RegisterFile
from tilewright_sim.host.descriptor import Descriptor, VectorDescriptor, flag_bits
from tilewright_sim.testbench import pysim
from tilewright_sim.testbench.axi_lite_host import BusError, LiteHost

SMALL = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"])
BLOCKS = AcceleratorConfig(rows=32, cols=8, dot=32, data_bits=64, chunk_words=8, ring_words=256,
                           a_format="q8_e5m3", b_formats=["q4_1", "q8_0"])  # fmt: skip
ECC = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"], ecc=True)
VECTOR = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"], vector_lanes=2)
VARIABLES = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"], variables=5)
EVERYTHING = (BLOCKS, ECC, VARIABLES.replace(variables=16), VECTOR)  # these have every register

PROGRAM = """
#include <stdio.h>
#include "tilewright.h"
#include "tilewright.h"

int main(void) {
    union tilewright_entry entries[2];
    struct tilewright_descriptor d = {%s};
    struct tilewright_vector_descriptor v = {%s};
    const unsigned char *byte = (const unsigned char *)entries;
    entries[0].product = d;
    entries[1].vector = v;
    for (size_t n = 0; n < sizeof entries; n++) printf("%%02x", byte[n]);
    return TILEWRIGHT_STATUS == 0x28 ? 0 : 1;
}
"""


@pytest.mark.parametrize(
    ("compiler", "flags"),
    [("gcc", ["-std=c11", "-pedantic"]), ("g++", ["-std=c++11", "-x", "c++"]), ("g++", ["-std=c++20", "-x", "c++"])],
)
def test_header_compiles_and_packs_as_python(compiler, flags, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler}")
    values = {field.name: (-1 if field.signed else 1) * (3 + 7 * n) for n, field in enumerate(DESCRIPTOR)}
    values["flags"] = flag_bits("REQUANT", "INTERRUPT")
    given = ", ".join("TILEWRIGHT_FLAG_REQUANT | TILEWRIGHT_FLAG_INTERRUPT" if name == "flags" else str(value)
                      for name, value in values.items())  # fmt: skip
    numbers = {field.name: 5 + 3 * n for n, field in enumerate(VECTOR_DESCRIPTOR)}
    numbers |= {"operation": Operation.SILU.value, "types": 0x21, "scalar": 0.75, "scalar2": -3.0}
    vector = ", ".join(f"{value}f" if isinstance(value, float) else str(value) for value in numbers.values())
    (tmp_path / "tilewright.h").write_text(c_header(SMALL), encoding="utf-8")
    (tmp_path / "test.c").write_text(PROGRAM % (given, vector), encoding="utf-8")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *flags, *warnings, "test.c", "-o", "test"], cwd=tmp_path, check=True)
    result = subprocess.run([tmp_path / "test"], cwd=tmp_path, check=True, capture_output=True, text=True)
    del numbers["types"]
    packed = VectorDescriptor(**numbers, x_type=1, y_type=0, c_type=2).pack()
    assert result.stdout == Descriptor(**values).pack().hex() + packed.hex()


CONFIGS = {
    "small": SMALL,
    "ecc": ECC,
    "vector": VECTOR,
    "variables": VARIABLES,
    "wide": AcceleratorConfig(**AcceleratorConfig.PRESETS["small"] | {"addr_bits": 40}),
    "compact": AcceleratorConfig(**AcceleratorConfig.PRESETS["nano"] | {
        "variant": "compact", "max_burst": 1, "outstanding": 1, "addr_bits": 20, "size_bits": 11, "stride_bits": 14,
    }),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_page_and_header_list_the_registers_that_answer_and_no_others(name):
    config = CONFIGS[name]
    dut = RegisterFile(config)
    answered = set()

    async def bench(ctx):
        host = LiteHost(dut.s_axil)
        for offset in range(0, 1 << REGISTER_ADDRESS_BITS, 4):
            try:
                await host.read(ctx, offset)
                answered.add(offset)
            except BusError:
                pass

    async def counters(ctx):
        while True:
            *_, request = await ctx.tick().sample(dut.counter_request)
            ctx.set(dut.counter_done, request)

    pysim.run(dut, bench, background=[counters])
    in_page = re.findall(r"^\| 0x([0-9A-F]{3}) \|", register_page(config), re.M)
    assert {int(offset, 16) for offset in in_page} == answered
    in_header = re.findall(r"^#define TILEWRIGHT_[A-Z0-9_]+ 0x([0-9A-F]{3})u$", c_header(config), re.M)
    assert {int(offset, 16) for offset in in_header} == answered


def test_header_has_every_number():
    defines = {}
    for config in EVERYTHING:
        found = re.findall(r"#define (TILEWRIGHT_\w+) (0x[0-9A-F]+|\d+)u", c_header(config))
        defines |= {name: int(value, 0) for name, value in found}
    for register in REGISTERS:
        assert defines[f"TILEWRIGHT_{register.name}"] == register.offset
        for field in register.fields:
            name = f"TILEWRIGHT_{register.name}_{field.name.upper()}"
            assert defines[f"{name}_SHIFT"] == field.low
            assert defines[f"{name}_MASK"] == ((1 << field.bits) - 1) << field.low
    for name, value in constants(VECTOR).items():
        assert defines[f"TILEWRIGHT_{name}_VALUE"] == value
    assert all(defines[f"TILEWRIGHT_ERROR_{name}"] == code for name, (code, _) in ERRORS.items())
    flags = (FLAGS | VECTOR_FLAGS).items()
    assert all(defines[f"TILEWRIGHT_FLAG_{name}"] == 1 << bit for name, (bit, _) in flags)
    assert all(defines[f"TILEWRIGHT_OPERATION_{name}"] == one.value for name, one in Operation.__members__.items())
    assert all(defines[f"TILEWRIGHT_TYPE_{name}"] == one.value for name, one in ElementType.__members__.items())
    assert (defines["TILEWRIGHT_VECTOR_LANES"], defines["TILEWRIGHT_VECTOR_DESCRIPTOR_VERSION"]) == (2, 2)
    assert defines["TILEWRIGHT_UNIT_STORE_C"] == 5
    assert defines["TILEWRIGHT_UNIT_VECTOR"] == 7
    assert defines["TILEWRIGHT_ACTIVITY_DEPENDENCY"] == 4


def test_page_lists_every_register_field_and_flag():
    page = "".join(map(register_page, EVERYTHING))
    for register in REGISTERS:
        assert f"| 0x{register.offset:03X} | `{register.name}` | {register.access} |" in page
        for field in register.fields:
            assert f"| `{field.name}` | {field.about} |" in page
    for field in DESCRIPTOR:
        assert f"| {field.offset} | `{field.name}` |" in page
    for field in (*GEOMETRY, *VECTOR_DESCRIPTOR):
        assert f"| {field.offset} | `{field.name}` |" in page
    for name in [*FLAGS, *VECTOR_FLAGS, *ERRORS]:
        assert f"`{name}`" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_there_are_as_many_variables_as_the_configuration_has():
    for count in (0, 1, 5, 16):
        config = AcceleratorConfig.preset("nano", variables=count)
        for text in (register_page(config), c_header(config)):
            assert len(set(re.findall(r"VARIABLE_(\d+)(?:`| 0x)", text))) == count
            assert ("CAP_VARIABLES" in text.replace("see CAP_VARIABLES", "")) == (count > 0)


def test_without_a_vector_engine_there_is_nothing_of_it():
    names = {register.name for register in registers_of(SMALL)}
    assert {register.name for register in registers_of(VECTOR)} - names == {
        "CAP_VECTOR", *(f"COUNT_VECTOR_{cause}" for cause in Activity.__members__),
    }  # fmt: skip
    engines = [{f.name for r in registers_of(config) if r.name == "ENGINES" for f in r.fields}
               for config in (SMALL, VECTOR)]  # fmt: skip
    assert engines[1] - engines[0] == {"vector"}
