"""DelayLine and Skew: which cycle each bit comes out in."""

import random

import pytest

from tilewright.storage import DelayLine, Skew, skew_cycles
from tilewright_sim.testbench import pysim


@pytest.mark.parametrize(("group", "cycles"), [(0, 0), (1, 0), (2, 1), (3, 2), (63, 62)])
def test_each_group_is_delayed_by_the_adders_above_it(group, cycles):
    assert skew_cycles(group) == cycles


@pytest.mark.parametrize(("bits", "cycles"), [(1, 1), (1, 5), (8, 1), (65, 2), (17, 7)])
def test_a_delay_line_delays_each_word_by_the_same_number_of_cycles(bits, cycles):
    dut = DelayLine(bits, cycles)
    words = values(bits, 30)
    seen = collect(dut, words)
    assert seen[cycles:] == words[:-cycles]


@pytest.mark.parametrize(("groups", "bits"), [(1, 3), (2, 8), (3, 1), (4, 5), (8, 2)])
def test_skew_delays_each_group_by_its_own_cycles(groups, bits):
    dut = Skew(groups, bits)
    words = values(groups * bits, 40)
    seen = collect(dut, words)
    mask = (1 << bits) - 1
    for group in range(groups):
        late = max(0, group - 1)
        given = [word >> bits * group & mask for word in words]
        got = [word >> bits * group & mask for word in seen]
        assert got[late:] == given[: len(given) - late], f"group {group}"


def values(bits, count):
    rng = random.Random(bits)
    return [0, (1 << bits) - 1, 0, 1, *(rng.getrandbits(bits) for _ in range(count))]


def collect(dut, words):
    """The output in the cycle of each input word."""
    seen = []

    async def bench(ctx):
        seen.clear()
        for word in words:
            ctx.set(dut.i, word)
            seen.append(ctx.get(dut.o))
            await ctx.tick()

    pysim.run(dut, bench)
    return seen
