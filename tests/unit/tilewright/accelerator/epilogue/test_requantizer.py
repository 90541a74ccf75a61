"""Requantizer: exactly the golden model, in every cycle, raw and requantized mixed."""

import random

import numpy as np
import pytest

from tilewright.accelerator.epilogue import Requantizer
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench import pysim

LOW, HIGH = -(1 << 31), (1 << 31) - 1
MULTIPLIERS = [0, 1, 2, 3, 0x1_FFFF, 0x2_0000, 0x4000_0000, 0x4000_0001, 0x5555_5555, 0x7FFF_FFFE, 0x7FFF_FFFF]
SHIFTS = [-31, -30, -17, -16, -15, -9, -8, -7, -2, -1, 0, 1, 2, 7, 8, 15, 16, 29, 30]
BOUNDS = [(0, -128, 127), (127, -128, 127), (-128, -128, 127), (3, 0, 20), (-5, -5, -5), (0, -128, -127), (9, 126, 127)]


@pytest.mark.parametrize("rounding", ["both", "double", "single"])
@pytest.mark.parametrize("lanes", [1, 2])
def test_random_groups_match_the_golden_model(lanes, rounding):
    check(lanes, rounding, [random_group(random.Random(seed), lanes) for seed in range(3000)])


@pytest.mark.parametrize("rounding", ["both", "double", "single"])
def test_ties_and_bounds_match_the_golden_model(rounding):
    check(1, rounding, [group for shift in SHIFTS for group in corner_groups(shift)])


def corner_groups(shift):
    """Sums about every tie and bound that a shift has, with the multipliers 1/2 and nearly 1."""
    for multiplier in (1 << 30, (1 << 31) - 1):
        unit = max(1, 1 << max(0, -shift))
        near = {step * unit // 2 for step in (-513, -512, -511, -257, -256, -255, *range(-9, 10), 255, 256, 257)}
        near |= {LOW >> max(0, shift), HIGH >> max(0, shift), LOW, HIGH}
        for acc in sorted({value + delta for value in near for delta in (-2, -1, 0, 1, 2)}):
            if LOW <= acc <= HIGH:
                yield {"sums": [acc], "addends": [7], "add": 0, "multipliers": [multiplier], "shifts": [shift],
                       "bounds": (0, -128, 127), "requant": 1, "double": acc & 1}  # fmt: skip


def random_group(rng, lanes):
    """Magnitudes are log-uniform, the addend often cancels the sum, and every fourth scaled value is in range."""
    shifts = [rng.choice(SHIFTS) if rng.random() < 0.5 else rng.randint(-31, 30) for _ in range(lanes)]
    sums = [magnitude(rng, 32) for _ in range(lanes)]
    if rng.random() < 0.5:
        sums = [max(LOW, min(HIGH, (magnitude(rng, 10) << max(0, -shift)) + rng.randint(-2, 2))) for shift in shifts]
    return {
        "sums": sums,
        "addends": [magnitude(rng, 32) for _ in range(lanes)],
        "add": rng.random() < 0.4,
        "multipliers": [
            rng.choice(MULTIPLIERS) if rng.random() < 0.4 else rng.randrange(1 << 30, 1 << 31) for _ in range(lanes)
        ],
        "shifts": shifts,
        "bounds": rng.choice(BOUNDS),
        "requant": rng.random() < 0.9,
        "double": rng.random() < 0.5,
    }


def magnitude(rng, bits):
    return max(LOW, min(HIGH, rng.getrandbits(rng.randrange(bits + 1)) * rng.choice((-1, 1))))


def check(lanes, rounding, groups):
    """Feed a group per cycle; every result comes its latency later."""
    dut = Requantizer(lanes, rounding)
    wanted = []
    for group in groups:
        totals = golden.wrap32(np.array(group["sums"]) + np.array(group["addends"]) * group["add"])
        if group["requant"]:
            zero_point, low, high = group["bounds"]
            chosen = ("single", "double")[group["double"]] if rounding == "both" else rounding
            results = golden.requantize(
                totals, group["multipliers"], group["shifts"], zero_point, low, high, rounding=chosen
            )
            wanted.append([int(value) & 0xFF for value in results])
        else:
            wanted.append([int(value) & 0xFFFF_FFFF for value in totals])

    async def bench(ctx):
        seen = []
        for cycle in range(len(groups) + dut.latency):
            if cycle < len(groups):
                drive(ctx, dut, groups[cycle])
            _, _, word = await ctx.tick().sample(dut.o)
            seen.append(word)
        for number, (group, want) in enumerate(zip(groups, wanted, strict=True)):
            word = seen[number + dut.latency]
            mask = 0xFF if group["requant"] else 0xFFFF_FFFF
            got = [word >> 32 * lane & mask for lane in range(lanes)]
            assert got == want, f"group {number}: {got}, not {want}: {group}"

    pysim.run(dut, bench, limit_cycles=100_000)


def drive(ctx, dut, group):
    ctx.set(dut.sums, pack(group["sums"], 32))
    ctx.set(dut.addends, pack(group["addends"], 32))
    ctx.set(dut.add, group["add"])
    ctx.set(dut.multipliers, pack(group["multipliers"], 31))
    ctx.set(dut.shifts, pack(group["shifts"], 6))
    zero_point, minimum, maximum = group["bounds"]
    output = {"zero_point": zero_point, "minimum": minimum, "maximum": maximum, "requant": group["requant"]}
    output["double"] = group["double"] if dut.rounding == "both" else 0
    ctx.set(dut.format, output)


def pack(values, bits):
    return sum((value & (1 << bits) - 1) << bits * place for place, value in enumerate(values))
