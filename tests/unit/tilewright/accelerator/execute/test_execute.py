"""The loaders, the arbiter and execution together, in Amaranth's simulator, with a reader made of Python."""

import random
from collections import deque
from functools import lru_cache

import numpy as np
import pytest
from amaranth.hdl import Elaboratable, Module
from amaranth.lib.wiring import connect

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.execute import Accumulators, CheckedAccumulators, Execute, Panel, Ring
from tilewright.accelerator.load import LoadA, LoadB, ReadArbiter
from tilewright_sim import packing
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench import pysim

TINY = AcceleratorConfig(
    rows=4, cols=4, dot=2, data_bits=32, panel_words=64, ring_words=64, acc_rows=8, chunk_words=2, long_chunk_words=8,
    requant_lanes=1, outstanding=4,
)  # fmt: skip
HALF_BUS = AcceleratorConfig(
    rows=8, cols=8, dot=8, data_bits=32, panel_words=64, ring_words=128, acc_rows=16, chunk_words=1, long_chunk_words=4,
    requant_lanes=2, outstanding=4,
)  # fmt: skip
SMALL = AcceleratorConfig.preset("small")
ECC, ECC_COLS_8 = TINY.model_copy(update={"ecc": True}), HALF_BUS.model_copy(update={"ecc": True})


class Core(Elaboratable):
    """What lies between the command unit and the store."""

    def __init__(self, config):
        self.arbiter, self.a, self.b, self.execute = ReadArbiter(config), LoadA(config), LoadB(config), Execute(config)
        self.panel, self.ring = Panel(config), Ring(config)
        self.accumulators = (CheckedAccumulators if config.ecc else Accumulators)(config)

    def elaborate(self, platform):
        m = Module()
        arbiter, a, b, execute = self.arbiter, self.a, self.b, self.execute
        m.submodules += [arbiter, a, b, execute, self.panel, self.ring, self.accumulators]
        connect(m, a.requests, arbiter.a_requests)
        connect(m, b.requests, arbiter.b_requests)
        connect(m, arbiter.a_words, a.words)
        connect(m, arbiter.b_words, b.words)
        m.d.comb += arbiter.b_first_tile.eq(b.first_tile)
        connect(m, a.panel, self.panel.writer)
        connect(m, b.ring, self.ring.writer)
        connect(m, execute.panel, self.panel.reader)
        connect(m, execute.ring, self.ring.reader)
        connect(m, execute.results, self.accumulators.results)
        return m


def plan(config, index, m, n, k, a_address, b_address, a_stride, b_stride):
    """The job of a descriptor, from the formulas in `job_shape`."""
    k_words = -(-k // config.tile.rows)
    long = m < config.tile.cols
    chunk = config.long_chunk_words if long else config.chunk_words
    pitch = -(-k_words // chunk) * chunk
    block_rows = min(config.acc_rows, config.half_words // pitch)
    return {
        "index": index, "m": m, "n": n, "k": k, "k_words": k_words, "long": long, "block_rows": block_rows,
        "a_address": a_address, "b_address": b_address, "a_stride": a_stride, "b_stride": b_stride,
        "a_block_bytes": block_rows * a_stride,
    }  # fmt: skip


@lru_cache(4)
def simulation(config):
    return pysim.Simulation(Core(config))


class Bench:
    """Some jobs, their matrices in memory, and all that the core is connected to."""

    def __init__(self, config, shapes, *, latency=3, stall=0.0, drain_gap=0, seed=0):
        self.config, self.latency, self.stall, self.drain_gap = config, latency, stall, drain_gap
        self.random = random.Random(seed)
        values = np.random.default_rng(seed)
        self.memory = bytearray(values.bytes(1 << 12))
        self.jobs, self.expected = [], []
        word = config.word_bytes
        for index, (m, n, k) in enumerate(shapes):
            matrices, places = [], []
            for size, element in ((m, config.a.element), (n, config.b.element)):
                stride = (-(-element.bytes_of(k) // word) + self.random.randrange(3)) * word
                places.append((len(self.memory), stride))
                most = 1 << element.bits - 1
                padded = values.integers(-most, most, (size, 8 * stride // element.bits))
                self.memory += packing.pack(padded, element.bits).tobytes()
                matrices.append(padded[:, :k])
            a, b = matrices
            (a_address, a_stride), (b_address, b_stride) = places
            job = plan(config, index, m, n, k, a_address, b_address, a_stride, b_stride)
            self.jobs.append(job)
            product = golden.matmul(a, b)
            for row in range(0, m, job["block_rows"]):
                for column in range(0, n, config.tile.cols):
                    self.expected.append(product[row : row + job["block_rows"], column : column + config.tile.cols])
        self.core = simulation(config).dut
        self.cycles = 0

    def run(self, limit_cycles=20_000):
        core = self.core
        benches = [pysim.feeder(engine.job, self.jobs) for engine in (core.a, core.b, core.execute)]
        simulation(self.config).run(*benches, self.reader, self.drain, limit_cycles=limit_cycles)
        return self

    async def reader(self, ctx):
        """Take requests, and give their words after some cycles, like a `DmaReader`."""
        arbiter = self.core.arbiter
        due = deque()
        todo = sum(len(list(self.words(job))) for job in self.loads())
        cycle = done = 0
        while done < todo:
            ctx.set(arbiter.requests.ready, ready := self.random.random() >= self.stall and len(due) < 200)
            give = bool(due) and due[0][0] <= cycle and self.random.random() >= self.stall
            ctx.set(arbiter.words.valid, give)
            if give:
                _, value, row_last, last = due.popleft()
                ctx.set(arbiter.words.payload, {"data": value, "row_last": row_last, "last": last})
                done += 1
            _, _, valid, request = await ctx.tick().sample(arbiter.requests.valid, arbiter.requests.payload)
            if valid and ready:
                fields = {name: request[name] for name in ("address", "bytes", "rows", "stride")}
                due.extend((cycle + self.latency, *word) for word in self.words(fields))
            ctx.set(arbiter.status.valid, give and last)
            cycle += 1
        ctx.set(arbiter.words.valid, 0)
        ctx.set(arbiter.status.valid, 0)

    def loads(self):
        """The transfers that all jobs need."""
        for job in self.jobs:
            for block in range(0, job["m"], job["block_rows"]):
                rows = {"a": min(job["block_rows"], job["m"] - block), "b": job["n"]}
                for name, element in (("a", self.config.a.element), ("b", self.config.b.element)):
                    yield {
                        "address": job[f"{name}_address"], "bytes": element.bytes_of(job["k"]), "rows": rows[name],
                        "stride": job[f"{name}_stride"],
                    }  # fmt: skip

    def words(self, request):
        """What a reader gives for a request."""
        size = self.config.word_bytes
        for row in range(request["rows"]):
            start = request["address"] + row * request["stride"]
            line = self.memory[start : start + request["bytes"]]
            pieces = [line[first : first + size] for first in range(0, len(line), size)]
            for number, piece in enumerate(pieces):
                row_last = number == len(pieces) - 1
                yield int.from_bytes(piece, "little"), row_last, row_last and row == request["rows"] - 1

    async def drain(self, ctx):
        """Read every tile of sums as fast as is allowed, plus a gap, and compare."""
        sums_port, config = self.core.accumulators.sums, self.config
        groups = config.tile.cols // config.requant_lanes
        cycle = 0
        for number, want in enumerate(self.expected):
            while not ctx.get(sums_port.ready):
                await ctx.tick()
                cycle += 1
            for _ in range(self.drain_gap):
                await ctx.tick()
            got = np.zeros((len(want), config.tile.cols), dtype=np.int64)
            for row in range(len(want)):
                ctx.set(sums_port.row, row)
                ctx.set(sums_port.fetch, 1)
                await ctx.tick()
                ctx.set(sums_port.fetch, 0)
                ctx.set(sums_port.take, 1)
                await ctx.tick()
                ctx.set(sums_port.take, 0)
                for group in range(groups):
                    ctx.set(sums_port.group, group)
                    ctx.set(sums_port.release, row == len(want) - 1 and group == groups - 1)
                    await ctx.tick()
                    ctx.set(sums_port.release, 0)
                    sums = ctx.get(sums_port.sums)
                    bits = config.sum_bits
                    lanes = [sums >> bits * lane & (1 << bits) - 1 for lane in range(config.requant_lanes)]
                    lanes = [lane - (lane >> bits - 1 << bits) & 0xFFFF_FFFF for lane in lanes]
                    first = group * config.requant_lanes
                    got[row, first : first + config.requant_lanes] = np.array(lanes, dtype=np.uint32).astype(np.int32)
            assert np.array_equal(got[:, : want.shape[1]], want), f"tile of sums {number}:\n{got}\nnot\n{want}"


SHAPES = [(1, 1, 1), (5, 3, 7), (20, 9, 13), (3, 9, 70), (1, 8, 128), (2, 2, 33)]


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        HALF_BUS,
        pytest.param(SMALL, marks=pytest.mark.long),
        ECC,
        pytest.param(ECC_COLS_8, marks=pytest.mark.long),
    ],
    ids=["tiny", "half-bus", "small", "ecc", "ecc-half-bus"],
)
@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_multiplies_jobs_of_every_shape(config, stall):
    Bench(config, SHAPES, stall=stall).run()


def test_multiplies_jobs_of_the_maximum_sizes():
    config = AcceleratorConfig(**TINY.model_dump() | {"size_bits": 8, "stride_bits": 12, "addr_bits": 16})
    most = config.size_limit
    Bench(config, [(most, 1, 1), (1, most, 1), (1, 1, config.k_limit)]).run()


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_multiplies_random_jobs(seed):
    rng = random.Random(seed)
    config = rng.choice([TINY, HALF_BUS])
    shapes = [tuple(rng.randint(1, 2 ** rng.randint(0, most)) for most in (5, 5, 6)) for _ in range(4)]
    latency, stall, gap = rng.choice([0, 5, 40]), rng.choice([0, 0.3, 0.7]), rng.choice([0, 30])
    Bench(config, shapes, latency=latency, stall=stall, drain_gap=gap, seed=seed).run(60_000)
