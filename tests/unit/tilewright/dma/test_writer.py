"""`DmaWriter` against its model, in Amaranth's simulator."""

import random
from dataclasses import asdict, replace
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.dma import Cause, DmaConfig, DmaWriter
from tilewright_sim.models import Request
from tilewright_sim.models import dma as dma_model
from tilewright_sim.testbench import WriteMemory, pysim

SMALL = DmaConfig(data_bits=32, max_burst=4, outstanding=3)
UNALIGNED = DmaConfig(data_bits=32, max_burst=4, outstanding=3, unaligned=True)
BASE = DmaConfig()


@lru_cache(8)
def simulation(config):
    return pysim.Simulation(DmaWriter(config))


class Bench:
    """A writer, its memory and its streams."""

    def __init__(self, config, asked, *, latency=0, stall=0.0, stall_i=0.0, responses=None, seed=0):
        self.config, self.requests = config, asked
        self.dut = simulation(config).dut
        self.before = bytearray(random.Random(2).randbytes(1 << 16))
        self.memory = WriteMemory(
            self.dut.m_axi, self.before[:], latency=latency, stall=stall, seed=seed, responses=responses or {}
        )
        self.feeder = pysim.Feeder(self.dut.requests, [asdict(r) for r in asked])
        count = sum(dma_model.word_count(r, word_bytes=config.word_bytes) for r in asked)
        chance = random.Random(3)
        self.data = [chance.getrandbits(config.data_bits) for _ in range(count)]
        self.words = pysim.Feeder(self.dut.i, self.data, stall=stall_i, seed=seed + 1)
        self.statuses = pysim.Taker(self.dut.status, stall=stall_i / 2, seed=seed + 2)

    def run(self, main=None):
        processes = (self.memory.run, self.feeder.run, self.words.run, self.statuses.run)
        simulation(self.config).run(main or self.done, background=processes, limit_cycles=100_000)
        assert self.memory.max_outstanding <= self.config.outstanding
        return self

    async def done(self, ctx):
        """Wait for all statuses; then the counters add up."""
        while len(self.statuses.items) < len(self.requests):
            await ctx.tick()
        await ctx.tick().repeat(2)
        counters = ctx.get(self.dut.counters)
        assert not ctx.get(self.dut.busy)
        total = counters.beats + counters.waiting_memory + counters.waiting_stream + counters.idle
        assert total == self.memory.cycle
        assert counters.beats == len(self.memory.beat_cycles)
        assert counters.bursts == len(self.memory.bursts)

    def check(self):
        """Compare memory, the bytes written in their order, and the statuses with the model's."""
        after, written, causes, data = self.before[:], [], [], list(self.data)
        config = self.config
        for request in self.requests:
            cause = dma_model.failure(
                request, word_bytes=config.word_bytes, addr_bits=config.addr_bits, unaligned=config.unaligned
            )
            causes.append(cause)
            count = dma_model.word_count(request, word_bytes=config.word_bytes)
            if cause == "NONE":
                written += dma_model.write_bytes(request, data[:count], word_bytes=config.word_bytes)
            del data[:count]
        for address, byte in written:
            after[address % len(after)] = byte
        assert self.memory.written == [address for address, _ in written]
        assert self.memory.contents == after
        assert [status.cause.name for status in self.statuses.items] == causes
        assert len(self.words.cycles) == len(self.data)
        self.check_addresses()

    def check_addresses(self):
        """No burst is on the bus before its words have been accepted; an unaligned row may have one beat more."""
        asked = 0
        for cycle, _, beats in () if self.config.unaligned else self.memory.bursts:
            asked += beats
            assert asked <= sum(taken < cycle for taken in self.words.cycles)


@pytest.mark.parametrize("config", [SMALL, UNALIGNED, BASE], ids=["small", "unaligned", "base"])
@pytest.mark.parametrize(
    "request_",
    [
        Request(0, 1),
        Request(0, 5),
        Request(0x0FF8, 16),
        Request(0x0FF8, 8),
        Request(0x0E00, 700),
        Request(0x0100, 13, 3, 0x40),
        Request(0x0100, 24, 3, 8),
        Request(0, 0, 1),
        Request(0, 8, 0),
        Request(1, 8),
        Request(3, 9, 3, 7),
        Request(8, 8, 1, 2),
    ],
    ids=str,
)
def test_writes_match_the_model(config, request_):
    Bench(config, [request_, Request(0x40, 12)]).run().check()


@st.composite
def requests(draw, config):
    grain = 1 if config.unaligned else config.word_bytes
    edge = draw(st.sampled_from([0, 0x1000, 0x2000 - 8, 0x1000 + config.burst_words * config.word_bytes]))
    address = edge + draw(st.integers(0, 20)) * grain
    length = draw(st.one_of(st.integers(0, 9), st.integers(1, 200)))
    stride = draw(st.integers(0, 60)) * grain
    address += draw(st.sampled_from([0] * 9 + [1]))
    return Request(address, length, draw(st.integers(0, 4)), stride)


@pytest.mark.parametrize("config", [SMALL, UNALIGNED], ids=["aligned", "unaligned"])
@settings(max_examples=6, deadline=None)
@given(st.data())
def test_writes_exactly_the_bytes_under_stalls(config, data):
    asked = data.draw(st.lists(requests(config), min_size=1, max_size=4))
    latency, stall = data.draw(st.sampled_from([0, 3, 40])), data.draw(st.sampled_from([0, 0.3, 0.8]))
    bench = Bench(
        config,
        asked,
        latency=latency,
        stall=stall,
        stall_i=data.draw(st.sampled_from([0, 0.3, 0.8])),
        seed=len(asked),
    )
    bench.memory.data_first = data.draw(st.booleans())
    bench.run().check()


@pytest.mark.parametrize(
    ("config", "response", "place"),
    [(SMALL, 2, 0x1000), (SMALL, 3, 0x112C), (UNALIGNED, 3, 0x1024), (UNALIGNED, 2, 0x1100)],
    ids=str,
)
def test_reports_a_bus_error_and_continues(config, response, place):
    asked = [Request(0x40, 12), Request(0x1000, 48, 12, 0x100), Request(0x80, 12), Request(0xC0, 12)]
    bench = Bench(config, asked, latency=9, responses={place: response}).run()
    causes = [status.cause for status in bench.statuses.items]
    assert causes == [Cause.NONE, Cause.SLVERR if response == 2 else Cause.DECERR, Cause.NONE, Cause.NONE]
    assert bench.statuses.items[1].address == place // 16 * 16
    assert len(bench.words.cycles) == len(bench.data)
    assert len(bench.memory.bursts) < 1 + 3 * 12 + 2, "the failed request was written to its end"
    for request, words in ((asked[2], bench.data[-6:-3]), (asked[3], bench.data[-3:])):
        want = dma_model.write_bytes(request, words, word_bytes=4)
        assert [bench.memory.contents[a] for a, _ in want] == [byte for _, byte in want]


def test_stops_at_the_last_address():
    asked = [Request(0xFFFF_FF00, 0x200), Request(0xFFFF_FFF0, 16, 2, 0x1000), Request(0x40, 8)]
    bench = Bench(BASE, asked).run()
    assert [status.cause for status in bench.statuses.items] == [Cause.WRAPPED, Cause.WRAPPED, Cause.NONE]
    assert [status.address for status in bench.statuses.items[:2]] == [0, 0xFF0]
    assert bench.memory.written == [
        *range(0xFFFF_FF00, 1 << 32),
        *range(0xFFFF_FFF0, 1 << 32),
        *range(0x40, 0x48),
    ]


@pytest.mark.parametrize("config", [SMALL, UNALIGNED], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("stall", [0, 0.7])
@pytest.mark.parametrize("cycle", [1, 6, 17, 33, 57])
def test_abort_ends_all_requests_and_the_next_works(config, cycle, stall):
    """Even if the producer stops for ever; nothing outside the requests is written."""
    asked = [Request(0x1000, 100, 3, 0x200), Request(0x40, 8), Request(0x800, 0), Request(0x300, 1000)]
    next_ = Request(0x43 if config.unaligned else 0x44, 5)
    bench = Bench(config, asked, latency=cycle % 7, stall=stall, stall_i=0.3, seed=cycle)

    async def main(ctx):
        dut = bench.dut
        await ctx.tick().repeat(cycle)
        bench.feeder.stopped = bench.words.stopped = True
        ctx.set(dut.abort, 1)
        await ctx.tick().repeat(3)
        ctx.set(dut.abort, 0)
        # What the feeders had on offer is accepted after the abort: end that by a second one.
        for _ in range(2):
            await ctx.tick().repeat(200)
            ctx.set(dut.abort, 1)
            await ctx.tick()
            ctx.set(dut.abort, 0)
        await ctx.tick().repeat(200)
        assert not ctx.get(dut.busy)
        assert len(bench.statuses.items) == len(bench.feeder.cycles)
        bench.statuses.items.clear()
        bench.feeder.items, bench.feeder.stopped = (
            [*bench.feeder.items[: len(bench.feeder.cycles)], asdict(next_)],
            False,
        )
        bench.words.items, bench.words.stopped = (
            [*bench.words.items[: len(bench.words.cycles)], 11, 22],
            False,
        )
        while not bench.statuses.items:
            await ctx.tick()

    bench.run(main)
    assert bench.statuses.items[0].cause == Cause.NONE
    for address, byte in dma_model.write_bytes(next_, [11, 22], word_bytes=4):
        assert bench.memory.contents[address] == byte
    inside = {a + n for r in [*asked, next_] for a in dma_model.row_addresses(r) for n in range(r.bytes)}
    assert inside >= set(bench.memory.written)


@pytest.mark.parametrize(
    "asked",
    [
        [Request(0, 1 << 13), Request(0, 1 << 13)],
        [Request(8 * n, 1 << 10) for n in range(8)],
        [Request(0, 64, 60, 1024)],
        [Request(0, 24)] * 60,
    ],
    ids=["two", "many", "rows", "short"],
)
def test_moves_a_beat_in_every_cycle(asked):
    cycles = Bench(BASE, asked).run().memory.beat_cycles
    assert len(cycles) == cycles[-1] - cycles[0] + 1


@pytest.mark.parametrize("config", [BASE, SMALL, UNALIGNED], ids=["base", "small", "unaligned"])
@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(0, 8), 2),  # a row that is all there
        (Request(0, 4, 3, 64), 3),
        (Request(0x78, 64), 2),  # the words up to the end of its first burst are there
        (Request(0x7C, 64), 2),
        (Request(0, 256), 64),  # a longest burst
        (Request(0x79, 7), 2),
    ],
    ids=str,
)
def test_address_follows_two_cycles_after_the_request(config, request_, words):
    """Where the words of its first burst are there."""
    if not config.unaligned:
        request_ = replace(request_, address=request_.address // 8 * 8)
    bench = given_words(config, request_, words)
    assert bench.memory.bursts[0][0] - bench.feeder.cycles[0] - 100 == 2


@pytest.mark.parametrize(
    ("request_", "words"), [(Request(0, 12), 1), (Request(0, 12, 3, 64), 1), (Request(8, 64), 1), (Request(8, 500), 2)]
)
def test_no_address_comes_before_its_words(request_, words):
    assert not given_words(BASE, request_, words).memory.bursts


def given_words(config, request, words):
    """Offer a request after 100 cycles, when ``words`` words have been taken, and no more; wait 20 cycles."""
    bench = Bench(config, [request])
    bench.words.items = bench.words.items[:words]
    offer = bench.feeder.run

    async def late(ctx):
        await ctx.tick().repeat(100)
        await offer(ctx)

    async def main(ctx):
        await ctx.tick().repeat(120)

    bench.feeder.run = late
    return bench.run(main)
