"""The C header compiles and agrees with the tables; the page lists everything."""

import re
import shutil
import subprocess

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import (
    DESCRIPTOR,
    ERRORS,
    FLAGS,
    GEOMETRY,
    REGISTER_ADDRESS_BITS,
    REGISTERS,
    c_header,
    register_page,
)
from tilewright.accelerator.registers.constants import constants
from tilewright.accelerator.registers.register_file import RegisterFile
from tilewright_sim.host.descriptor import Descriptor, flag_bits
from tilewright_sim.testbench import pysim
from tilewright_sim.testbench.axi_lite_host import BusError, LiteHost

SMALL = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"])
BLOCKS = AcceleratorConfig(rows=32, cols=8, dot=32, data_bits=64, chunk_words=8, ring_words=256,
                           a_format="q8_e5m3", b_formats=["q4_1", "q8_0"])  # fmt: skip
ECC = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"], ecc=True)  # has every register

PROGRAM = """
#include <stdio.h>
#include "tilewright.h"
#include "tilewright.h"

int main(void) {
    struct tilewright_descriptor d = {%s};
    const unsigned char *byte = (const unsigned char *)&d;
    for (size_t n = 0; n < sizeof d; n++) printf("%%02x", byte[n]);
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
    (tmp_path / "tilewright.h").write_text(c_header(SMALL), encoding="utf-8")
    (tmp_path / "test.c").write_text(PROGRAM % given, encoding="utf-8")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *flags, *warnings, "test.c", "-o", "test"], cwd=tmp_path, check=True)
    result = subprocess.run([tmp_path / "test"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert result.stdout == Descriptor(**values).pack().hex()


CONFIGS = {
    "small": SMALL,
    "ecc": ECC,
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
    for config in (BLOCKS, ECC):
        found = re.findall(r"#define (TILEWRIGHT_\w+) (0x[0-9A-F]+|\d+)u", c_header(config))
        defines |= {name: int(value, 0) for name, value in found}
    for register in REGISTERS:
        assert defines[f"TILEWRIGHT_{register.name}"] == register.offset
        for field in register.fields:
            name = f"TILEWRIGHT_{register.name}_{field.name.upper()}"
            assert defines[f"{name}_SHIFT"] == field.low
            assert defines[f"{name}_MASK"] == ((1 << field.bits) - 1) << field.low
    for name, value in constants(ECC).items():
        assert defines[f"TILEWRIGHT_{name}_VALUE"] == value
    assert all(defines[f"TILEWRIGHT_ERROR_{name}"] == code for name, (code, _) in ERRORS.items())
    assert all(defines[f"TILEWRIGHT_FLAG_{name}"] == 1 << bit for name, (bit, _) in FLAGS.items())
    assert defines["TILEWRIGHT_UNIT_STORE_C"] == 5
    assert defines["TILEWRIGHT_ACTIVITY_DEPENDENCY"] == 4


def test_page_lists_every_register_field_and_flag():
    page = register_page(BLOCKS) + register_page(ECC)
    for register in REGISTERS:
        assert f"| 0x{register.offset:03X} | `{register.name}` | {register.access} |" in page
        for field in register.fields:
            assert f"| `{field.name}` | {field.about} |" in page
    for field in DESCRIPTOR:
        assert f"| {field.offset} | `{field.name}` |" in page
    for field in GEOMETRY:
        assert f"| {field.offset} | `{field.name}` |" in page
    for name in [*FLAGS, *ERRORS]:
        assert f"`{name}`" in page
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
