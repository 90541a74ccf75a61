"""`DmaReader` against its model, in Amaranth's simulator."""

import random
from dataclasses import asdict
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.dma import Cause, DmaConfig, DmaReader
from tilewright_sim.models import Request
from tilewright_sim.models import dma as dma_model
from tilewright_sim.testbench import ReadMemory, pysim

SMALL = DmaConfig(data_bits=32, max_burst=4, outstanding=3)
UNALIGNED = DmaConfig(data_bits=32, max_burst=4, outstanding=3, unaligned=True)
BASE = DmaConfig()
MEMORY = bytearray(random.Random(1).randbytes(1 << 16))


@lru_cache(8)
def simulation(config):
    return pysim.Simulation(DmaReader(config))


class Bench:
    """A reader, its memory and its streams."""

    def __init__(self, config, requests, *, latency=0, stall=0.0, stall_o=0.0, responses=None, seed=0):
        self.config, self.requests = config, requests
        self.dut = simulation(config).dut
        self.memory = ReadMemory(
            self.dut.m_axi, MEMORY, latency=latency, stall=stall, seed=seed, responses=responses or {}
        )
        self.feeder = pysim.Feeder(self.dut.requests, [asdict(r) for r in requests])
        self.words = pysim.Taker(self.dut.o, stall=stall_o, seed=seed + 1)
        self.statuses = pysim.Taker(self.dut.status, stall=stall_o / 2, seed=seed + 2)
        self.closed = True

    def run(self, main=None):
        processes = (self.memory.run, self.feeder.run, self.words.run, self.statuses.run)
        simulation(self.config).run(main or self.done, background=processes, limit_cycles=100_000)
        assert self.memory.max_outstanding <= self.config.outstanding
        return self

    async def done(self, ctx):
        """Wait for all statuses; check that no status comes before the request's last word was taken."""
        empty = sum(self.model(r) == "EMPTY" for r in self.requests)
        ends = seen = 0
        while len(self.statuses.items) < len(self.requests):
            await ctx.tick()
            ends += sum(word.last for word in self.words.items[seen:])
            seen = len(self.words.items)
            assert len(self.statuses.items) <= ends + empty
        await ctx.tick()
        counters = ctx.get(self.dut.counters)
        assert not ctx.get(self.dut.busy)
        total = counters.beats + counters.waiting_memory + counters.waiting_stream + counters.idle
        assert total == self.memory.cycle
        assert counters.beats == len(self.memory.beat_cycles)
        assert counters.bursts == len(self.memory.bursts)
        self.counters = counters

    def model(self, request):
        config = self.config
        return dma_model.failure(
            request, word_bytes=config.word_bytes, addr_bits=config.addr_bits, unaligned=config.unaligned
        )

    def check(self):
        """Compare the words and the statuses with the model's, where nothing went wrong on the bus."""
        want, causes = [], []
        for request in self.requests:
            causes.append(self.model(request))
            if causes[-1] == "NONE":
                want += dma_model.read_words(request, MEMORY, word_bytes=self.config.word_bytes)
            elif causes[-1] == "MISALIGNED":
                count = dma_model.word_count(request, word_bytes=self.config.word_bytes)
                row = count // request.rows
                want += [(0, n % row == row - 1, n == count - 1) for n in range(count)]
        assert [(w.data, bool(w.row_last), bool(w.last)) for w in self.words.items] == want
        assert [status.cause.name for status in self.statuses.items] == causes
        self.check_reads()

    def check_reads(self):
        """Each burst that was read lies within a row of a request."""
        word = self.config.word_bytes
        rows = [(a // word * word, a + r.bytes) for r in self.requests for a in dma_model.row_addresses(r)]
        for _, address, beats in self.memory.bursts:
            assert any(a <= address and address + (beats - 1) * word < end for a, end in rows)


@pytest.mark.parametrize("config", [SMALL, UNALIGNED, BASE], ids=["small", "unaligned", "base"])
@pytest.mark.parametrize(
    "request_",
    [
        Request(0, 1),
        Request(0, 4),
        Request(0, 5),
        Request(0x0FF8, 16),  # across 4 KiB
        Request(0x0FF8, 8),  # up to it
        Request(0x1000, 8),
        Request(0x0E00, 700),
        Request(0x0100, 13, 3, 0x40),
        Request(0x0100, 24, 5, 0),  # the same row again
        Request(0x0100, 24, 3, 8),  # overlapping rows
        Request(0, 0, 1),
        Request(0, 8, 0),
        Request(1, 8),
        Request(3, 9, 3, 7),
        Request(8, 8, 1, 2),
    ],
    ids=str,
)
def test_reads_match_the_model(config, request_):
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
def test_keeps_bytes_and_order_under_stalls(config, data):
    asked = data.draw(st.lists(requests(config), min_size=1, max_size=4))
    latency, stall = data.draw(st.sampled_from([0, 3, 40])), data.draw(st.sampled_from([0, 0.3, 0.8]))
    stall_o = data.draw(st.sampled_from([0, 0.3, 0.8]))
    Bench(config, asked, latency=latency, stall=stall, stall_o=stall_o, seed=len(asked)).run().check()


@pytest.mark.parametrize(
    ("config", "response", "place"),
    [
        (SMALL, 2, 0x1000),  # the first beat
        (SMALL, 3, 0x112C),  # the last of a burst, in the second row
        (UNALIGNED, 3, 0x1024),  # inside a burst
        (UNALIGNED, 2, 0x1100),  # the first beat of a row
    ],
    ids=str,
)
def test_reports_a_bus_error_and_continues(config, response, place):
    asked = [Request(0x40, 12), Request(0x1000, 48, 12, 0x100), Request(0x80, 12), Request(0xC0, 12)]
    bench = Bench(config, asked, latency=9, responses={place: response}).run()
    causes = [status.cause for status in bench.statuses.items]
    assert causes == [Cause.NONE, Cause.SLVERR if response == 2 else Cause.DECERR, Cause.NONE, Cause.NONE]
    assert bench.statuses.items[1].address == place // 16 * 16
    words = [word.data for word in bench.words.items]
    good = [[w for w, *_ in dma_model.read_words(r, MEMORY, word_bytes=4)] for r in asked]
    moved = (place - 0x1000) // 0x100 * 12 + place % 0x100 // 4
    assert words == good[0] + good[1][:moved] + [0] * (len(good[1]) - moved) + good[2] + good[3]
    assert len(bench.memory.bursts) < 1 + 3 * 12 + 2, "the failed request was read to its end"


def test_an_idle_engine_has_forgotten_an_error():
    """While a status is not taken, words of the next request flow up to its last, also once an error is over."""

    def words_while_no_status_is_taken(responses):
        bench = Bench(BASE, [Request(0x40, 64)], latency=5, responses=responses)

        async def main(ctx):
            dut = bench.dut
            while not bench.statuses.items or ctx.get(dut.busy):
                await ctx.tick()
            bench.statuses.stall = 1.0
            await ctx.tick().repeat(3)
            bench.words.items.clear()
            for request in (Request(0x1000, 64), Request(0x2000, 256)):
                ctx.set(dut.requests.payload, asdict(request))
                ctx.set(dut.requests.valid, 1)
                await ctx.tick().until(dut.requests.ready)
            ctx.set(dut.requests.valid, 0)
            await ctx.tick().repeat(200)

        bench.feeder.run = once(bench.feeder)
        bench.run(main)
        return len(bench.words.items), bench.statuses.items[0].cause

    assert words_while_no_status_is_taken({}) == (8 + 32 - 1, Cause.NONE)
    assert words_while_no_status_is_taken({0x40: 2}) == (8 + 32 - 1, Cause.SLVERR)


@pytest.mark.parametrize(
    ("request_", "address"),
    [
        (Request(0xFFFF_FF00, 0x200), 0),
        (Request(0xFFFF_FF00, 0x80, 3, 0x100), 0),
        (Request(0xFFFF_FFF0, 16, 2, 0x1000), 0xFF0),
    ],
)
def test_stops_at_the_last_address(request_, address):
    bench = Bench(BASE, [request_, Request(0x40, 12)]).run()
    assert [status.cause for status in bench.statuses.items] == [Cause.WRAPPED, Cause.NONE]
    assert bench.statuses.items[0].address == address
    assert all(a >= 0xFFFF_0000 for _, a, _ in bench.memory.bursts[:-1])
    assert len(bench.words.items) == dma_model.word_count(request_, word_bytes=8) + 2


def test_may_end_at_the_last_address():
    bench = Bench(BASE, [Request(0xFFFF_FF00, 0x100), Request(0xFFFF_0000, 0x100, 2, 0xFF00)])
    bench.run()
    assert [status.cause for status in bench.statuses.items] == [Cause.NONE, Cause.NONE]


@pytest.mark.parametrize("config", [SMALL, UNALIGNED], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("stall_o", [0, 0.9])
@pytest.mark.parametrize("cycle", [1, 6, 17, 33, 57])
def test_abort_ends_all_requests_and_the_next_works(config, cycle, stall_o):
    asked = [Request(0x1000, 100, 3, 0x200), Request(0x40, 10), Request(0x800, 0), Request(0x300, 1000)]
    bench = Bench(config, asked, latency=cycle % 7, stall_o=stall_o, seed=cycle)

    async def main(ctx):
        dut = bench.dut
        await ctx.tick().repeat(cycle)
        accepted = len(bench.feeder.cycles)
        bench.feeder.stopped = True
        ctx.set(dut.abort, 1)
        ctx.set(dut.requests.valid, 0)
        await ctx.tick()
        ctx.set(dut.abort, 0)
        _, _, busy = await ctx.tick().sample(dut.busy)
        while busy:
            _, _, busy = await ctx.tick().sample(dut.busy)
        assert len(bench.statuses.items) in (accepted, accepted + 1)
        bench.statuses.items.clear()
        await ctx.tick().repeat(3)
        bench.words.items.clear()
        ctx.set(dut.requests.payload, asdict(asked[0]))
        ctx.set(dut.requests.valid, 1)
        await ctx.tick().until(dut.requests.ready)
        ctx.set(dut.requests.valid, 0)
        while not bench.statuses.items:
            await ctx.tick()

    bench.feeder.run = once(bench.feeder)
    bench.run(main)
    assert bench.statuses.items[0].cause == Cause.NONE
    want = [w for w, *_ in dma_model.read_words(asked[0], MEMORY, word_bytes=4)]
    assert [w.data for w in bench.words.items] == want


def once(feeder):
    """The feeder's process, which leaves the port alone once `stopped`."""

    async def run(ctx):
        for item in feeder.items:
            if feeder.stopped:
                return
            ctx.set(feeder.port.payload, item)
            ctx.set(feeder.port.valid, 1)
            ready = 0
            while not ready and not feeder.stopped:
                _, _, ready = await ctx.tick().sample(feeder.port.ready)
            if not feeder.stopped:
                ctx.set(feeder.port.valid, 0)
                feeder.cycles.append(0)

    return run


@pytest.mark.parametrize(
    ("asked", "share"),
    [
        ([Request(0, 1 << 13), Request(0, 1 << 13)], 1),
        ([Request(8 * n, 1 << 10) for n in range(8)], 1),
        ([Request(0, 64, 60, 1024)], 1),
        ([Request(0, 24)] * 60, 1),
    ],
    ids=["two", "many", "rows", "short"],
)
def test_moves_a_beat_in_every_cycle(asked, share):
    cycles = Bench(BASE, asked).run().memory.beat_cycles
    assert len(cycles) >= share * (cycles[-1] - cycles[0] + 1)


def test_hides_a_latency_of_100_cycles():
    cycles = Bench(BASE, [Request(0, 1 << 14)], latency=100).run().memory.beat_cycles
    assert len(cycles) >= 0.999 * (cycles[-1] - cycles[0] + 1)


def test_address_follows_two_cycles_after_the_request():
    bench = Bench(BASE, [Request(0, 64)]).run()
    assert bench.memory.bursts[0][0] - bench.feeder.cycles[0] <= 2
