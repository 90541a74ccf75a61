"""Failures, aborts and resets, at any time."""

import random
from dataclasses import replace

import pytest
from unit.tilewright.accelerator.frontend.descriptors import BAD, BASE, BEYOND, GOOD, SMALL, bad, kept, plan, ring
from unit.tilewright.accelerator.frontend.host import (
    ABORT,
    DIRECT_READY,
    FAILED,
    RESUME,
    SOFT_RESET,
    STOPPING,
    check_counters,
    read_error,
    start,
    wait_idle,
)
from unit.tilewright.accelerator.frontend.world import Fault, simulate

from tilewright.accelerator.contract import Unit
from tilewright.accelerator.registers import registers_of
from tilewright.accelerator.registers.constants import constants
from tilewright.dma import Cause


def random_faults(rng, descriptors, base, entries):
    """Make some descriptors bad, and the transfers of others fail; return errors by index, and the faults."""
    errors, faults = {}, {}
    for index in range(len(descriptors)):
        kind = rng.random()
        entry = base + 64 * (index % entries)
        if kind < 0.1:
            change, code, unit = rng.choice(BAD + BEYOND)
            descriptors[index] = bad(SMALL, change)
            errors[index] = code, Unit[unit], index, entry
        elif kind < 0.3:
            code = rng.choice(["SLVERR", "DECERR", "WRAPPED"])
            unit = rng.choice(list(Unit))
            faults[index] = Fault(unit, Cause[code], rng.getrandbits(32))
            errors[index] = code, unit, index, faults[index].address
    return errors, faults


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in (3, 4, 5))])
def test_failures_are_reported_in_order_and_the_rest_completes(seed):
    rng = random.Random(seed)
    log2 = rng.randrange(1, 5)
    descriptors = [replace(GOOD, m=rng.randrange(1, 200), flags=rng.choice([0, 64])) for _ in range(30)]
    errors, faults = random_faults(rng, descriptors, BASE, 1 << log2)
    memory = {}

    async def bench(ctx, host, world):
        memory.clear()
        await start(ctx, host, log2=log2)
        tail, seen = 0, []
        while True:
            head = await host.read(ctx, "HEAD")
            more = min(rng.randrange(4), (1 << log2) - (tail - head), len(descriptors) - tail)
            for index in range(tail, tail + more):
                memory[BASE + 64 * (index % (1 << log2))] = descriptors[index].pack()
            tail += more
            await host.write(ctx, "TAIL", tail)
            status = await host.read(ctx, "STATUS")
            if status & FAILED:
                error = await read_error(ctx, host)
                seen.append(error[2])
                assert error == errors[error[2]]
                assert await host.read(ctx, "HEAD") == error[2]
                assert ctx.get(world.dut.irq)
                await host.write(ctx, "IRQ_STATUS", 0b010)
                await host.write(ctx, "COMMAND", RESUME)
            elif head == len(descriptors):
                break
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert seen == sorted(errors)
        await check_counters(ctx, host)

    # With much work, several descriptors are in work at once.
    world = simulate(SMALL, bench, memory, faults, seed=seed, work=5 if seed % 3 == 0 else 50)
    want = [plan(SMALL, d, n) for n, d in enumerate(descriptors) if n not in errors]
    assert [kept(job) for job in world.done] == want


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_abort_at_any_time(seed):
    rng = random.Random(seed)
    count = 20
    descriptors = [GOOD] * count
    errors, faults = random_faults(rng, descriptors, BASE, 32)

    async def bench(ctx, host, world):
        await start(ctx, host, log2=5, tail=count)
        aborted = 0
        while await host.read(ctx, "HEAD") != count:
            for _ in range(rng.randrange(60)):
                await ctx.tick()
            await host.write(ctx, "COMMAND", ABORT)
            while (status := await host.read(ctx, "STATUS")) & STOPPING:
                pass
            if status & FAILED:
                error = await read_error(ctx, host)
                assert error[2] == await host.read(ctx, "HEAD")
                if error[0] == "ABORTED":
                    aborted += 1
                    assert error[1:] == (Unit.DESCRIPTOR, error[2], 0)
                else:
                    assert error == errors[error[2]]
                lost.append(error[2])
                await host.write(ctx, "COMMAND", ABORT)  # nothing is in work
                await host.write(ctx, "COMMAND", RESUME)
        assert aborted > 2
        await host.write(ctx, "COMMAND", ABORT | RESUME)
        assert await host.read(ctx, "STATUS") == DIRECT_READY

    lost = []
    world = simulate(SMALL, bench, ring(descriptors, log2=5), faults, seed=seed, work=5 if seed % 2 else 50)
    # What was aborted may have completed in the very same moment.
    done = [job["index"] for job in world.done]
    assert sorted({*done, *lost}) == list(range(count))
    assert done == sorted(set(done))
    assert not set(done) & set(errors)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_soft_reset_at_any_time(seed):
    rng = random.Random(seed)
    descriptors = [GOOD] * 20
    _, faults = random_faults(rng, descriptors, BASE, 32)

    async def bench(ctx, host, world):
        for _ in range(4):
            await start(ctx, host, log2=5, tail=20)
            for _ in range(rng.randrange(200)):
                await ctx.tick()
            await host.write(ctx, "COMMAND", SOFT_RESET | rng.choice([0, ABORT, RESUME]))
            while await host.read(ctx, "STATUS") & STOPPING:
                pass
            world.done.clear()
            for register in registers_of(SMALL):
                if register.access != "wo" and register.name not in constants(SMALL):
                    want = DIRECT_READY if register.name == "STATUS" else 0
                    assert await host.read(ctx, register.name) == want, register.name
            assert not ctx.get(world.dut.irq)
        world.faults.clear()
        world.memory.update(ring([GOOD] * 32, log2=5))
        await start(ctx, host, log2=5, tail=20)
        assert await wait_idle(ctx, host) == DIRECT_READY
        await check_counters(ctx, host, None)

    world = simulate(SMALL, bench, ring(descriptors, log2=5), faults, seed=seed)
    assert [kept(job) for job in world.done] == [plan(SMALL, GOOD, n) for n in range(20)]
