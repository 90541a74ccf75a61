"""Column and ColumnBlock: exact sums down a chain of elements, operands skewed group by group."""

import random

import pytest

from tilewright.arithmetic import TIMING
from tilewright.tile import TileConfig
from tilewright.tile.column import Column, ColumnBlock
from tilewright_sim.testbench import pysim


@pytest.mark.parametrize("kind", ["infer", "dsp", "lut"])
@pytest.mark.parametrize(("rows", "dot"), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 2), (3, 3), (4, 4)])
def test_a_column_gives_the_exact_sum_of_each_word(kind, rows, dot):
    config = TileConfig(rows=rows, cols=1, dot=dot, multiplier=kind)
    rng = random.Random(rows)
    check(
        config, Column(config), 1, [[signed_values(rng, 8, rows) for _ in range(rng.randint(1, 3))] for _ in range(9)]
    )


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_a_block_loads_its_columns_one_by_one_and_sums_them_in_the_same_cycle(columns):
    config = TileConfig(rows=4, cols=8, dot=2, activation_bits=5, weight_bits=3)
    rng = random.Random(columns)
    packets = [[signed_values(rng, 5, 4) for _ in range(columns + rng.randint(0, 2))] for _ in range(9)]
    check(config, ColumnBlock(config, columns), columns, packets)


@pytest.mark.parametrize("kind", ["infer", "dsp", "lut"])
def test_the_most_negative_operands_do_not_overflow(kind):
    config = TileConfig(rows=4, cols=1, dot=1, multiplier=kind)
    check(config, Column(config), 1, [[[-128] * 4, [127] * 4]] * 3, weight=-128)


def check(config, dut, columns, packets, weight=None):
    """Load a tile for each packet, the next one behind the swap; compare every total.

    Each word's groups are driven ``skew_cycles`` later than group 0, by hand.
    """
    rng = random.Random(0)
    lead, latency = TIMING[config.multiplier]
    latency += (config.dot - 1).bit_length() + config.groups - 1
    tiles = [[signed_values(rng, config.weight_bits, config.rows, weight) for _ in range(columns)] for _ in packets]
    late = [max(0, group - 1) for group in range(config.groups)]

    # What happens to group 0 in each cycle: (weight column or None, its weights, swap, activations or None).
    loads, swaps, words, want = {}, set(), {}, {}
    cycle = 0
    for place, values in enumerate(tiles[0]):
        loads[place] = place, values
    cycle = columns
    for number, packet in enumerate(packets):
        swaps.add(cycle)
        following = tiles[number + 1] if number + 1 < len(tiles) else []
        for place, values in enumerate(following):
            loads[cycle + place] = place, values  # from the cycle of the swap on
        for place, word in enumerate(packet):
            words[cycle + lead + place] = word
            want[cycle + lead + place + latency] = [dot(word, column) for column in tiles[number]]
        cycle += max(len(packet), columns)
    end = cycle + lead + latency + 1

    def skewed(events, then, bits):
        """The word at cycle ``then``: of each group what was there ``late`` cycles before."""
        size = config.dot
        total = 0
        for group in range(config.groups):
            element = events.get(then - late[group])
            for place, value in enumerate(element[group * size : (group + 1) * size] if element else []):
                total |= (value & ((1 << bits) - 1)) << (group * size + place) * bits
        return total

    async def bench(ctx):
        weights = {then: values for then, (_, values) in loads.items()}
        for then in range(end):
            ctx.set(dut.activations, skewed(words, then, config.activation_bits))
            ctx.set(dut.weights, skewed(weights, then, config.weight_bits))
            ctx.set(dut.load, 1 << loads[then][0] if then in loads else 0)
            ctx.set(dut.swap, sum((then - late[group] in swaps) << group for group in range(config.groups)))
            if then in want:
                assert totals(ctx, dut, config) == want[then], f"cycle {then}"
            await ctx.tick()

    pysim.run(dut, bench)


def totals(ctx, dut, config):
    if isinstance(dut, Column):
        return [ctx.get(dut.total)]
    word, bits = ctx.get(dut.totals), config.result_bits
    raw = [word >> bits * column & ((1 << bits) - 1) for column in range(dut.columns)]
    return [value - (value >> bits - 1 << bits) for value in raw]


def dot(left, right):
    return sum(a * b for a, b in zip(left, right, strict=True))


def signed_values(rng, bits, count, fixed=None):
    bound = 1 << bits - 1
    corners = (-bound, bound - 1, 0, -1, 1)
    return [
        fixed if fixed is not None
        else rng.choice(corners) if rng.random() < 0.3
        else rng.choice((-1, 1)) * rng.getrandbits(rng.randint(1, bits - 1))
        for _ in range(count)
    ]  # fmt: skip
