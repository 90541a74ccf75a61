"""The queue in front of engines of two kinds."""

import random
from collections import deque

import pytest

from tilewright.accelerator.contract import QUEUED_JOBS, AcceleratorConfig
from tilewright.accelerator.frontend.queued_dispatcher import QueuedDispatcher
from tilewright_sim.testbench import pysim

CONFIG = AcceleratorConfig.preset("small", vector_lanes=2)
ENGINES = 5
STORE, VECTOR = 3, 4


class World:
    """Decoder, engines and completions around a queue; each engine's jobs come in order, each once."""

    def __init__(self, dut, kinds, first, ready):
        self.dut, self.first, self.ready = dut, first, ready
        self.kinds = kinds  # of each job: it is a vector job
        self.queues = [deque() for _ in range(ENGINES)]
        self.untaken: dict[int, int] = {}
        self.taken = self.head = 0
        self.offers = []  # engine and job

    async def cycle(self, ctx, *, decoded=True, complete=False):
        """One cycle; complete the oldest job, if all engines have taken it."""
        dut, number = self.dut, self.taken
        more = number < len(self.kinds)
        if complete and self.head < number and not self.untaken[self.head]:
            self.head += 1
        ready = sum(self.ready(engine) << engine for engine in range(ENGINES))
        ctx.set(dut.decoded, decoded and more)
        if more:
            ctx.set(dut.decoded_vector, self.kinds[number])
            ctx.set(dut.decoded_vector_job.scalar, 1000 + number)
            ctx.set(dut.decoded_job.m, 10 + number)
        ctx.set(dut.index, self.first + number & 0xFFFF)
        ctx.set(dut.head, self.first + self.head & 0xFFFF)
        ctx.set(dut.job_ready, ready)
        valid = ctx.get(dut.job_valid)
        assert not valid & ~ready
        for engine in range(ENGINES):
            if valid >> engine & 1:
                self._offered(ctx, engine)
        if ctx.get(dut.take):
            self._take(number)
        assert self.taken - self.head <= QUEUED_JOBS
        await ctx.tick()

    def _take(self, number):
        vector = self.kinds[number]
        self.untaken[number] = 1 if vector else 4
        for engine, queue in enumerate(self.queues):
            if vector == (engine == VECTOR):
                queue.append(number)
        self.taken += 1

    def _offered(self, ctx, engine):
        number = self.queues[engine].popleft()
        job = ctx.get(self.dut.vector_job if engine == VECTOR else self.dut.job)
        assert (job.index, job.m) == (self.first + number & 0xFFFF, 10 + number)
        if engine == VECTOR:
            assert job.scalar == 1000 + number
        if engine == STORE:
            assert not any(self.kinds[self.head : number]), "a vector job before it is incomplete"
        self.untaken[number] -= 1
        self.offers.append((engine, number))


@pytest.mark.parametrize("first", [0, 5, 0xFFFD])
@pytest.mark.parametrize("seed", range(6))
def test_each_engine_gets_its_jobs_in_order_and_none_waits_for_ever(seed, first):
    """Engines as often ready as the seed says, jobs of both kinds in runs; 60 jobs."""
    rng = random.Random(seed)
    dut = QueuedDispatcher(CONFIG)
    kinds = []
    while len(kinds) < 60:
        kinds += rng.randrange(1, 5) * [bool(rng.randrange(2))]
    eager = [rng.choice((0.05, 0.5, 1)) for _ in range(ENGINES)]
    completes, decodes = rng.choice((0.1, 1)), rng.choice((0.2, 1))

    async def bench(ctx):
        world = World(dut, kinds, first, lambda engine: rng.random() < eager[engine])
        for _ in range(8000):
            await world.cycle(ctx, decoded=rng.random() < decodes, complete=rng.random() < completes)
            if world.head == len(kinds):
                return
        raise AssertionError(f"{world.head} of {len(kinds)} jobs in 8,000 cycles")

    pysim.run(dut, bench)


def test_engines_go_ahead_of_the_vector_engine_and_store_does_not():
    """A vector job that is not complete holds nothing back but the stores behind it."""
    dut = QueuedDispatcher(CONFIG)

    async def bench(ctx):
        world = World(dut, [True, False, True, False, False], 0, lambda engine: True)
        for _ in range(60):
            await world.cycle(ctx)
        loads = {(engine, number) for engine in range(STORE) for number in (1, 3, 4)}
        assert set(world.offers) == loads | {(VECTOR, 0), (VECTOR, 2)}
        for _ in range(60):
            await world.cycle(ctx, complete=True)
        assert [number for engine, number in world.offers if engine == STORE] == [1, 3, 4]

    pysim.run(dut, bench)


def test_a_job_is_offered_after_3_cycles_or_6():
    dut = QueuedDispatcher(CONFIG)

    async def bench(ctx):
        world = World(dut, [False, False], 0, lambda engine: True)
        for delay in (3, 6):
            await world.cycle(ctx)
            before = len(world.offers)
            for _ in range(delay - 1):
                await world.cycle(ctx, decoded=False)
            assert len(world.offers) == before
            await world.cycle(ctx, decoded=False)
            assert len(world.offers) == before + 4

    pysim.run(dut, bench)
