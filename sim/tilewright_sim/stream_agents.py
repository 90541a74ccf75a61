"""Streams and runs in Amaranth's simulator."""

import random
from dataclasses import dataclass, field
from typing import Any

from amaranth.sim import Simulator

__all__ = ["Feeder", "Taker", "run"]


@dataclass
class Feeder:
    """Offer ``items`` on a stream, pausing with probability ``stall``."""

    port: Any
    items: list
    stall: float = 0.0
    seed: int = 0
    cycles: list[int] = field(default_factory=list)
    """The cycles in which items were accepted."""
    stopped: bool = False
    """Set from outside: offer nothing more, once what is on offer has been accepted."""

    async def run(self, ctx):
        chance = random.Random(self.seed)
        cycle, count, valid = 0, 0, False
        while True:
            _, _, ready = await ctx.tick().sample(self.port.ready)
            if valid and ready:
                self.cycles.append(cycle)
                count += 1
                valid = False
            cycle += 1
            if not valid and count < len(self.items) and not self.stopped and chance.random() >= self.stall:
                valid = True
                ctx.set(self.port.payload, self.items[count])
            ctx.set(self.port.valid, valid)


@dataclass
class Taker:
    """Take what a stream offers, pausing with probability ``stall``, and check that offers are held."""

    port: Any
    stall: float = 0.0
    seed: int = 0
    items: list = field(default_factory=list)
    cycles: list[int] = field(default_factory=list)
    """The cycles in which items were taken."""

    async def run(self, ctx):
        chance = random.Random(self.seed)
        cycle, ready, held = 0, False, None
        while True:
            _, _, valid, payload = await ctx.tick().sample(self.port.valid, self.port.payload)
            bits = payload if isinstance(payload, int) else payload.as_bits()
            assert held is None or (valid and held == bits), "an offer was changed or withdrawn"
            held = bits if valid and not ready else None
            if valid and ready:
                self.items.append(payload)
                self.cycles.append(cycle)
            cycle += 1
            ready = chance.random() >= self.stall
            ctx.set(self.port.ready, ready)


def run(dut, main, *background, max_cycles: int = 100_000):
    """Simulate ``dut`` until the testbench ``main`` ends; the others run beside it.

    Raises TimeoutError after ``max_cycles`` cycles.
    """
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for process in background:
        simulator.add_testbench(process, background=True)
    finished = []

    async def watched(ctx):
        await main(ctx)
        finished.append(True)

    simulator.add_testbench(watched)

    async def watchdog(ctx):
        await ctx.delay(max_cycles * 1e-6)
        if not finished:
            raise TimeoutError(f"not done after {max_cycles} cycles")

    simulator.add_testbench(watchdog, background=True)
    simulator.run()
