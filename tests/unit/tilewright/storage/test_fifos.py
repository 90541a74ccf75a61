"""Both kinds of queues keep entries in order and hold as many as they say."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.storage import BlockFifo, SmallFifo
from tilewright_sim.testbench import pysim

GAPS = st.lists(st.integers(0, 4), max_size=12)


@pytest.mark.parametrize(
    ("kind", "depth"), [*((SmallFifo, n) for n in (1, 2, 3, 4, 5, 15, 16)), *((BlockFifo, n) for n in (2, 4, 16))]
)
@settings(max_examples=6, deadline=None)
@given(gaps_in=GAPS, gaps_out=GAPS)
def test_fifo_keeps_every_entry_in_order(kind, depth, gaps_in, gaps_out):
    items = random.Random(depth).sample(range(256), 40)
    fifo = kind(8, depth)
    pysim.run(fifo, pysim.feeder(fifo.i, items, gaps_in), pysim.checker(fifo.o, items, gaps_out))


@pytest.mark.parametrize(("kind", "depth", "extra"), [(SmallFifo, 1, 0), (SmallFifo, 5, 0), (SmallFifo, 8, 0),
                                                      (BlockFifo, 2, 2), (BlockFifo, 8, 2)])  # fmt: skip
def test_fifo_holds_its_depth_and_no_more(kind, depth, extra):
    fifo = kind(8, depth)

    async def bench(ctx):
        ctx.set(fifo.i.valid, 1)
        accepted = 0
        for _ in range(depth + 20):
            _, _, ready = await ctx.tick().sample(fifo.i.ready)
            accepted += ready
        # The two registers behind the memory hold entries too.
        assert accepted == depth + extra

    pysim.run(fifo, bench)


@pytest.mark.parametrize(("kind", "latency"), [(SmallFifo, 1), (BlockFifo, 3)])
def test_fifo_has_the_documented_latency_and_passes_an_entry_in_every_cycle(kind, latency):
    fifo = kind(8, 8)

    async def bench(ctx):
        ctx.set(fifo.i.valid, 1)
        ctx.set(fifo.o.ready, 1)
        seen = []
        for cycle in range(30):
            ctx.set(fifo.i.payload, cycle)
            _, _, ready, valid, payload = await ctx.tick().sample(fifo.i.ready, fifo.o.valid, fifo.o.payload)
            assert ready
            seen.append(payload if valid else None)
        assert seen == [None] * latency + list(range(30 - latency))

    pysim.run(fifo, bench)


def test_block_fifo_is_empty_after_a_clear():
    fifo = BlockFifo(8, 4)

    async def bench(ctx):
        for cycle in range(12):
            ctx.set(fifo.i.valid, 1)
            ctx.set(fifo.i.payload, cycle)
            ctx.set(fifo.clear, cycle == 11)
            await ctx.tick()
        ctx.set(fifo.clear, 0)
        ctx.set(fifo.i.payload, 99)
        ctx.set(fifo.o.ready, 1)
        seen = []
        for _ in range(8):
            _, _, valid, payload = await ctx.tick().sample(fifo.o.valid, fifo.o.payload)
            ctx.set(fifo.i.valid, 0)
            seen += [payload] if valid else []
        assert seen == [99]

    pysim.run(fifo, bench)


@pytest.mark.parametrize("depth", [0, 1, 3, 12])
def test_block_fifo_refuses_other_depths(depth):
    with pytest.raises(ValueError, match="must be a power of two, at least 2"):
        BlockFifo(8, depth)
