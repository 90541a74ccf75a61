"""SerialRequantizer: bit for bit the golden model, for sums of all magnitudes and every shift."""

import random

import pytest

from tilewright.accelerator.compact import SerialRequantizer
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench import pysim

LEAST, MOST = -(1 << 31), (1 << 31) - 1
MULTIPLIERS = (0, 1, 1 << 30, MOST)
CORNERS = [
    # Halves of both signs, through one rounding and through two; wrapped and just not; nothing at all.
    *((sign * total, 1 << 30, shift) for sign in (1, -1) for total in (1, 3, 5, 255, 257) for shift in (0, -1, -7)),
    *((total, factor, shift) for total in (LEAST, -1, 0, MOST) for factor in MULTIPLIERS for shift in (-31, 30)),
    *((sign * ((1 << 21) + 1), MOST, shift) for sign in (1, -1) for shift in (9, 10, 11)),
]  # fmt: skip


@pytest.mark.parametrize("rounding", ["both", "double", "single"])
def test_equals_golden(rounding):
    chance = random.Random(2)
    cases = [*CORNERS, *(random_case(chance) for _ in range(80))]
    dut = SerialRequantizer(rounding)

    async def bench(ctx):
        for total, multiplier, shift in cases:
            zero, low, high = chance.choice([(0, -128, 127), (-128, -128, 127), (127, 0, 60), (-3, -100, -100)])
            addend = chance.choice([0, chance.getrandbits(32) + LEAST])
            ctx.set(dut.sum, golden.wrap32(total - addend).item())
            ctx.set(dut.addend, addend)
            ctx.set(dut.load, 1)
            await ctx.tick()
            ctx.set(dut.load, 0)
            assert ctx.get(dut.total) == total
            ctx.set(dut.multiplier, multiplier)
            ctx.set(dut.shift, shift & 63)
            chosen = chance.choice(["single", "double"]) if rounding == "both" else rounding
            both = int(rounding == "both" and chosen == "double")
            output = {"zero_point": zero, "minimum": low, "maximum": high, "requant": 1, "double": both}
            ctx.set(dut.format, output)
            ctx.set(dut.start, 1)
            cycles = 0
            while not ctx.get(dut.done):
                await ctx.tick()
                ctx.set(dut.start, 0)
                cycles += 1
            assert cycles == dut.CYCLES
            want = golden.requantize(total, multiplier, shift, zero, low, high, chosen).item()
            assert ctx.get(dut.o) == want, f"{total} * {multiplier} * 2**({shift} - 31) + {zero}, {low} to {high}"
            await ctx.tick()

    pysim.run(dut, bench, limit_cycles=len(cases) * 120)


def random_case(chance):
    bits = chance.randrange(33)
    total = max(LEAST, min(MOST, chance.getrandbits(bits) * chance.choice((-1, 1))))
    shift = chance.choice([9 - bits + chance.randrange(-2, 3), chance.randint(-31, 30)])
    multiplier = chance.choice([chance.randrange(1 << 30, 1 << 31), chance.getrandbits(chance.randrange(1, 32))])
    return total, multiplier, max(-31, min(30, shift))
