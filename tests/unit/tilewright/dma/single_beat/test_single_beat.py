"""WordReader and WordWriter: every byte of random transfers, whatever the memory does; errors, wraps and aborts."""

import random
from dataclasses import dataclass, field

import pytest

from tilewright.bus import Response
from tilewright.dma import Cause, DmaConfig
from tilewright.dma.single_beat import WordReader, WordWriter
from tilewright_sim.testbench import pysim

CONFIG = DmaConfig(data_bits=32, addr_bits=14, max_burst=1, outstanding=1, length_bits=7, rows_bits=4, stride_bits=12)
SIZE = 1 << CONFIG.addr_bits


@dataclass
class Memory:
    """A memory that answers when it likes; ``bad`` is the address of a word with an error."""

    chance: random.Random
    stall: float
    bad: int | None = None
    error: Response = Response.SLVERR
    contents: bytearray = field(init=False)
    words: int = 0

    def __post_init__(self):
        self.contents = bytearray(self.chance.randbytes(SIZE))

    def now(self) -> bool:
        return self.chance.random() >= self.stall

    async def meet(self, ctx, valid, ready, payload):
        """Accept an offer at some time, which must not change; return what is offered."""
        before = None
        while True:
            willing = self.now()
            ctx.set(ready, willing)
            there, values = ctx.get(valid), [ctx.get(part) for part in payload]
            assert before is None or (there and values == before), "an offer changes"
            before = values if there else None
            await ctx.tick()
            if there and willing:
                ctx.set(ready, 0)
                return values

    async def give(self, ctx, valid, ready):
        """Offer what has been set."""
        while not self.now():
            await ctx.tick()
        ctx.set(valid, 1)
        while not ctx.get(ready):
            await ctx.tick()
        await ctx.tick()
        ctx.set(valid, 0)

    async def reads(self, ctx, axi):
        while True:
            address, length = await self.meet(ctx, axi.arvalid, axi.arready, (axi.araddr, axi.arlen))
            assert (length, address % 4) == (0, 0)
            self.words += 1
            ctx.set(axi.rresp, self.error if address == self.bad else Response.OKAY)
            ctx.set(axi.rdata, int.from_bytes(self.contents[address : address + 4], "little"))
            await self.give(ctx, axi.rvalid, axi.rready)

    async def writes(self, ctx, axi):
        while True:
            if self.chance.random() < 0.5:  # either channel first, but data are not waited for by addresses
                data = await self.meet(ctx, axi.wvalid, axi.wready, (axi.wdata, axi.wstrb))
                (address,) = await self.meet(ctx, axi.awvalid, axi.awready, (axi.awaddr,))
            else:
                (address,) = await self.meet(ctx, axi.awvalid, axi.awready, (axi.awaddr,))
                data = await self.meet(ctx, axi.wvalid, axi.wready, (axi.wdata, axi.wstrb))
            self.words += 1
            for byte in range(4):
                if data[1] >> byte & 1 and address != self.bad:
                    self.contents[address + byte] = data[0] >> 8 * byte & 0xFF
            ctx.set(axi.bresp, self.error if address == self.bad else Response.OKAY)
            await self.give(ctx, axi.bvalid, axi.bready)


def transfers(chance: random.Random, count: int) -> list[dict]:
    """Requests that stay within the memory."""
    found = []
    for _ in range(count):
        stride = 4 * chance.randrange(40)
        rows, length = chance.randint(1, 6), chance.choice([1, 3, 4, 5, 8, chance.randint(1, 60)])
        address = 4 * chance.randrange((SIZE - rows * stride - length) // 4)
        found.append({"address": address, "bytes": length, "rows": rows, "stride": stride})
    return found


def words_of(memory: bytearray, request: dict) -> list[tuple[int, int, int]]:
    """Data, row_last and last of each word of a read."""
    found = []
    for row in range(request["rows"]):
        start = request["address"] + row * request["stride"]
        data = bytes(memory[start : start + request["bytes"]])
        for low in range(0, len(data), 4):
            row_last = low + 4 >= len(data)
            last = row_last and row == request["rows"] - 1
            found.append((int.from_bytes(data[low : low + 4], "little"), int(row_last), int(last)))
    return found


def drive(dut, requests, memory, words=(), *, abort_after=None):
    """Run the requests; return the words that came and the statuses."""
    came, statuses = [], []

    async def ask(ctx):
        feed = list(words)
        for request in requests:
            ctx.set(dut.requests.payload, request)
            ctx.set(dut.requests.valid, 1)
            cycle = 0
            while True:
                if hasattr(dut, "i"):
                    ctx.set(dut.i.valid, bool(feed))
                    ctx.set(dut.i.payload, feed[0] if feed else 0)
                    taken = bool(feed) and ctx.get(dut.i.ready)
                elif ctx.get(dut.o.valid):
                    word = ctx.get(dut.o.payload)
                    came.append((word.data, word.row_last, word.last))
                ended = ctx.get(dut.requests.ready)
                assert ctx.get(dut.status.valid) == ended
                if ended:
                    status = ctx.get(dut.status.payload)
                    statuses.append((Cause(status.cause), status.address))
                if abort_after is not None:
                    ctx.set(dut.abort, cycle >= abort_after)
                    if cycle > abort_after and not ctx.get(dut.busy):
                        return
                await ctx.tick()
                cycle += 1
                if hasattr(dut, "i") and taken:
                    feed.pop(0)
                if ended:
                    break
        assert not feed
        ctx.set(dut.requests.valid, 0)
        await ctx.tick()
        assert not ctx.get(dut.busy)

    bus = memory.writes if hasattr(dut, "i") else memory.reads

    async def answer(ctx):
        await bus(ctx, dut.m_axi)

    pysim.run(dut, ask, background=[answer], limit_cycles=20_000)
    return came, statuses


@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_reader_gives_every_word_of_random_transfers(stall):
    chance = random.Random(3)
    requests, memory = transfers(chance, 25), Memory(chance, stall)
    want = [word for request in requests for word in words_of(memory.contents, request)]

    came, statuses = drive(WordReader(CONFIG), requests, memory)

    assert came == want
    assert [cause for cause, _ in statuses] == [Cause.NONE] * len(requests)
    assert memory.words == len(want)


@pytest.mark.parametrize("stall", [0.0, 0.6])
def test_writer_writes_the_bytes_of_random_transfers_and_no_others(stall):
    chance = random.Random(4)
    requests, memory = transfers(chance, 25), Memory(chance, stall)
    want, words = bytearray(memory.contents), []
    for request in requests:
        for row in range(request["rows"]):
            start, data = request["address"] + row * request["stride"], chance.randbytes(request["bytes"])
            want[start : start + len(data)] = data
            padded = data + chance.randbytes(-len(data) % 4)
            words += [int.from_bytes(padded[low : low + 4], "little") for low in range(0, len(padded), 4)]

    _, statuses = drive(WordWriter(CONFIG), requests, memory, words)

    assert memory.contents == want
    assert [cause for cause, _ in statuses] == [Cause.NONE] * len(requests)


@pytest.mark.parametrize(("error", "cause"), [(Response.SLVERR, Cause.SLVERR), (Response.DECERR, Cause.DECERR)])
@pytest.mark.parametrize("component", [WordReader, WordWriter])
def test_an_error_response_ends_the_request_with_its_address(component, error, cause):
    chance = random.Random(5)
    request = {"address": 64, "bytes": 10, "rows": 3, "stride": 32}
    after = {"address": 256, "bytes": 4, "rows": 1, "stride": 0}
    memory = Memory(chance, 0.3, bad=64 + 32 + 4, error=error)
    words = [chance.getrandbits(32) for _ in range(6)] if component is WordWriter else ()  # 5 and the one after

    came, statuses = drive(component(CONFIG), [request, after], memory, words)

    assert statuses == [(cause, 64 + 32 + 4), (Cause.NONE, 256)]
    assert memory.words == 6
    if component is WordReader:
        assert came == words_of(memory.contents, request)[:4] + words_of(memory.contents, after)


@pytest.mark.parametrize("component", [WordReader, WordWriter])
@pytest.mark.parametrize(
    ("request_", "address", "before"),
    [
        ({"address": SIZE - 8, "bytes": 9, "rows": 1, "stride": 0}, 0, 2),
        ({"address": SIZE - 8, "bytes": 4, "rows": 2, "stride": 1024}, 1016, 1),
    ],
)
def test_bytes_past_the_last_address_are_not_accessed(component, request_, address, before):
    chance = random.Random(6)
    memory = Memory(chance, 0.0)
    untouched = bytes(memory.contents[: SIZE - 8])
    words = [chance.getrandbits(32) for _ in range(before)] if component is WordWriter else ()

    _, statuses = drive(component(CONFIG), [request_], memory, words)

    assert statuses == [(Cause.WRAPPED, address)]
    assert memory.words == before
    assert memory.contents[: SIZE - 8] == untouched


@pytest.mark.parametrize("after", range(0, 40, 3))
@pytest.mark.parametrize("component", [WordReader, WordWriter])
def test_abort_completes_the_word_in_flight_and_starts_no_other(component, after):
    chance = random.Random(after)
    memory = Memory(chance, 0.4)
    words = [chance.getrandbits(32) for _ in range(24)] if component is WordWriter else ()

    _, statuses = drive(
        component(CONFIG), [{"address": 0, "bytes": 16, "rows": 6, "stride": 16}], memory, words, abort_after=after
    )

    assert statuses == []
