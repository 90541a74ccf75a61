"""Multiplier: exact products with the lead and latency of its kind, one a cycle, the weight changing at will."""

import itertools
import random

import pytest
from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal, signed
from unit.tilewright.arithmetic.test_carry_adder import Ccu2c, OnEcp5

from tilewright.arithmetic import TIMING, Multiplier, RegisteredProduct, carry_adder, registered_product
from tilewright_sim.testbench import pysim

KINDS = ["infer", "dsp", "lut"]
TIED = {"RST0": 0, "SIGNEDA": 1, "SIGNEDB": 1, "SOURCEA": 0, "SOURCEB": 0}


class Mult18x18d(Elaboratable):
    """What a MULT18X18D does with registers at both inputs and at the output, B's enabled by CE1."""

    def __init__(self, kind, **ports):
        assert kind == "MULT18X18D"
        assert {f"p_{stage}_CE": ports[f"p_{stage}_CE"] for stage in ("REG_INPUTA", "REG_INPUTB", "REG_OUTPUT")} == {
            "p_REG_INPUTA_CE": "CE0",
            "p_REG_INPUTB_CE": "CE1",
            "p_REG_OUTPUT_CE": "CE0",
        }
        assert {ports[f"p_REG_{stage}_CLK"] for stage in ("INPUTA", "INPUTB", "OUTPUT")} == {"CLK0"}
        assert ports["p_REG_PIPELINE_CLK"] == "NONE"
        assert {name: ports[f"i_{name}"].value for name in TIED} == TIED
        self.ports = ports

    def elaborate(self, platform):
        m = Module()
        a, b, p = Signal(signed(18)), Signal(signed(18)), Signal(signed(36))
        ce0, ce1 = self.ports["i_CE0"], self.ports["i_CE1"]
        m.d.sync += a.eq(Mux(ce0, Cat(self.ports[f"i_A{bit}"] for bit in range(18)), a))
        m.d.sync += b.eq(Mux(ce1, Cat(self.ports[f"i_B{bit}"] for bit in range(18)), b))
        m.d.sync += p.eq(Mux(ce0, a * b, p))
        for bit in range(36):
            if f"o_P{bit}" in self.ports:
                m.d.comb += self.ports[f"o_P{bit}"].eq(p[bit])
        return m


@pytest.fixture(params=["portable", "ecp5"])
def form(request, monkeypatch):
    """Wraps a component in the form to simulate."""
    monkeypatch.setattr(carry_adder, "Instance", Ccu2c)
    monkeypatch.setattr(registered_product, "Instance", Mult18x18d)
    return OnEcp5 if request.param == "ecp5" else lambda dut: dut


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(2, 2), (8, 8), (3, 16), (16, 3), (16, 16)])
def test_the_weight_may_change_each_cycle(form, kind, widths):
    rng = random.Random(1)
    pairs = itertools.product(corners(widths[0], rng), corners(widths[1], rng))
    check(form, kind, widths, [(a, w, 1) for a, w in pairs])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(8, 8), (2, 5)])
def test_the_weight_stays_while_it_is_not_loaded(form, kind, widths):
    rng = random.Random(2)
    check(
        form, kind, widths,
        [(rng.choice(corners(widths[0], rng)), rng.choice(corners(widths[1], rng)), rng.random() < 0.3)
         for _ in range(200)],
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "lead", "latency"), [("infer", 1, 1), ("dsp", 0, 3), ("lut", 1, 2)])
def test_one_product_appears_exactly_one_latency_after_its_activation(form, kind, lead, latency):
    assert TIMING[kind] == (lead, latency)
    dut = Multiplier(kind, 8, 8)
    assert (dut.weight_lead, dut.latency) == (lead, latency)
    seen = []

    async def bench(ctx):
        seen.clear()
        for cycle in range(12):
            # The weight 7 is there for one activation only, and the activation for one cycle.
            ctx.set(dut.weight, 7 if cycle == 4 - lead else -1)
            ctx.set(dut.load, 1)
            ctx.set(dut.activation, -9 if cycle == 4 else 0)
            seen.append(ctx.get(dut.product))
            await ctx.tick()

    pysim.run(form(dut), bench)
    assert {cycle: product for cycle, product in enumerate(seen) if product and cycle > 3} == {4 + latency: -63}


@pytest.mark.parametrize("kind", KINDS)
def test_the_product_is_exact_at_the_bounds(form, kind):
    lows = [(-128, -128, 1), (-128, 127, 1), (127, -128, 1), (127, 127, 1)]
    check(form, kind, (8, 8), lows)


@pytest.mark.parametrize("widths", [(18, 18), (15, 18), (3, 2)])
def test_a_registered_product_has_a_latency_of_two_cycles(form, widths):
    rng = random.Random(3)
    pairs = list(itertools.product(corners(widths[0], rng), corners(widths[1], rng)))
    dut = RegisteredProduct(*widths)

    async def bench(ctx):
        for cycle, (a, b) in enumerate([*pairs, (0, 0), (0, 0)]):
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            if cycle >= 2:
                assert ctx.get(dut.product) == pairs[cycle - 2][0] * pairs[cycle - 2][1]
            await ctx.tick()

    pysim.run(form(dut), bench)


def test_an_unknown_kind_is_refused():
    with pytest.raises(KeyError):
        TIMING["magic"]


def check(form, kind, widths, cycles):
    """``cycles`` are (activation, weight, load); products are compared in each cycle."""
    dut = Multiplier(kind, *widths)
    lead, latency = TIMING[kind]
    assert dut.product.shape() == signed(sum(widths))

    async def bench(ctx):
        for cycle in range(len(cycles) + latency):
            activation, weight, load = cycles[cycle] if cycle < len(cycles) else (0, 0, 0)
            ctx.set(dut.activation, activation)
            ctx.set(dut.weight, weight)
            ctx.set(dut.load, load)
            then = cycle - latency
            loads = [weight for weight, load in (entry[1:] for entry in cycles[: max(0, then - lead + 1)]) if load]
            if then >= 0 and loads:
                assert ctx.get(dut.product) == cycles[then][0] * loads[-1], f"cycle {cycle}"
            await ctx.tick()

    pysim.run(form(dut), bench)


def corners(bits, rng):
    bound = 1 << bits - 1
    return [-bound, bound - 1, 0, -1, 1, max(-bound, -rng.getrandbits(rng.randint(1, bits))), rng.getrandbits(bits - 1)]
