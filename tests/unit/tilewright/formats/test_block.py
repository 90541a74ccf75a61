"""Block formats: where each part of a record lies."""

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.sim import Simulator

from tilewright.formats import FORMATS

SIZES = {"int8": 1, "q8_0": 34, "q8_e5m3": 33, "q4_0": 18, "q4_1": 20, "mxint8": 33, "mxfp6_e2m3": 25, "mxfp4": 17,
         "nvfp4": 36}  # fmt: skip


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_every_bit_of_a_record_is_of_one_part(form):
    header = range(8 * form.header_bytes)
    codes = [form.code_place(number) + bit for number in range(form.record) for bit in range(form.element.bits)]
    assert sorted([*header, *codes]) == [*range(8 * form.record_bytes)]
    assert form.record_bytes == SIZES[form.name]
    assert form.bits_per_element == 8 * SIZES[form.name] / form.record


def test_a_row_has_whole_records():
    assert [FORMATS["q4_1"].row_bytes(k) for k in (1, 32, 33, 576)] == [20, 20, 40, 360]
    assert FORMATS["int8"].row_bytes(33) == 33


@pytest.mark.parametrize("name", ["q4_0", "q4_1", "mxfp6_e2m3", "nvfp4"])
def test_hardware_takes_a_record_apart(name):
    form = FORMATS[name]
    record = Signal(8 * form.record_bytes)
    codes = Signal(form.record * form.element.bits)
    scales = [form.scale_of(record, block) for block in range(form.blocks)]
    m = Module()
    m.d.comb += codes.eq(form.codes(record))
    headers = Signal(32)
    m.d.comb += headers.eq(Cat(scale.mantissa for scale in scales))
    simulator = Simulator(m)

    async def compare(ctx):
        for number in range(form.record):
            ctx.set(record, 1 << form.code_place(number))
            found = ctx.get(codes) ^ sum(form.inverted << n * form.element.bits for n in range(form.record))
            assert found == 1 << number * form.element.bits
        for block in range(form.blocks):
            ctx.set(record, 1 << 8 * form.scale.bytes * block)
            assert [ctx.get(scale.mantissa) & 1 for scale in scales] == [n == block for n in range(form.blocks)]

    simulator.add_testbench(compare)
    simulator.run()


def test_the_minimum_follows_the_scale():
    form = FORMATS["q4_1"]
    record = Signal(8 * form.record_bytes)
    scale, minimum = form.scale_of(record), form.minimum_of(record)
    m = Module()
    both = Signal(24)
    m.d.comb += both.eq(Cat(scale.mantissa, minimum.mantissa))
    simulator = Simulator(m)

    async def compare(ctx):
        ctx.set(record, 0x4200_3E00)  # 3 and 1.5 in binary16
        assert (ctx.get(scale.mantissa), ctx.get(minimum.mantissa)) == (0x600, 0x600)
        assert (ctx.get(scale.exponent), ctx.get(minimum.exponent)) == (0, 1)

    simulator.add_testbench(compare)
    simulator.run()
