"""A host that reads and writes registers by name, in Amaranth's simulator."""

import random
from typing import Any

from tilewright.accelerator.registers import REGISTERS
from tilewright.bus import Response

__all__ = ["BusError", "LiteHost", "offset_of"]

_REGISTERS = {register.name: register for register in REGISTERS}


class BusError(Exception):
    """The response to an access was SLVERR."""


def offset_of(name: str) -> int:
    """Return the offset of a register."""
    return _REGISTERS[name].offset


class LiteHost:
    """Drive an AXI4-Lite port: one read and one write at a time, which may come from different benches.

    Parameters
    ----------
    bus : AxiLite interface
        The port of the component.
    rng : random.Random or None
        Chooses the pauses and the order of address and data; None for no pauses.
    max_cycles : int
        Accesses that take longer fail.
    """

    def __init__(self, bus: Any, rng: random.Random | None = None, max_cycles: int = 80):
        self.bus = bus
        self.rng = rng
        self.max_cycles = max_cycles

    def pause(self) -> int:
        """Return the number of cycles to wait before the next action."""
        return self.rng.choice((0, 0, 0, 1, 2, 5)) if self.rng else 0

    async def write(self, ctx, where: str | int, value: int, strobes: int = 0b1111) -> None:
        """Write a register, given by name or offset. Raise `BusError` if the response is SLVERR."""
        bus = self.bus
        offset = offset_of(where) if isinstance(where, str) else where
        waits = {"aw": self.pause(), "w": self.pause()}
        ctx.set(bus.awaddr, offset)
        ctx.set(bus.wdata, value)
        ctx.set(bus.wstrb, strobes)
        valid, ready = {"aw": bus.awvalid, "w": bus.wvalid}, {"aw": bus.awready, "w": bus.wready}
        for _ in range(self.max_cycles):
            for channel in waits:
                ctx.set(valid[channel], waits[channel] == 0)
            _, _, *accepted = await ctx.tick().sample(ready["aw"], ready["w"])
            for channel, taken in zip(("aw", "w"), accepted, strict=True):
                if waits.get(channel) == 0 and taken:
                    del waits[channel]
                    ctx.set(valid[channel], 0)
            waits = {channel: max(0, wait - 1) for channel, wait in waits.items()}
            if not waits:
                break
        assert not waits, "a write was not accepted"
        await self._answer(ctx, bus.bready, bus.bvalid, bus.bresp)

    async def read(self, ctx, where: str | int) -> int:
        """Read a register, given by name or offset. Raise `BusError` if the response is SLVERR."""
        bus = self.bus
        for _ in range(self.pause()):
            await ctx.tick()
        ctx.set(bus.araddr, offset_of(where) if isinstance(where, str) else where)
        ctx.set(bus.arvalid, 1)
        accepted = False
        for _ in range(self.max_cycles):
            _, _, accepted = await ctx.tick().sample(bus.arready)
            if accepted:
                break
        assert accepted, "a read was not accepted"
        ctx.set(bus.arvalid, 0)
        return await self._answer(ctx, bus.rready, bus.rvalid, bus.rresp, bus.rdata)

    async def _answer(self, ctx, ready, valid, *payload) -> int:
        """Accept a response, which must hold until then; return its data, if it has any."""
        wait = self.pause()
        offered = None
        for _ in range(self.max_cycles):
            ctx.set(ready, wait == 0)
            _, _, came, *values = await ctx.tick().sample(valid, *payload)
            assert offered in (None, values if came else ()), "a response was withdrawn or changed"
            if came and not wait:
                ctx.set(ready, 0)
                response = Response(values[0])
                if response != Response.OKAY:
                    assert response == Response.SLVERR
                    raise BusError
                return values[-1]
            offered = values if came else None
            wait = max(0, wait - 1)
        raise AssertionError("there was no response")
