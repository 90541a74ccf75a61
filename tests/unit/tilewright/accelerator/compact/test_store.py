"""CompactStore: every byte of C as the golden model has it, whatever is late, and nothing before its turn."""

import itertools
import random
from collections import deque

import pytest
from unit.tilewright.accelerator.store.jobs import Job, plain

from tilewright.accelerator.compact import CompactStore
from tilewright.accelerator.contract import AcceleratorConfig, Activity
from tilewright.dma import Cause
from tilewright_sim.testbench import pysim

CONFIG = AcceleratorConfig(
    rows=4, cols=4, dot=4, data_bits=32, panel_words=64, ring_words=64, acc_rows=4, chunk_words=2, long_chunk_words=4,
    max_burst=1, outstanding=1, requant_lanes=1, addr_bits=26, size_bits=9, stride_bits=14, variant="compact",
    rounding="double",
)  # fmt: skip
ALONE = 1000
"""Cycles in which nothing happens: it hangs."""


class World:
    """What is around the store engine: jobs, accumulators, a reader and a writer of single words on one memory.

    ``late`` is the probability of a pause in each cycle; the write of the tile number ``fails`` fails; ``head`` is late
    by so many cycles.
    """

    def __init__(self, config, jobs, seed=0, *, late=0.0, fails=None, head_late=0):
        self.config, self.jobs, self.seed, self.late = config, jobs, seed, late
        self.fails, self.head_late = fails, head_late
        self.dut = CompactStore(config)

    async def bench(self, ctx):
        dut, chance = self.dut, random.Random(self.seed)
        memory, wanted = {}, {}
        for job in self.jobs:
            job.fill(memory)
            job.fill(wanted)
        for job in self.jobs:
            job.expect(wanted)
        tiles = [(job, *slices) for job in self.jobs for slices in job.tiles()]
        jobs, self.activities, self.failures = deque(self.jobs), [], []
        head, since_head = self.jobs[0].index - 1, 0
        number, fetched, ready, released = 0, None, False, 0
        words, coming, written = [], None, 0
        moved = 0
        for cycle in itertools.count():
            assert cycle < moved + ALONE, f"it hangs in tile {number}"
            if not jobs or self.failures:
                break
            job, rows, columns = tiles[number]
            head = job.index if cycle >= since_head + self.head_late else job.index - 1
            ctx.set(dut.job.valid, 1)
            ctx.set(dut.job.payload, jobs[0].fields)
            ctx.set(dut.head, head)
            ready = ready or chance.random() >= self.late
            ctx.set(dut.sums.ready, ready)
            group = ctx.get(dut.sums.group)
            there = fetched is not None and group < len(fetched)
            ctx.set(dut.sums.sums, (fetched[group] if there else chance.getrandbits(32)) & 0xFFFF_FFFF)

            # The reader takes a request when it has passed on the last of its words.
            asked = dut.c_requests if ctx.get(dut.c_requests.valid) else dut.parameter_requests
            stream = dut.c_words if asked is dut.c_requests else dut.parameter_words
            for idle in (dut.c_requests, dut.parameter_requests):
                ctx.set(idle.ready, 0)
            for idle in (dut.c_words, dut.parameter_words):
                ctx.set(idle.valid, 0)
                ctx.set(idle.payload, {"data": chance.getrandbits(32), "row_last": 1, "last": 1})
            if ctx.get(asked.valid) and chance.random() >= self.late:
                transfer = plain(ctx.get(asked.payload))
                if coming is None:
                    assert not job.fence or head == job.index, "operands are read in spite of the fence"
                    assert (asked is dut.c_requests) == (job.kind == "accumulate")
                    assert transfer["index"] == job.index
                    coming = deque(read(memory, transfer["request"]))
                if coming:
                    ctx.set(stream.valid, 1)
                    ctx.set(stream.payload, coming.popleft())
                else:
                    ctx.set(asked.ready, 1)
                    coming = None
                moved = cycle

            # The writer takes a request when its tile is in memory, with the status.
            ctx.set(dut.write_words.ready, chance.random() >= self.late)
            ctx.set(dut.write_requests.ready, 0)
            ctx.set(dut.write_status.valid, 0)
            if ctx.get(dut.write_requests.valid):
                transfer = plain(ctx.get(dut.write_requests.payload))
                assert (transfer["request"], transfer["index"]) == (job.write(rows, columns), job.index)
                assert head == job.index, "a write before its turn"
                request = transfer["request"]
                if len(words) == request["rows"] * -(-request["bytes"] // 4) and chance.random() >= self.late:
                    write(memory, request, words)
                    cause = Cause.SLVERR if number == self.fails else Cause.NONE
                    ctx.set(dut.write_requests.ready, 1)
                    ctx.set(dut.write_status.valid, 1)
                    ctx.set(dut.write_status.payload, {"cause": cause, "address": 64 + number})
                    words, written = [], written + 1
                    moved = cycle

            values = await self.sample(ctx)
            self.activities.append(values["activity"])
            if values["fetch"]:
                assert ready, "a fetch before the sums are ready"
                fetched = [int(value) for value in job.sums[rows][values["row"]][columns]]
            if values["word"] is not None:
                words.append(values["word"])
                moved = cycle
            if values["failure"]:
                self.failures.append(values["failure"])
            ends = written == number + 1
            last = ends and (number + 1 == len(tiles) or tiles[number + 1][0] is not job)
            assert values["completed"] == values["job_ready"] == (last and number != self.fails)
            if values["release"]:
                assert values["row"] == rows.stop - rows.start - 1
                ready, released = False, released + 1
            if ends:
                assert released == written, "the sums of each tile are released once"
                number += 1
                if last:
                    jobs.popleft()
                    since_head = cycle
        ctx.set(dut.job.valid, bool(self.failures))
        ctx.set(dut.sums.ready, 1)
        for _ in range(30):
            values = await self.sample(ctx)
            assert values["word"] is None
            assert (values["fetch"], values["completed"], values["request"]) == (0, 0, 0)
        if not self.failures:
            assert values["activity"] == Activity.IDLE
            assert memory == wanted

    async def sample(self, ctx):
        dut = self.dut
        sampled = {
            "fetch": dut.sums.fetch, "row": dut.sums.row, "release": dut.sums.release, "completed": dut.completed,
            "job_ready": dut.job.ready, "activity": dut.activity, "request": dut.write_requests.valid,
        }  # fmt: skip
        words, failure = dut.write_words, dut.failure
        _, _, *got, valid, ready, word, failed, told = await ctx.tick().sample(
            *sampled.values(), words.valid, words.ready, words.payload, failure.valid, failure.payload
        )
        values = dict(zip(sampled, got, strict=True)) | {"word": word if valid and ready else None, "failure": None}
        values["activity"] = Activity(values["activity"])
        if failed:
            values["failure"] = told.unit.name, told.index, told.cause.name, told.address
        return values


def read(memory, request):
    """The words of a request."""
    for row in range(request["rows"]):
        for start in range(0, request["bytes"], 4):
            first = request["address"] + row * request["stride"] + start
            data = int.from_bytes(bytes(memory[first + byte] for byte in range(4)), "little")
            row_last = start + 4 >= request["bytes"]
            yield {"data": data, "row_last": row_last, "last": row_last and row == request["rows"] - 1}


def write(memory, request, words):
    """Put the words of a request into memory."""
    place = iter(words)
    for row in range(request["rows"]):
        for start in range(0, request["bytes"], 4):
            word = next(place)
            for byte in range(start, min(start + 4, request["bytes"])):
                memory[request["address"] + row * request["stride"] + byte] = word >> 8 * (byte - start) & 0xFF


def run(jobs, seed=0, config=CONFIG, **options):
    world = World(config, jobs, seed, **options)
    pysim.run(world.dut, world.bench, limit_cycles=200_000)
    return world


SIZES = [(1, 1), (4, 4), (3, 3), (5, 5), (9, 9)]
"""Of C: one sum, one tile, less, a row and a column more, several tiles each way."""


@pytest.mark.parametrize("late", [0.0, 0.4])
@pytest.mark.parametrize("kind", ["plain", "bias", "accumulate", "requant"])
def test_results_of_every_shape_are_exact(kind, late):
    chance = random.Random(f"{kind} {late}")
    sizes = SIZES if kind != "requant" else SIZES[2:3] if late else SIZES[3:4]  # 106 cycles a sum
    jobs = [
        Job(CONFIG, chance, 0xFFFE + number & 0xFFFF, m, n, kind, fence=number % 2, space=0x100_0000 * number >> 1)
        for number, (m, n) in enumerate(sizes)
    ]
    run(jobs, late=late, head_late=20 * bool(late))


def test_a_job_with_small_blocks_and_one_of_another_kind_follow_each_other():
    chance = random.Random(3)
    kinds = ("requant", "plain", "accumulate", "bias")
    run([
        Job(CONFIG, chance, number + 1, 3, 6, kind, block_rows=2, space=0x80_0000 * number)
        for number, kind in enumerate(kinds)
    ])  # fmt: skip


@pytest.mark.parametrize("fails", [0, 1])
def test_a_write_that_fails_is_reported_and_nothing_is_done_then(fails):
    world = run([Job(CONFIG, random.Random(1), 7, 2, 6, "plain")], fails=fails)
    assert world.failures == [("STORE_C", 7, "SLVERR", 64 + fails)]


def test_each_cycle_has_its_cause():
    world = run([Job(CONFIG, random.Random(1), 7, 2, 2, "bias", fence=True)], head_late=30)
    counts = [(cause.name, len(list(cycles))) for cause, cycles in itertools.groupby(world.activities)]
    # One word each of two parameters and their acceptance; each sum 2 cycles, and a cycle for its word.
    assert counts == [
        ("IDLE", 1), ("BUSY", 1), ("DEPENDENCY", 30), ("MEMORY", 3), ("DEPENDENCY", 1),
        *[("BUSY", 2), ("MEMORY", 1)] * 3, ("BUSY", 2), ("MEMORY", 2),
    ]  # fmt: skip
