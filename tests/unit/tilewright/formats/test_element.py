"""Element formats: the integer of each code, and how many bytes a row takes, in Python and in hardware."""

import ml_dtypes
import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from tilewright.formats import E2M1, E2M3, INT4, INT8, UINT4, ElementFormat, minifloat, signed_bits

EVERY = [INT8, INT4, UINT4, E2M1, E2M3]
SHAPES = {"int8": 8, "int4": 4, "uint4": 5, "E2M1": 5, "E2M3": 7}
TYPES = {"int8": np.int8, "int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4, "E2M1": ml_dtypes.float4_e2m1fn,
         "E2M3": ml_dtypes.float6_e2m3fn}  # fmt: skip


@pytest.mark.parametrize("element", EVERY, ids=lambda element: element.name)
def test_every_code_has_the_value_of_another_library(element):
    codes = np.arange(1 << element.bits, dtype=np.uint8)
    values = codes.view(TYPES[element.name]).astype(float)
    if element.name in ("int4", "uint4"):  # the library ignores the upper bits
        values = np.array([float(np.array(code, np.uint8).view(TYPES[element.name])) for code in codes])
    assert np.array_equal(np.array(element.values) * 2.0**-element.fraction_bits, values)
    assert element.shape == signed(SHAPES[element.name])


@pytest.mark.parametrize("element", [*EVERY, minifloat("E3M2", 3, 2)], ids=lambda element: element.name)
def test_hardware_decodes_every_code(element):
    code, found = Signal(element.bits), Signal(element.shape)
    m = Module()
    m.d.comb += found.eq(element.decode(code))
    simulator = Simulator(m)

    async def compare(ctx):
        for number, value in enumerate(element.values):
            ctx.set(code, number)
            assert ctx.get(found) == value

    simulator.add_testbench(compare)
    simulator.run()


@pytest.mark.parametrize(
    ("low", "high", "bits"), [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-128, 127, 8), (-129, 0, 9), (-8, 8, 5)]
)
def test_signed_bits_hold_both_ends_and_no_bit_is_spare(low, high, bits):
    assert signed_bits(low, high) == bits


@pytest.mark.parametrize(
    ("bits", "rows"), [(8, {0: 0, 1: 1, 7: 7}), (4, {0: 0, 1: 1, 2: 1, 3: 2, 8: 4}), (6, {1: 1, 4: 3, 5: 4})]
)
def test_a_row_takes_whole_bytes(bits, rows):
    element = ElementFormat(f"int{bits}", bits)
    count, found = Signal(4), Signal(8)
    m = Module()
    m.d.comb += found.eq(element.bytes_of(count))
    simulator = Simulator(m)

    async def compare(ctx):
        for number, size in rows.items():
            ctx.set(count, number)
            assert ctx.get(found) == element.bytes_of(number) == size

    simulator.add_testbench(compare)
    simulator.run()


def test_bytes_add_no_logic_to_a_byte_wide_format():
    count = Signal(4)
    assert INT8.bytes_of(count) is count
