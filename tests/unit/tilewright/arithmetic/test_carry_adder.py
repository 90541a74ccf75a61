"""CarryAdder: (a & b, upper bits inverted) + (c & d), portable and as a chain of CCU2C."""

import itertools
import random

import pytest
from amaranth.hdl import Cat, Const, Elaboratable, Fragment, Module, Mux, Value

from tilewright.arithmetic import CarryAdder, ChoosingAdder, FlipAdder, carry_adder
from tilewright.base import Target
from tilewright_sim.testbench import pysim


class Ccu2c(Elaboratable):
    """What a CCU2C cell of the ECP5 does: two bits of a carry chain, each with a LUT of four inputs."""

    def __init__(self, kind, **ports):
        assert kind == "CCU2C"
        assert ports["p_INJECT1_0"] == ports["p_INJECT1_1"] == "NO"
        self.ports = ports

    def elaborate(self, platform):
        m = Module()
        carry: Value = self.ports["i_CIN"]
        for half in (0, 1):
            lut = self.ports.get(f"p_INIT{half}", Const(0, 16))
            a, b, c, d = (self.ports[f"i_{name}{half}"] for name in "ABCD")
            propagate = lut.bit_select(Cat(a, b, c, d), 1)
            if f"o_S{half}" in self.ports:
                m.d.comb += self.ports[f"o_S{half}"].eq(propagate ^ carry)
            carry = Mux(propagate, carry, lut.bit_select(Cat(a, b), 1))
        if "o_COUT" in self.ports:
            m.d.comb += self.ports["o_COUT"].eq(carry)
        return m


class FlatTarget(Target):
    """Elaborates as for a family, with components in place of module instances."""

    def instance(self, component, name, reset=None):
        return component


class OnEcp5(Elaboratable):
    """A component as it is elaborated for ECP5, its carry cells modelled."""

    def __init__(self, dut):
        self.dut = dut

    def elaborate(self, platform):
        return Fragment.get(self.dut, FlatTarget("test", "ecp5"))


@pytest.fixture(params=["portable", "ecp5"])
def form(request, monkeypatch):
    """Wraps a component in the form to simulate."""
    monkeypatch.setattr(carry_adder, "Instance", Ccu2c)
    return OnEcp5 if request.param == "ecp5" else lambda dut: dut


@pytest.mark.parametrize(("width", "inverted_from"), [(1, None), (1, 0), (2, None), (2, 1), (2, 0), (3, 2), (3, None)])
def test_all_operands_of_a_small_adder(form, width, inverted_from):
    check(form, width, inverted_from, itertools.product(range(1 << width), repeat=4))


@pytest.mark.parametrize("width", [4, 5, 9, 10, 18])
@pytest.mark.parametrize("place", ["none", "bottom", "middle", "top"])
def test_corners_and_random_operands_of_a_wide_adder(form, width, place):
    full = (1 << width) - 1
    corners = [0, 1, full, full - 1, 1 << width - 1, full >> 1]
    rng = random.Random(width)
    operands = [*itertools.product(corners, (0, full), corners, (0, full))]
    operands += [tuple(rng.getrandbits(rng.randint(1, width)) for _ in range(4)) for _ in range(200)]
    check(form, width, {"none": None, "bottom": 0, "middle": width // 2, "top": width - 1}[place], operands)


@pytest.mark.parametrize(("width", "cells"), [(1, 1), (2, 1), (3, 2), (9, 5), (10, 5)])
def test_ecp5_takes_half_a_cell_for_each_bit_and_no_other_logic(width, cells):
    text = Target("test", "ecp5").convert(CarryAdder(width, width // 2), {})
    assert text.count("cell \\CCU2C ") == cells
    assert text.count("cell ") == cells
    assert "CCU2C" not in Target("test", "xc7").convert(CarryAdder(width), {})


def check(form, width, inverted_from, operands):
    dut = CarryAdder(width, inverted_from)
    full = (1 << width) - 1
    inverted = 0 if inverted_from is None else full >> inverted_from << inverted_from

    async def bench(ctx):
        for a, b, c, d in operands:
            ctx.set(Cat(dut.a, dut.b, dut.c, dut.d), a | b << width | c << 2 * width | d << 3 * width)
            want = (((a & b) ^ inverted) + (c & d)) & full
            assert ctx.get(dut.total) == want, (a, b, c, d)

    operands = list(operands)
    pysim.run(form(dut), bench)


def test_either_adds_where_one_of_the_other_operands_is_set(form):
    width = 3
    dut = CarryAdder(width, either=True)

    async def bench(ctx):
        for a, b, c, d in itertools.product(range(1 << width), repeat=4):
            for port, value in ((dut.a, a), (dut.b, b), (dut.c, c), (dut.d, d)):
                ctx.set(port, value)
            await ctx.delay(1e-9)
            assert ctx.get(dut.total) == (a & b) + (c | d) & (1 << width) - 1

    pysim.run(form(dut), bench)


def test_a_choosing_adder_adds_one_of_two_operands(form):
    width = 3
    dut = ChoosingAdder(width)

    async def bench(ctx):
        for a, c, d, second in itertools.product(*[range(1 << width)] * 3, range(2)):
            for port, value in ((dut.a, a), (dut.c, c), (dut.d, d), (dut.second, second)):
                ctx.set(port, value)
            await ctx.delay(1e-9)
            assert ctx.get(dut.total) == a + (d if second else c) & (1 << width) - 1

    pysim.run(form(dut), bench)


def test_either_inverts_nothing():
    with pytest.raises(ValueError, match="either"):
        CarryAdder(4, 2, either=True)


@pytest.mark.parametrize("width", [1, 2, 5, 30])
def test_a_flip_adder_flips_what_both_vectors_say_and_adds(width, form, monkeypatch):
    monkeypatch.setattr(carry_adder, "Instance", Ccu2c)
    dut, chance = FlipAdder(width), random.Random(width)
    cases = [[chance.getrandbits(width) for _ in range(4)] for _ in range(200)]
    if width < 3:
        cases = list(itertools.product(range(1 << width), repeat=4))
    totals = []

    async def bench(ctx):
        for case in cases:
            for name, value in zip("abfg", case, strict=True):
                ctx.set(getattr(dut, name), value)
            await ctx.delay(1e-9)
            totals.append(ctx.get(dut.total))

    pysim.run(form(dut), bench)
    assert totals == [((a ^ (f & g)) + b) % (1 << width) for a, b, f, g in cases]
