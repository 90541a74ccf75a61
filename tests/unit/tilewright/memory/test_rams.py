"""The arbiter and the memory on the chip: two DMA engines' traffic and a host's, every byte in its place."""

import random
from typing import Any

import pytest
from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, connect, flipped

from tilewright.bus import Arbiter, Axi4
from tilewright.memory import BlockRam, WordRam
from tilewright_sim.testbench import pysim

SIZE = 1 << 12
DATA_BITS, ADDR_BITS, ID_BITS = 32, 16, 2
WORD = DATA_BITS // 8


class Shared(Component):
    """Two managers on one memory."""

    def __init__(self, memory=BlockRam):
        self.memory = memory
        manager = Axi4(data_bits=DATA_BITS, addr_bits=ADDR_BITS, id_bits=ID_BITS)
        super().__init__({"s_axi_0": In(manager), "s_axi_1": In(manager)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.arbiter = arbiter = Arbiter(DATA_BITS, ADDR_BITS, ID_BITS)
        m.submodules.ram = ram = self.memory(DATA_BITS, ADDR_BITS, ID_BITS + 1, SIZE)
        connect(m, flipped(self.s_axi_0), arbiter.s_axi_0)
        connect(m, flipped(self.s_axi_1), arbiter.s_axi_1)
        connect(m, arbiter.m_axi, ram.s_axi)
        return m


class Manager:
    """Writes and reads bursts at random in the half of the memory that is its own, and checks what it reads."""

    def __init__(self, axi: Any, half: int, seed: int, bursts: int, most_beats: int):
        self.axi, self.half, self.seed, self.bursts, self.most_beats = axi, half, seed, bursts, most_beats

    def begin(self):
        self.random = random.Random(self.seed)
        self.contents: dict[int, int] = {}
        self.writes_left = self.bursts
        self.written: list[tuple[int, int]] = []  # bursts whose response has come
        self.open_writes: list = []
        self.reads: list = []
        self.reads_left = self.bursts

    def place(self) -> tuple[int, int]:
        beats = self.random.randint(1, self.most_beats)
        words = SIZE // 2 // WORD
        first = self.random.randrange(words - beats)
        return self.half * SIZE // 2 + first * WORD, beats

    async def write(self, ctx):
        """One burst after the other: the address, then the data, with pauses, or both at once."""
        axi = self.axi
        ctx.set(axi.bready, 1)
        ctx.set(axi.awsize, 2)
        ctx.set(axi.awburst, 1)
        while self.writes_left:
            self.writes_left -= 1
            address, beats = self.place()
            ctx.set(axi.awaddr, address)
            ctx.set(axi.awlen, beats - 1)
            ctx.set(axi.awid, self.writes_left % 4)
            words = [(self.random.getrandbits(DATA_BITS), self.random.choice((15, 15, 5))) for _ in range(beats)]
            asked, sent, answered = False, 0, False
            ctx.set(axi.awvalid, 1)
            valid = False
            while not answered:
                if not valid and sent < beats and self.random.random() < 0.7:
                    valid = True
                    ctx.set(axi.wdata, words[sent][0])
                    ctx.set(axi.wstrb, words[sent][1])
                    ctx.set(axi.wlast, sent == beats - 1)
                ctx.set(axi.wvalid, valid)
                _, _, awready, wready, bvalid, bid, bresp = await ctx.tick().sample(
                    axi.awready, axi.wready, axi.bvalid, axi.bid, axi.bresp
                )
                if awready and not asked:
                    asked = True
                    ctx.set(axi.awvalid, 0)
                if valid and wready:
                    assert asked, "data went before its address"
                    data, strobes = words[sent]
                    for byte in range(WORD):
                        if strobes >> byte & 1:
                            self.contents[address + sent * WORD + byte] = data >> 8 * byte & 0xFF
                    sent, valid = sent + 1, False
                if bvalid:
                    assert (sent, bid, bresp) == (beats, self.writes_left % 4, 0)
                    answered = True
            self.written.append((address, beats))

    async def read(self, ctx):
        """Bursts of what has been written, one asked for while the one before comes."""
        axi = self.axi
        ctx.set(axi.arsize, 2)
        ctx.set(axi.arburst, 1)
        due: list[tuple[int, int, bool]] = []  # address, identifier, last
        asking = None
        while self.reads_left or due or asking:
            if asking is None and self.reads_left and len(due) < 3 * self.most_beats and not self.writes_left:
                self.reads_left -= 1
                asking = self.random.choice(self.written)
                ctx.set(axi.araddr, asking[0])
                ctx.set(axi.arlen, asking[1] - 1)
                ctx.set(axi.arid, self.reads_left % 4)
                ctx.set(axi.arvalid, 1)
            ready = self.random.random() < 0.8
            ctx.set(axi.rready, ready)
            _, _, arready, *beat = await ctx.tick().sample(
                axi.arready, axi.rvalid, axi.rdata, axi.rid, axi.rresp, axi.rlast
            )
            if asking and arready:
                address, beats = asking
                due += [(address + n * WORD, self.reads_left % 4, n == beats - 1) for n in range(beats)]
                asking = None
                ctx.set(axi.arvalid, 0)
            valid, data, rid, resp, last = beat
            if valid and ready:
                address, want_id, want_last = due.pop(0)
                assert (rid, resp, bool(last)) == (want_id, 0, want_last)
                for byte in range(WORD):
                    known = self.contents.get(address + byte)
                    assert known is None or data >> 8 * byte & 0xFF == known, f"{address + byte:#x}"


@pytest.mark.parametrize(("memory", "beats"), [(BlockRam, 12), (WordRam, 1)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_managers_read_back_their_writes(seed, memory, beats):
    dut = Shared(memory)
    managers = [Manager(dut.s_axi_0, 0, seed, 25, beats), Manager(dut.s_axi_1, 1, seed + 100, 40, 1)]

    async def start(ctx):
        for manager in managers:
            manager.begin()
        # Written all over at first, so that a read never meets what no write has set.
        await ctx.tick()

    benches = [start, *(bench for manager in managers for bench in (manager.write, manager.read))]
    for manager in managers:
        manager.begin()
    pysim.run(dut, *benches, limit_cycles=20_000)
    assert all(not manager.reads_left for manager in managers)


@pytest.mark.parametrize("memory", [BlockRam, WordRam])
def test_bursts_outside_the_memory_answer_decerr_and_write_nothing(memory):
    dut = memory(DATA_BITS, ADDR_BITS, ID_BITS, SIZE)
    axi = dut.s_axi

    async def write(ctx, address, data):
        ctx.set(axi.awaddr, address)
        ctx.set(axi.awvalid, 1)
        ctx.set(axi.bready, 1)
        await ctx.tick().until(axi.awready)
        ctx.set(axi.awvalid, 0)
        for name, value in (("wdata", data), ("wstrb", 15), ("wlast", 1), ("wvalid", 1)):
            ctx.set(getattr(axi, name), value)
        await ctx.tick().until(axi.wready)
        ctx.set(axi.wvalid, 0)
        (response,) = await ctx.tick().sample(axi.bresp).until(axi.bvalid)
        return response

    async def read(ctx, address):
        ctx.set(axi.araddr, address)
        ctx.set(axi.arvalid, 1)
        ctx.set(axi.rready, 1)
        await ctx.tick().until(axi.arready)
        ctx.set(axi.arvalid, 0)
        return await ctx.tick().sample(axi.rdata, axi.rresp).until(axi.rvalid)

    async def bench(ctx):
        assert await write(ctx, SIZE - 4, 0x12345678) == 0
        assert await write(ctx, 8, 1) == 0
        assert await write(ctx, SIZE + 8, 2) == 3
        assert await write(ctx, 0x8008, 3) == 3
        assert await read(ctx, 8) == (1, 0)
        assert await read(ctx, SIZE - 4) == (0x12345678, 0)
        assert (await read(ctx, SIZE))[1] == 3

    pysim.run(dut, bench)


def test_a_burst_moves_a_beat_in_each_cycle():
    dut = BlockRam(DATA_BITS, ADDR_BITS, ID_BITS, SIZE)
    axi = dut.s_axi
    beats = 64
    cycles: list[int] = []

    async def bench(ctx):
        cycles.clear()
        ctx.set(axi.arlen, beats - 1)
        ctx.set(axi.arvalid, 1)
        ctx.set(axi.rready, 1)
        await ctx.tick()
        ctx.set(axi.arvalid, 0)
        for cycle in range(1, beats + 10):
            _, _, valid = await ctx.tick().sample(axi.rvalid)
            if valid:
                cycles.append(cycle)

    pysim.run(dut, bench)
    assert cycles == list(range(5, beats + 5))
