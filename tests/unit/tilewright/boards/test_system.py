"""A board's system in Amaranth's simulator, as far as it runs without a host."""

from tilewright.boards import BoardConfig, BoardSystem
from tilewright_sim.testbench import pysim

READY = 3
"""The LED of a memory that may be used."""


def test_block_memory_is_ready_at_once():
    system = BoardSystem(BoardConfig.preset("icebreaker"))

    async def bench(ctx):
        ctx.set(system.rx, 1)
        for _ in range(3):
            assert ctx.get(system.leds) == 1 << READY
            await ctx.tick()

    pysim.run(system, bench)
