"""Descriptors that a host writes to registers, alone and beside those of the ring."""

import random
from dataclasses import replace

import pytest
from unit.tilewright.accelerator.frontend.descriptors import BASE, CONFIGS, GOOD, kept, plan, ring
from unit.tilewright.accelerator.frontend.host import (
    DIRECT_READY,
    FAILED,
    RESUME,
    read_error,
    start,
    submit,
    wait_idle,
    words,
)
from unit.tilewright.accelerator.frontend.world import simulate

from tilewright.accelerator.contract import Unit
from tilewright_sim.testbench.axi_lite_host import BusError


@pytest.mark.parametrize("name", CONFIGS)
def test_direct_descriptors(name):
    config = CONFIGS[name]
    first, second = replace(GOOD, m=5, flags=64), replace(GOOD, k=8, c_stride=512)
    backwards = [0, *range(14, 0, -1), 15]

    async def bench(ctx, host, world):
        await submit(ctx, host, first)  # even though the ring is not enabled
        assert await host.read(ctx, "TAIL") == 1
        assert await wait_idle(ctx, host) == DIRECT_READY
        await start(ctx, host, tail=3)  # entries 1 and 2
        while await host.read(ctx, "HEAD") < 2:
            with pytest.raises(BusError):
                await host.write(ctx, "DESCRIPTOR_0", 0)
        await wait_idle(ctx, host)
        await submit(ctx, host, second, backwards)
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == await host.read(ctx, "TAIL") == 4
        await host.write(ctx, "IRQ_STATUS", 0b111)
        await submit(ctx, host, replace(GOOD, version=9))
        assert await wait_idle(ctx, host) == FAILED
        assert await read_error(ctx, host) == ("VERSION", Unit.DESCRIPTOR, 4, 0)
        with pytest.raises(BusError):
            await host.write(ctx, "DESCRIPTOR_0", 0)
        await host.write(ctx, "COMMAND", RESUME)
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "HEAD") == await host.read(ctx, "TAIL") == 5

    world = simulate(config, bench, ring([GOOD, GOOD, GOOD]))
    want = [first, GOOD, GOOD, second]
    assert [kept(job) for job in world.done] == [plan(config, d, n) for n, d in enumerate(want)]
    assert world.fetched == [(1, BASE + 64), (2, BASE + 128)]


@pytest.mark.parametrize("name", ["small", "narrow"])
def test_words_written_before_the_ring_runs_are_not_part_of_a_descriptor(name):
    """Half of a descriptor, then the ring, then the other half: refused, and nothing runs; from word 0 on it does."""

    async def bench(ctx, host, world):
        await start(ctx, host)
        await words(ctx, host, GOOD, range(8))
        await host.write(ctx, "TAIL", 1)
        assert await wait_idle(ctx, host) == DIRECT_READY
        for word in range(8, 16):
            with pytest.raises(BusError):
                await words(ctx, host, GOOD, [word])
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "TAIL") == 1
        await submit(ctx, host, other)
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == await host.read(ctx, "TAIL") == 2

    other = replace(GOOD, m=7)
    world = simulate(CONFIGS[name], bench, ring([GOOD]))
    assert [kept(job) for job in world.done] == [plan(CONFIGS[name], d, n) for n, d in enumerate([GOOD, other])]


@pytest.mark.parametrize("name", ["small", "narrow"])
@pytest.mark.parametrize("seed", range(3))
def test_no_descriptor_is_lost_between_the_ring_and_the_registers(seed, name):
    """The host mixes both at random times; what was not refused runs, once, in order."""
    config = CONFIGS[name]
    rng = random.Random(seed)
    memory, expected = {}, []

    async def bench(ctx, host, world):
        memory.clear()
        expected.clear()
        await start(ctx, host, log2=2)
        while len(expected) < 20:
            d = replace(GOOD, m=rng.randrange(1, 99))
            if rng.random() < 0.5:
                tail, head = await host.read(ctx, "TAIL"), await host.read(ctx, "HEAD")
                if (tail - head) < 4:
                    memory[BASE + 64 * (tail % 4)] = d.pack()
                    await host.write(ctx, "TAIL", tail + 1)
                    expected.append(d)
            else:
                try:
                    await submit(ctx, host, d)
                except BusError:
                    continue  # as the page of registers says: begin again with word 0
                expected.append(d)
            for _ in range(rng.randrange(40)):
                await ctx.tick()
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == len(expected)

    world = simulate(config, bench, memory, seed=seed, limit_cycles=60_000)
    assert [kept(job) for job in world.done] == [plan(config, d, n) for n, d in enumerate(expected)]
