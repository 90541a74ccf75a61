"""AdderTree: exact sums, a latency of ceil(log2(terms)), one sum a cycle."""

import random
import re

import pytest
from amaranth.back import rtlil
from amaranth.hdl import signed

from tilewright.arithmetic import AdderTree
from tilewright_sim.testbench import pysim

SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16]


@pytest.mark.parametrize(("terms", "latency"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (64, 6)])
def test_latency_is_log2_of_the_terms_rounded_up(terms, latency):
    tree = AdderTree(8, 8, terms)
    assert tree.latency == latency
    check(tree, [[-128 * 127] * terms, [1 << 14] * terms, [0] * terms], 16)


@pytest.mark.parametrize(
    ("widths", "terms", "bits"),
    [((8, 8), 1, 16), ((8, 8), 2, 17), ((8, 8), 3, 17), ((8, 8), 4, 18), ((8, 8), 16, 20), ((2, 2), 7, 6)],
)
def test_the_total_is_as_wide_as_the_largest_sum_needs(widths, terms, bits):
    tree = AdderTree(*widths, terms)
    assert tree.total.shape() == signed(bits)
    largest = 1 << sum(widths) - 2
    check(tree, [[largest] * terms, [-largest // 2] * terms], sum(widths))


@pytest.mark.parametrize("terms", SIZES)
@pytest.mark.parametrize("widths", [(8, 8), (2, 3)])
def test_every_cycle_gives_the_exact_sum_of_the_products_one_latency_ago(widths, terms):
    top = 1 << sum(widths) - 2  # the largest product, of the most negative factors
    low = -((1 << widths[0] - 1) - 1 << widths[1] - 1)  # no product is below it
    rng = random.Random(terms)
    words = [[top] * terms, [low] * terms, [top, low] * terms, [0] * terms, [-1] * terms]
    words += [[1 if term == place else 0 for term in range(terms)] for place in range(terms)]
    words += [[max(low, sign(rng) * rng.getrandbits(rng.randint(1, sum(widths) - 2))) for _ in range(terms)]
              for _ in range(40)]  # fmt: skip
    check(AdderTree(*widths, terms), [word[:terms] for word in words], sum(widths))


@pytest.mark.parametrize("terms", SIZES)
def test_every_level_is_registered_and_nothing_is_reset(terms):
    text = rtlil.convert(AdderTree(4, 4, terms), emit_src=False)
    sums = 0
    level = terms
    while level > 1:
        level = -(-level // 2)
        sums += level
    assert text.count("cell $dff ") == sums
    assert text.count("cell $add ") == terms - 1
    assert len(re.findall(r"\\rst\b", text)) == (sums > 0)  # a port that nothing uses


def check(tree, words, bits):
    mask = (1 << bits) - 1

    async def bench(ctx):
        for cycle in range(len(words) + tree.latency):
            if cycle < len(words):
                ctx.set(tree.products, sum((value & mask) << bits * term for term, value in enumerate(words[cycle])))
            if cycle >= tree.latency:
                assert ctx.get(tree.total) == sum(words[cycle - tree.latency]), f"cycle {cycle}"
            await ctx.tick()

    pysim.run(tree, bench)


def sign(rng):
    return rng.choice((-1, 1))
