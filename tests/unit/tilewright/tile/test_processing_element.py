"""ProcessingElement: dot products with double-buffered weights, added to the partial sum from above."""

import random

import pytest
from amaranth.hdl import signed

from tilewright.arithmetic import TIMING
from tilewright.tile import TileConfig
from tilewright.tile.processing_element import ProcessingElement
from tilewright_sim.testbench import pysim

KINDS = ["infer", "dsp", "lut"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dot", [1, 2, 3, 4])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("widths", [(8, 8), (3, 5)])
def test_totals_equal_the_model_in_each_cycle(kind, dot, first, widths):
    config = TileConfig(rows=2 * dot, cols=1, dot=dot, activation_bits=widths[0], weight_bits=widths[1],
                        multiplier=kind)  # fmt: skip
    rng = random.Random(dot)
    cycles = [
        {
            "activations": values(rng, widths[0], dot),
            "weights": values(rng, widths[1], dot),
            "load": cycle == 0 or rng.random() < 0.5,
            "swap": cycle == 1 or rng.random() < 0.4,
            "partial": values(rng, config.sum_bits(dot), 1)[0],
        }
        for cycle in range(60)
    ]
    check(config, cycles, first)


@pytest.mark.parametrize("kind", KINDS)
def test_a_swap_in_the_cycle_of_a_load_takes_the_old_shadow_weight(kind):
    config = TileConfig(rows=1, cols=1, dot=1, multiplier=kind)
    idle = {"activations": [1], "weights": [99], "load": 0, "swap": 0, "partial": 0}
    cycles = [
        idle | {"weights": [5], "load": 1},
        idle | {"weights": [7], "load": 1, "swap": 1},  # 5 multiplies, 7 waits
        *[idle] * 3,
        idle | {"swap": 1},  # 7 multiplies
        *[idle] * 3,
        idle | {"weights": [-9], "load": 1},
        *[idle] * 3,  # 7 still does
    ]
    assert check(config, cycles, first=True)[-1] == 7


@pytest.mark.parametrize("kind", KINDS)
def test_the_most_negative_operands_and_partial_sum_do_not_overflow(kind):
    config = TileConfig(rows=4, cols=1, dot=2, multiplier=kind)
    cycle = {"activations": [-128] * 2, "weights": [-128] * 2, "load": 1, "swap": 1, "partial": 2 * 128 * 128}
    assert check(config, [cycle] * 9, first=False)[-1] == 4 * 128 * 128


def check(config, cycles, first):
    """Compare every cycle's total with the model; return the totals."""
    partial_bits = 0 if first else config.sum_bits(config.dot)
    dut = ProcessingElement(config, partial_bits, config.sum_bits(config.dot if first else 2 * config.dot))
    assert hasattr(dut, "partial") != first
    lead, latency = TIMING[config.multiplier]
    latency += (config.dot - 1).bit_length() + (not first)
    assert dut.total.shape() == signed(config.sum_bits(config.dot * (1 if first else 2)))

    totals = {}
    shadow = active = None
    held = []  # the weights that hold for the activations of each cycle
    for cycle in cycles:
        active = shadow if cycle["swap"] else active
        shadow = cycle["weights"] if cycle["load"] else shadow
        held.append(active)
    for then, cycle in enumerate(cycles):
        weights = held[then - lead] if then >= lead else None
        late = then + latency - 1
        if weights and late < len(cycles):
            total = sum(a * w for a, w in zip(cycle["activations"], weights, strict=True))
            totals[then + latency] = total + (0 if first else cycles[late]["partial"])
    seen = []

    async def bench(ctx):
        seen.clear()
        for number, cycle in enumerate(cycles):
            ctx.set(dut.activations, word(cycle["activations"], config.activation_bits))
            ctx.set(dut.weights, word(cycle["weights"], config.weight_bits))
            ctx.set(dut.load, cycle["load"])
            ctx.set(dut.swap, cycle["swap"])
            if not first:
                ctx.set(dut.partial, cycle["partial"])
            seen.append(ctx.get(dut.total))
            assert totals.get(number, seen[-1]) == seen[-1], f"cycle {number}"
            await ctx.tick()

    pysim.run(dut, bench)
    assert len(totals) > len(cycles) - 9
    return seen


def word(elements, bits):
    return sum((value & ((1 << bits) - 1)) << bits * place for place, value in enumerate(elements))


def values(rng, bits, count):
    """Signed values that fit, spread over magnitudes, the bounds among them."""
    bound = 1 << bits - 1
    corner = rng.random() < 0.2
    return [
        rng.choice((-bound, bound - 1)) if corner else rng.choice((-1, 1)) * rng.getrandbits(rng.randint(1, bits - 1))
        for _ in range(count)
    ]
