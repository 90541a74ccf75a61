"""An AXI4 memory for Amaranth's simulator, which checks that the manager follows the AXI rules."""

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tilewright_sim.models import AxiRules

__all__ = ["AxiMemory", "ReadMemory", "WriteMemory"]


@dataclass
class AxiMemory:
    """Contents, timing and responses of a memory.

    ``latency`` is the number of cycles from an address to its first data or to its response, ``stall`` the probability
    that a channel pauses in a cycle. ``responses`` maps the address of a byte to the response of every write burst and
    every read beat that contains this byte; the others get OKAY. Addresses wrap at the size of the memory.
    """

    axi: Any
    contents: bytearray
    latency: int = 0
    stall: float = 0.0
    seed: int = 0
    responses: dict[int, int] = field(default_factory=dict)
    bursts: list[tuple[int, int, int]] = field(default_factory=list)
    """Cycle, address and beats of each accepted burst."""
    beat_cycles: list[int] = field(default_factory=list)
    """The cycles in which a beat was transferred."""
    max_outstanding: int = 0

    def __post_init__(self):
        self.word_bytes = self.axi.signature.data_bits // 8
        self.before = bytes(self.contents)
        self.begin()

    def begin(self):
        """Restore the initial state, because a simulation may run twice."""
        self.contents[:] = self.before
        self.bursts.clear()
        self.beat_cycles.clear()
        self.max_outstanding = 0
        self.random = random.Random(self.seed)
        self.cycle = 0
        self.rules = AxiRules(self.word_bytes)

    def accept(self, channel, address, length, size, burst):
        """Check a burst against the AXI rules and record it."""
        self.rules.begin(channel, address, length, size, burst)
        self.bursts.append((self.cycle, address, length + 1))

    def goes(self):
        """Return False if a channel pauses in this cycle."""
        return self.random.random() >= self.stall

    def response(self, address, size_bytes):
        """Return the response to an access of ``size_bytes`` bytes at ``address``."""
        return next((r for a, r in self.responses.items() if address <= a < address + size_bytes), 0)


class ReadMemory(AxiMemory):
    """Serves an `Axi4Read`; `run` is a background testbench."""

    async def run(self, ctx):
        self.begin()
        axi, word = self.axi, self.word_bytes
        arready = rvalid = False
        outstanding = 0
        waiting: deque = deque()  # due cycle, address and last of each beat
        while True:
            sample = ctx.tick().sample(axi.arvalid, axi.araddr, axi.arlen, axi.arsize, axi.arburst, axi.rready)
            _, _, arvalid, araddr, arlen, arsize, arburst, rready = await sample
            if self.rules.transfer("AR", arvalid, arready, (araddr, arlen)):
                self.accept("AR", araddr, arlen, arsize, arburst)
                beats = range(arlen + 1)
                outstanding += 1
                waiting.extend((self.cycle + self.latency, araddr + n * word, n == arlen) for n in beats)
            self.max_outstanding = max(self.max_outstanding, outstanding)
            if rvalid and rready:
                self.beat_cycles.append(self.cycle)
                outstanding -= waiting.popleft()[2]
                rvalid = False
            assert rready, "the read data channel is stalled"
            self.cycle += 1
            if not rvalid and waiting and waiting[0][0] < self.cycle and self.goes():
                rvalid = True
                _, address, last = waiting[0]
                start = address % len(self.contents)
                ctx.set(axi.rdata, int.from_bytes(self.contents[start : start + word], "little"))
                ctx.set(axi.rresp, self.response(address, word))
                ctx.set(axi.rlast, last)
            arready = self.goes()
            ctx.set(axi.rvalid, rvalid)
            ctx.set(axi.arready, arready)


class WriteMemory(AxiMemory):
    """Serves an `Axi4Write`; `run` is a background testbench.

    With ``data_first``, an address is accepted only after the first beat of its data, which AXI allows.
    """

    data_first = False

    async def run(self, ctx):
        self.begin()
        axi = self.axi
        awready = wready = bvalid = False
        self.written: list[int] = []  # address of every byte, in order
        addresses: deque = deque()
        beats: deque = deque()
        responses: deque = deque()  # due cycle, response
        started = finished = 0  # bursts whose data have begun, and ended
        while True:
            sample = ctx.tick().sample(
                axi.awvalid, axi.awaddr, axi.awlen, axi.awsize, axi.awburst, axi.wvalid, axi.wdata, axi.wstrb,
                axi.wlast, axi.bready,
            )  # fmt: skip
            _, _, awvalid, awaddr, awlen, awsize, awburst, wvalid, wdata, wstrb, wlast, bready = await sample
            if self.rules.transfer("AW", awvalid, awready, (awaddr, awlen)):
                self.accept("AW", awaddr, awlen, awsize, awburst)
                addresses.append((awaddr, awlen))
            if self.rules.transfer("W", wvalid, wready, (wdata, wstrb, wlast)):
                self.beat_cycles.append(self.cycle)
                started += finished == started
                finished += wlast
                beats.append((wdata, wstrb, wlast))
            if bvalid and bready:
                responses.popleft()
                bvalid = False
            while addresses and sum(last for _, _, last in beats):
                address, length = addresses.popleft()
                self.write(address, length, beats, responses)
            self.max_outstanding = max(self.max_outstanding, len(addresses) + len(responses))
            self.cycle += 1
            bvalid = bvalid or bool(responses and responses[0][0] < self.cycle and self.goes())
            if bvalid:
                ctx.set(axi.bresp, responses[0][1])
            awready = self.goes() and not (self.data_first and started <= len(self.bursts))
            wready = self.goes()
            ctx.set(axi.bvalid, bvalid)
            ctx.set(axi.awready, awready)
            ctx.set(axi.wready, wready)

    def write(self, address, length, beats, responses):
        """Store the data of one burst."""
        size_bytes = (length + 1) * self.word_bytes
        for n in range(length + 1):
            value, strobes, last = beats.popleft()
            assert last == (n == length), "wlast is set on the wrong beat"
            for byte in range(self.word_bytes):
                if strobes >> byte & 1:
                    byte_address = address + n * self.word_bytes + byte
                    self.contents[byte_address % len(self.contents)] = value >> 8 * byte & 0xFF
                    self.written.append(byte_address)
        responses.append((self.cycle + self.latency, self.response(address, size_bytes)))
