"""The lane that rounds accumulators to float32: its bits are those of the golden model."""

import numpy as np
import pytest

from tilewright.block_tile import BlockTileConfig, Float32Lane
from tilewright.formats import ACCUMULATOR_BITS, EXPONENT_STEP, guard_bits
from tilewright_sim.models.block_gemm import BlockSums, to_float32
from tilewright_sim.testbench import pysim

# And whether their results can be subnormal, infinite, and 0 with a sign.
REACHED = {
    ("q8_e5m3", "q4_1"): (False, False, False),
    ("q8_e5m3", "q8_0"): (False, False, False),
    ("nvfp4", "nvfp4"): (False, False, False),
    ("mxint8", "mxfp4"): (True, True, True),
    ("int8", "mxfp6_e2m3"): (True, True, False),
}
NAN = 0x7FC00000
LARGEST = (1 << ACCUMULATOR_BITS - 1) - 1


def magnitudes(rng, count):
    """Of all lengths: random, ties and their neighbours, ones that carry, and powers of two."""
    yield from (0, 1, LARGEST, LARGEST - 1)
    for _ in range(count):
        length = int(rng.integers(1, ACCUMULATOR_BITS))
        top = 1 << length - 1
        yield top + int(rng.integers(top))
        yield 2 * top - 1
        yield top
        kept = int(rng.integers(1, 28))  # bits, of which the last one is the tie
        if kept < length:
            digits = (1 << kept - 1) + int(rng.integers(1 << kept - 1))
            tie = (2 * digits + 1) << length - kept - 1
            yield from (tie, tie + 1, tie - 1)


def signed_values(rng, count):
    for magnitude in magnitudes(rng, count):
        yield magnitude
        yield -magnitude
    yield -LARGEST - 1


def draw(config, count, seed):
    """Values, exponents in units of the accumulator's, and whether they are invalid."""
    rng = np.random.default_rng(seed)
    values = np.array(list(signed_values(rng, count)))
    low, high = config.exponent_range
    exponents = rng.integers(low, high + 1, len(values))
    # Half of them near the bounds of float32 that the exponents reach, whatever the length of the value.
    lengths = np.array([int(abs(value)).bit_length() for value in values])
    unit = -guard_bits(config.a, config.b) - config.a.element.fraction_bits - config.b.element.fraction_bits
    bounds = rng.choice([-151, -149, -126, 127], len(values)) - lengths - unit
    near = bounds // EXPONENT_STEP + rng.integers(-1, 2, len(values))
    exponents = np.where(rng.random(len(values)) < 0.5, np.clip(near, low, high), exponents)
    return values, exponents, rng.random(len(values)) < 0.05


def golden(config, values, exponents, invalid):
    sums = BlockSums(1, len(values), guard_bits(config.a, config.b))
    sums.value[0], sums.exponent[0], sums.invalid[0] = values, EXPONENT_STEP * exponents, invalid
    return to_float32(sums, config.a.element.fraction_bits + config.b.element.fraction_bits)[0].view(np.uint32)


def floats_of(config, values, exponents, invalid):
    """What the lane makes of an accumulator in each cycle."""
    dut = Float32Lane(config)
    seen = []

    async def bench(ctx):
        seen.clear()
        for value, exponent, bad in zip(values.tolist(), exponents.tolist(), invalid.tolist(), strict=True):
            ctx.set(dut.i, {"value": value, "exponent": exponent, "invalid": bad})
            seen.append(ctx.get(dut.o))
            await ctx.tick()
        for _ in range(Float32Lane.LATENCY):
            seen.append(ctx.get(dut.o))
            await ctx.tick()

    pysim.run(dut, bench, limit_cycles=len(values) + 50)
    return np.array(seen[Float32Lane.LATENCY :], dtype=np.uint32)


@pytest.mark.parametrize(("a", "b"), REACHED)
def test_floats_equal_the_golden_model_bit_by_bit(a, b):
    config = BlockTileConfig(a_format=a, b_formats=[b])
    drawn = draw(config, 70, len(a) + len(b))
    want, got = golden(config, *drawn), floats_of(config, *drawn)
    wrong = np.flatnonzero(want != got)
    assert [(*(int(part[n]) for part in drawn), hex(want[n]), hex(got[n])) for n in wrong[:5]] == []
    field, fraction = want >> 23 & 255, want & (1 << 23) - 1
    found = (field == 0) & (fraction > 0), (field == 255) & (fraction == 0), want == 1 << 31
    assert tuple(bool(part.any()) for part in found) == REACHED[a, b]


def test_known_accumulators():
    """Zero is +0 with any exponent, ties go to even, what is too small keeps its sign, and invalid ones are NaN."""
    config = BlockTileConfig(a_format="mxint8", b_formats=["mxfp4"])
    unit = guard_bits(config.a, config.b) + config.a.element.fraction_bits + config.b.element.fraction_bits
    assert unit % EXPONENT_STEP == 2  # so that 4 in the value is 1 with the exponent unit // 4
    one = unit // EXPONENT_STEP
    cases = [
        (0, -63, 0, 0), (0, 64, 0, 0), (4, one, 0, 0x3F800000), (-4, one, 0, 0xBF800000), (-1, one, 0, 0xBE800000),
        ((1 << 24) + 1, one - 6, 0, 0x3E800000), ((1 << 24) + 3, one - 6, 0, 0x3E800002), (1, 64, 0, 0x7F800000),
        (-1, 64, 0, 0xFF800000), (LARGEST, -63, 0, 0), (-LARGEST, -63, 0, 1 << 31), (8, one, 1, NAN),
        (-8, 64, 1, NAN), (0, -63, 1, NAN),
    ]  # fmt: skip
    values, exponents, invalid, want = (np.array(part) for part in zip(*cases, strict=True))
    assert [hex(bits) for bits in floats_of(config, values, exponents, invalid)] == [hex(bits) for bits in want]
    assert golden(config, values, exponents, invalid == 1).tolist() == want.tolist()


@pytest.mark.parametrize(("a", "b"), [("q8_e5m3", "q4_1"), ("mxint8", "mxfp4")])
def test_an_invalid_accumulator_is_nan_whatever_else_it_holds(a, b):
    config = BlockTileConfig(a_format=a, b_formats=[b])
    rng = np.random.default_rng(1)
    values = rng.integers(-LARGEST - 1, LARGEST + 1, 40)
    half = 1 << config.exponent_shape.width - 1
    exponents = rng.integers(-half, half, 40)  # also those that no scales have
    assert set(floats_of(config, values, exponents, np.ones(40, dtype=bool)).tolist()) == {NAN}
