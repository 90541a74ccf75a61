"""The other end of a serial line, for Amaranth's simulator."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class SerialEnd:
    """Sends bytes to ``rx`` of a component and takes those from its ``tx``; `receive` runs in the background.

    Its clock differs from the component's by ``drift`` cycles in each byte.
    """

    dut: Any
    divisor: int
    received: bytearray = field(default_factory=bytearray)
    drift: int = 0
    starts: list[int] = field(default_factory=list)
    """The cycles in which received bytes began, if `count` runs too."""
    cycle: int = 0

    async def send(self, ctx, data: bytes, stop: bool = True):
        """Send bytes one after the other; without their stop bits if not ``stop``."""
        for byte in data:
            for bit in [0, *(byte >> n & 1 for n in range(8)), int(stop)]:
                ctx.set(self.dut.rx, bit)
                await ctx.tick().repeat(self.divisor)
            if self.drift > 0:
                await ctx.tick().repeat(self.drift)
        ctx.set(self.dut.rx, 1)

    async def receive(self, ctx):
        self.received.clear()
        self.starts.clear()
        period = 1e-6  # of `pysim.run`
        while True:
            await ctx.negedge(self.dut.tx)
            self.starts.append(self.cycle)
            byte = 0
            await ctx.delay(period * self.divisor / 2)
            for bit in range(9):
                await ctx.delay(period * self.divisor)
                byte |= ctx.get(self.dut.tx) << bit
            assert byte >> 8, "no stop bit"
            self.received.append(byte & 0xFF)

    async def count(self, ctx):
        self.cycle = 0
        while True:
            await ctx.tick()
            self.cycle += 1
