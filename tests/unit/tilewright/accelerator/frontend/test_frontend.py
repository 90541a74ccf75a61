"""The command side with a host, a memory, and engines that only take their time: jobs, interrupts, counters."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.tilewright.accelerator.frontend.descriptors import (
    BASE,
    CONFIGS,
    DOUBLE_ROUNDING,
    GOOD,
    SMALL,
    kept,
    plan,
    ring,
)
from unit.tilewright.accelerator.frontend.host import CLEAR, DIRECT_READY, check_counters, start, wait_idle
from unit.tilewright.accelerator.frontend.world import simulate

from tilewright.accelerator.contract import Unit
from tilewright_sim.host.descriptor import Descriptor, flag_bits


def test_one_descriptor():
    d = replace(GOOD, flags=flag_bits("INTERRUPT", "FENCE_B"))

    async def bench(ctx, host, world):
        await start(ctx, host, tail=1)
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "HEAD") == 1
        assert ctx.get(world.dut.irq) == 1
        assert await host.read(ctx, "IRQ_STATUS") == 0b101
        await host.write(ctx, "IRQ_STATUS", 0b001)
        assert await host.read(ctx, "IRQ_STATUS") == 0b100
        await host.write(ctx, "IRQ_ENABLE", 0b011)
        await ctx.tick()
        assert ctx.get(world.dut.irq) == 0
        await check_counters(ctx, host, world)

    for config in CONFIGS.values():
        world = simulate(config, bench, ring([d]))
        assert [kept(job) for job in world.done] == [plan(config, d, 0)]
        assert world.fetched == [(0, BASE)]


@pytest.mark.parametrize("name", CONFIGS)
def test_latency(name):
    config = CONFIGS[name]

    async def bench(ctx, host, world):
        await start(ctx, host, tail=1)
        await wait_idle(ctx, host)
        assert world.offered_at - world.last_word == (4 if config.compact else 1) * (config.addr_bits + 3) + 3

    simulate(config, bench, ring([GOOD]))


def sizes(most):
    """Sizes spread over magnitudes, and both ends."""
    return st.one_of(st.just(1), st.just(most), st.integers(0, most.bit_length()).flatmap(
        lambda bits: st.integers(1, max(1, min(most, 1 << bits)))))  # fmt: skip


@st.composite
def good_descriptors(draw, config):
    word = 1 if config.unaligned else config.word_bytes
    top = (1 << config.addr_bits) - 1
    address = st.integers(0, top // word).map(lambda n: n * word)
    stride = (
        st
        .integers(0, config.stride_bits - 1)
        .flatmap(lambda bits: st.integers(0, (1 << bits) // word))
        .map(lambda n: n * word)
    )
    flags = draw(st.integers(0, 127))
    if flags & 4:
        flags &= ~3
    if flags & 1 and draw(st.sampled_from(config.roundings)) == "double":
        flags |= DOUBLE_ROUNDING
    byte = st.integers(-128, 127)
    values = {f"{name}_address": draw(address) for name in ("a", "b", "c", "parameter")}
    if not flags & 3:
        values["parameter_address"] = draw(st.integers(0, (1 << config.addr_bits) - 1))
    values |= {f"{name}_stride": draw(stride) for name in "abc"}
    values |= {name: draw(byte) for name in ("zero_point", "minimum", "maximum")}
    limit = config.size_limit
    m, n, k = draw(sizes(limit)), draw(sizes(limit)), draw(sizes(config.k_limit))
    return within(config, Descriptor(m=m, n=n, k=k, flags=flags, **values), draw(st.sampled_from("abcn")))


def extents(config, d):
    """Bytes from the first to the last of each matrix, and of the parameters if they are used, by unit."""
    requant, used = d.flags & 1, d.flags & 3
    c_row = d.n if requant else 4 * d.n
    return {
        Unit.LOAD_A: (d.a_address, (d.m - 1) * d.a_stride + d.k),
        Unit.LOAD_B: (d.b_address, (d.n - 1) * d.b_stride + d.k),
        Unit.STORE_C: (d.c_address, (d.m - 1) * d.c_stride + c_row),
        Unit.PARAMETERS: (d.parameter_address, (2 * (-(-4 * d.n // 64) * 64) if requant else 0) + 4 * d.n)
        if used else (0, 0),
    }  # fmt: skip


def beyond(config, d):
    """The first unit whose bytes do not end at or below the last address, or None."""
    return next(
        (unit for unit, (first, size) in extents(config, d).items() if first + size > 1 << config.addr_bits), None
    )


def within(config, d, highest):
    """The descriptor with fewer rows and lower addresses, so that all ends within memory; one at its very end."""
    top = 1 << config.addr_bits
    while any(size > top for _, size in extents(config, d).values()):
        d = replace(d, m=max(1, d.m // 2), n=max(1, d.n // 2), k=max(1, d.k // 2))
    names = {Unit.LOAD_A: "a", Unit.LOAD_B: "b", Unit.STORE_C: "c", Unit.PARAMETERS: "parameter"}
    word = 1 if config.unaligned else config.word_bytes
    for unit, (first, size) in extents(config, d).items():
        last = (top - size) // word * word
        if first > last or (size and names[unit][0] == highest):
            d = replace(d, **{f"{names[unit]}_address": last})
    return d


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in ("wide", "giant") else name for name in CONFIGS]
)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_plans_follow_the_formulas(name, data):
    config = CONFIGS[name]
    descriptors = data.draw(st.lists(good_descriptors(config), min_size=1, max_size=16))
    seed = data.draw(st.integers(0, 1 << 32))
    first = data.draw(st.sampled_from([BASE, 64, (1 << config.addr_bits) - 64 * 16]))

    async def bench(ctx, host, world):
        await start(ctx, host, base=first, log2=4, tail=len(descriptors))
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == len(descriptors)
        await check_counters(ctx, host, world)

    world = simulate(config, bench, ring(descriptors, first, log2=4), seed=seed)
    assert [kept(job) for job in world.done] == [plan(config, d, n) for n, d in enumerate(descriptors)]


def test_interrupts_follow_flagged_descriptors_and_the_last_one():
    descriptors = [replace(GOOD, flags=64 * (n in (2, 3, 6))) for n in range(8)]

    async def bench(ctx, host, world):
        await start(ctx, host, tail=8)
        await host.write(ctx, "IRQ_ENABLE", 0b001)
        seen = set()
        while await host.read(ctx, "HEAD") < 8:
            if ctx.get(world.dut.irq):
                await host.write(ctx, "IRQ_STATUS", 0b001)
                seen.add(await host.read(ctx, "HEAD"))
        assert seen == {3, 4, 7}
        assert await host.read(ctx, "IRQ_STATUS") == 0b100

    async def watch_empty(ctx, host, world):
        """A ring that is disabled comes to rest without being empty."""
        await start(ctx, host, tail=8)
        await host.write(ctx, "CONTROL", 0)
        assert await wait_idle(ctx, host) == 0
        assert 0 < await host.read(ctx, "HEAD") < 8
        assert await host.read(ctx, "IRQ_STATUS") & 0b100 == 0
        await host.write(ctx, "CONTROL", 1)
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == 8
        assert await host.read(ctx, "IRQ_STATUS") & 0b100

    simulate(SMALL, watch_empty, ring(descriptors))
    simulate(SMALL, bench, ring(descriptors), work=60)


def test_the_next_job_is_planned_before_it_is_needed():
    async def bench(ctx, host, world):
        await start(ctx, host, tail=4)
        dut = world.dut
        for index in range(4):
            while not ctx.get(dut.job_valid):
                await ctx.tick()
            assert ctx.get(dut.job.index) == index
            for _ in range(60):
                await ctx.tick()
            world.taking = True
            waited = 0
            while ctx.get(dut.job_valid):
                await ctx.tick()
            world.taking = False
            while not ctx.get(dut.job_valid) and index < 3:
                await ctx.tick()
                waited += 1
            assert waited <= 1
        world.taking = True
        await wait_idle(ctx, host)

    simulate(SMALL, bench, ring([GOOD] * 4), taking=False)


def test_counters_can_be_cleared_during_work():
    async def bench(ctx, host, world):
        await start(ctx, host, log2=5, tail=20)
        for _ in range(6):
            for _ in range(host.rng.randrange(100)):
                await ctx.tick()
            await host.write(ctx, "COMMAND", CLEAR)
        await wait_idle(ctx, host)
        counts = await check_counters(ctx, host)
        assert counts.cycles > 0
        await host.write(ctx, "COMMAND", CLEAR)
        assert set(vars(await check_counters(ctx, host)).values()) == {0}

    simulate(SMALL, bench, ring([GOOD] * 32, log2=5), seed=1)
