"""LutMultiplier and RowSum, portable and with carry cells, against the products of Python's integers."""

import itertools
import random

import pytest
from amaranth.hdl import Cat
from unit.tilewright.arithmetic.test_carry_adder import Ccu2c, OnEcp5

from tilewright.arithmetic import carry_adder
from tilewright.arithmetic.multiplier_lut import LutMultiplier, RowSum
from tilewright_sim.testbench import pysim


@pytest.fixture(params=["portable", "ecp5"])
def form(request, monkeypatch):
    """Wraps a component in the form to simulate."""
    monkeypatch.setattr(carry_adder, "Instance", Ccu2c)
    return OnEcp5 if request.param == "ecp5" else lambda dut: dut


@pytest.mark.parametrize(("a_bits", "b_bits"), list(itertools.product((2, 3, 4), repeat=2)))
def test_all_pairs_of_small_operands(form, a_bits, b_bits):
    pairs = itertools.product(range(-(1 << a_bits - 1), 1 << a_bits - 1), range(-(1 << b_bits - 1), 1 << b_bits - 1))
    check_products(form, a_bits, b_bits, list(pairs))


@pytest.mark.parametrize("a_bits", range(2, 17))
def test_corners_and_random_operands_of_every_width(form, a_bits):
    for b_bits in {a_bits, 18 - a_bits}:
        check_products(form, a_bits, b_bits, samples(a_bits, b_bits))


@pytest.mark.parametrize(("a_bits", "b_bits"), [(2, 15), (3, 16), (15, 2), (16, 3), (5, 16), (16, 7)])
def test_corners_and_random_operands_of_widths_far_apart(a_bits, b_bits):
    check_products(lambda dut: dut, a_bits, b_bits, samples(a_bits, b_bits))


@pytest.mark.parametrize("subtract_last", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("a_bits", [2, 5])
def test_row_sum_is_the_product_with_its_upper_part_complemented_if_b_is_signed(form, a_bits, rows, subtract_last):
    dut = RowSum(a_bits, rows, subtract_last)
    assert len(dut.total) == a_bits + rows
    upper = (1 << a_bits + 1) - 1 << rows - 1 if subtract_last else 0

    async def bench(ctx):
        for a, b in samples(a_bits, max(rows, 2)):
            bits = b & ((1 << rows) - 1)
            ctx.set(dut.a, a)
            ctx.set(dut.b, bits)
            factor = bits - (bits >> rows - 1 << rows) if subtract_last else bits
            total = ctx.get(dut.total.as_unsigned())
            assert total ^ upper == a * factor & ((1 << a_bits + rows) - 1), (a, factor)

    pysim.run(form(dut), bench)


def check_products(form, a_bits, b_bits, pairs):
    """One product every cycle, of the operands one cycle before."""
    dut = LutMultiplier(a_bits, b_bits)
    assert len(dut.product) == a_bits + b_bits

    async def bench(ctx):
        before = None
        for a, b in [*pairs, (0, 0)]:
            ctx.set(Cat(dut.a, dut.b), (a & ((1 << a_bits) - 1)) | b << a_bits)
            if before:
                assert ctx.get(dut.product) == before[0] * before[1], before
            before = a, b
            await ctx.tick()

    pysim.run(form(dut), bench)


def samples(a_bits, b_bits):
    rng = random.Random(a_bits * 17 + b_bits)

    def some(bits):
        bound = 1 << bits - 1
        return [-bound, 1 - bound, -1, 0, 1, bound - 1, *(
            max(-bound, min(bound - 1, rng.choice((-1, 1)) * rng.getrandbits(rng.randint(1, bits - 1))))
            for _ in range(3)
        )]  # fmt: skip

    return list(itertools.product(some(a_bits), some(b_bits)))
