"""The queue in distributed memory: order, capacity, latency."""

import pytest
from amaranth.hdl import unsigned

from tilewright.base import mark_used
from tilewright.storage import SmallFifo
from tilewright_sim.testbench import pysim


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 8])
def test_it_holds_as_many_entries_as_it_says_and_keeps_their_order(depth):
    fifo = SmallFifo(unsigned(8), depth)
    entries = list(range(1, 3 * depth + 2))
    feeder = pysim.Feeder(fifo.i, entries)
    taken = []

    async def bench(ctx):
        await ctx.tick().repeat(depth + 4)
        assert len(feeder.cycles) == depth, "it takes no more until one leaves"
        while len(taken) < len(entries):
            if ctx.get(fifo.o.valid):
                taken.append(ctx.get(fifo.o.payload))
            ctx.set(fifo.o.ready, 1)
            await ctx.tick()
        assert not ctx.get(fifo.o.valid)

    pysim.run(fifo, bench, background=(feeder.run,))
    assert taken == entries


def test_an_entry_leaves_in_the_cycle_after_it_came():
    fifo = SmallFifo(unsigned(8), 4)

    async def bench(ctx):
        ctx.set(fifo.i.payload, 7)
        ctx.set(fifo.i.valid, 1)
        assert not ctx.get(fifo.o.valid)
        await ctx.tick()
        assert ctx.get(fifo.o.valid)
        assert ctx.get(fifo.o.payload) == 7

    pysim.run(fifo, bench)


def test_a_queue_of_nothing_is_refused():
    with pytest.raises(ValueError, match="depth = 0 must be at least 1"):
        mark_used(SmallFifo(unsigned(8), 0))
