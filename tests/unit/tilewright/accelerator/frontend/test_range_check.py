"""RangeCheck and SerialRangeCheck: whether a matrix goes past the last address."""

import random

import pytest

from tilewright.accelerator.frontend.range_check import RangeCheck
from tilewright.accelerator.frontend.serial_range_check import SerialRangeCheck
from tilewright_sim.testbench import pysim

WIDTHS = [(16, 8, 12), (20, 11, 14), (32, 16, 24), (40, 16, 24), (64, 16, 24)]
SERIAL_WIDTHS = [(16, 8, 12), (17, 11, 14), (40, 16, 24)]


def beyond(addr_bits, address, rows, stride, row_bytes):
    return address + (rows - 1) * stride + row_bytes > 1 << addr_bits


def around_the_top(rng, addr_bits, size_bits, stride_bits):
    """Operands of all magnitudes that end within a few bytes of the top, or anywhere."""
    rows = rng.randrange(1, 1 << rng.randint(1, size_bits))
    stride = rng.randrange(1 << rng.randint(0, stride_bits))
    row_bytes = rng.randrange(1, 1 << rng.randint(1, size_bits + 2))
    size = (rows - 1) * stride + row_bytes
    address = (
        (1 << addr_bits) - size + rng.choice([-2, -1, 0, 1, 2]) if rng.random() < 0.8 else rng.getrandbits(addr_bits)
    )
    return min(max(address, 0), (1 << addr_bits) - 1), rows, stride, row_bytes


def cases_of(rng, addr_bits, size_bits, stride_bits):
    largest = ((1 << addr_bits) - 1, (1 << size_bits) - 1, (1 << stride_bits) - 1, (1 << size_bits + 2) - 1)
    cases = [largest, (0, *largest[1:]), (largest[0], 1, largest[2], 1), (0, 1, 0, 1), (largest[0], 2, 0, 1)]
    return cases + [around_the_top(rng, addr_bits, size_bits, stride_bits) for _ in range(150)]


def check_all(dut, addr_bits, cases, operands):
    """Start each case, drive its operands, and compare the answer."""
    seen = set()

    async def bench(ctx):
        for case in cases:
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await operands(ctx, *case)
            assert ctx.get(dut.beyond) == beyond(addr_bits, *case), case
            seen.add(ctx.get(dut.beyond))

    pysim.run(dut, bench, limit_cycles=100_000)
    assert seen == {0, 1}


@pytest.mark.parametrize("widths", WIDTHS, ids=lambda widths: "-".join(map(str, widths)))
def test_equals_the_sum_near_the_top_and_everywhere(widths):
    addr_bits, size_bits, stride_bits = widths
    rng = random.Random(repr(widths))
    dut = RangeCheck(addr_bits, size_bits, stride_bits, size_bits + 2)

    async def operands(ctx, *case):
        for port, value in zip((dut.address, dut.rows, dut.stride, dut.row_bytes), case, strict=True):
            ctx.set(port, value)
        for step in range(1, addr_bits + 1):
            ctx.set(dut.step, step)
            await ctx.tick()
        ctx.set(dut.step, 0)
        for _ in range(rng.randint(1, 3)):
            await ctx.tick()

    check_all(dut, addr_bits, cases_of(rng, *widths), operands)


@pytest.mark.parametrize("widths", SERIAL_WIDTHS, ids=lambda widths: "-".join(map(str, widths)))
def test_bit_by_bit_equals_the_sum_near_the_top_and_everywhere(widths):
    addr_bits, size_bits, _ = widths
    rng = random.Random(repr(widths))
    dut = SerialRangeCheck(size_bits)

    async def operands(ctx, address, rows, stride, row_bytes):
        ctx.set(dut.work, 1)
        ctx.set(dut.rows, rows)
        for bit in range(addr_bits):
            for port, value in ((dut.address, address), (dut.stride, stride), (dut.row_bytes, row_bytes)):
                ctx.set(port, value >> bit & 1)
            await ctx.tick()
        ctx.set(dut.work, 0)
        for _ in range(rng.randint(0, 2)):
            ctx.set(dut.address, rng.getrandbits(1))
            await ctx.tick()

    check_all(dut, addr_bits, cases_of(rng, *widths), operands)
