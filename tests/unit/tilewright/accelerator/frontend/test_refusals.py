"""Descriptors and entries that are refused, each with its error, and the limits that are not."""

from dataclasses import replace

import pytest
from unit.tilewright.accelerator.frontend.descriptors import (
    BAD,
    BASE,
    BEYOND,
    CONFIGS,
    GOOD,
    NARROW,
    ROUNDINGS,
    SMALL,
    TOO_WIDE,
    bad,
    ring,
)
from unit.tilewright.accelerator.frontend.host import DIRECT_READY, FAILED, RESUME, read_error, start, wait_idle
from unit.tilewright.accelerator.frontend.world import simulate

from tilewright.accelerator.contract import SIZE_BITS, Unit


@pytest.mark.parametrize("name", ["small", "wide", "narrow", "twice"])
def test_reports_the_fault_of_a_descriptor(name):
    config = SMALL.replace(rounding="double") if name == "twice" else CONFIGS[name]
    cases = [case for case in BAD if case[1] != "ALIGNMENT" or not config.unaligned] + BEYOND
    cases = cases if name != "twice" else []
    cases += (TOO_WIDE if name == "narrow" else []) + ROUNDINGS[config.rounding]
    descriptors = [bad(config, change) for change, _, _ in cases]

    async def bench(ctx, host, world):
        await start(ctx, host, log2=6, tail=len(cases))
        for index, (change, code, unit) in enumerate(cases):
            assert await wait_idle(ctx, host) == FAILED, change
            assert await read_error(ctx, host) == (code, Unit[unit], index, BASE + 64 * index), change
            assert await host.read(ctx, "IRQ_STATUS") == 0b010
            await host.write(ctx, "IRQ_STATUS", 0b111)
            await host.write(ctx, "COMMAND", RESUME)
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "HEAD") == len(cases)
        assert await host.read(ctx, "ERROR") == 0

    world = simulate(config, bench, ring(descriptors, log2=6))
    assert not world.done


@pytest.mark.parametrize("name", ["small", "wide", "narrow"])
def test_an_entry_past_the_last_address_is_refused_and_never_read(name):
    config = CONFIGS[name]
    base = (1 << config.addr_bits) - 64

    async def bench(ctx, host, world):
        await start(ctx, host, base=base, log2=1, tail=3)
        assert await wait_idle(ctx, host) == FAILED
        assert await read_error(ctx, host) == ("WRAPPED", Unit.DESCRIPTOR, 1, 0)
        await host.write(ctx, "COMMAND", RESUME)
        assert await wait_idle(ctx, host) == DIRECT_READY

    world = simulate(config, bench, {base: GOOD.pack()})
    assert world.fetched == [(0, base), (2, base)]
    assert [job["index"] for job in world.done] == [0, 2]


@pytest.mark.parametrize("entries", [40, pytest.param(1027, marks=pytest.mark.long)])  # 1,026: two bits too many
def test_a_ring_larger_than_memory_is_read_as_far_as_it_goes(entries):
    config = NARROW.replace(addr_bits=16)  # 1,024 entries fill it
    base = (1 << 16) - 128

    async def bench(ctx, host, world):
        await start(ctx, host, base=base, log2=15, tail=3)
        assert await wait_idle(ctx, host) == FAILED
        assert await read_error(ctx, host) == ("WRAPPED", Unit.DESCRIPTOR, 2, 0)
        await host.write(ctx, "TAIL", entries)
        await host.write(ctx, "COMMAND", RESUME)
        for index in range(3, entries):
            assert await wait_idle(ctx, host) == FAILED
            assert (await read_error(ctx, host))[:3] == ("WRAPPED", Unit.DESCRIPTOR, index)
            await host.write(ctx, "COMMAND", RESUME)

    world = simulate(config, bench, {base: GOOD.pack(), base + 64: GOOD.pack()}, limit_cycles=2_000_000)
    assert [index for index, _ in world.fetched] == [0, 1]


def test_accepts_values_at_the_limits():
    limit = (1 << SIZE_BITS) - 1
    cases = [
        {"m": limit, "n": limit, "k": SMALL.k_limit},
        {"a_stride": (1 << 24) - 8, "b_stride": 0, "c_stride": (1 << 24) - 8},
        {"a_address": (1 << 32) - 64 * 64, "parameter_address": (1 << 64) - 1},
        {"b_address": (1 << 32) - 63 * 128 - 64, "b_stride": 128},
        {"c_address": (1 << 32) - 63 * 1024 - 256, "c_stride": 1024},
        {"flags": 0b1111011, "parameter_address": (1 << 32) - 3 * 256},
        {"flags": 0b1111010, "parameter_address": (1 << 32) - 256, "c_address": (1 << 32) - 64 * 256},
        {"flags": 0b0000001, "c_address": (1 << 32) - 63 * 256 - 64},
        {"flags": 0b1111100},
    ]
    descriptors = [replace(GOOD, **change) for change in cases]

    async def bench(ctx, host, world):
        await start(ctx, host, tail=len(cases))
        assert await wait_idle(ctx, host) == DIRECT_READY

    assert len(simulate(SMALL, bench, ring(descriptors)).done) == len(cases)
