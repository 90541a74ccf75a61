"""What is around the command side: a memory with a ring, engines, DMA engines."""

import random
from dataclasses import dataclass, field
from functools import lru_cache

from unit.tilewright.accelerator.frontend.descriptors import CONFIGS, GOOD, plan

from tilewright.accelerator.contract import Activity, Unit, job_shape, transfer_shape
from tilewright.accelerator.frontend import Frontend
from tilewright.accelerator.registers import ENGINES
from tilewright.dma import Cause
from tilewright_sim.testbench import pysim
from tilewright_sim.testbench.axi_lite_host import LiteHost

STORE = ENGINES.index("store")


@dataclass
class Fault:
    """A transfer that fails whenever its descriptor runs."""

    unit: Unit
    cause: Cause
    address: int


@dataclass
class World:
    """A memory with a ring, engines, and DMA engines; what they saw is kept in lists.

    Each engine takes jobs in order, at random times. A job that all have taken completes after a while, and before
    that its fault, if any, is reported; a job with a fault may complete nevertheless. In the variant `compact` the
    store takes a job when it completes.
    """

    dut: Frontend
    memory: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    seed: int | None = None
    latency: int = 3
    work: int = 5
    taking: bool = True
    done: list = field(default_factory=list)
    fetched: list = field(default_factory=list)

    def chance(self, likely: float = 0.5) -> bool:
        return self.rng is None or self.rng.random() < likely

    async def bench(self, ctx):
        dut, config = self.dut, self.dut.config
        self.done.clear()
        self.fetched.clear()
        self.rng = None if self.seed is None else random.Random(self.seed)
        self.over = False
        self.cycle = self.words_moved = 0
        self.activities = {engine: dict.fromkeys(Activity, 0) for engine in ENGINES}
        self.last_word = self.offered_at = None
        self.reset()
        beats = 64 // config.word_bytes
        fetch_payload = dut.fetch.payload.as_value()
        lingering = 0  # cycles for which the engines are still busy after an abort
        while not self.over:
            self.cycle += 1
            ready = [self.taking and self.chance() for _ in ENGINES]
            fetch_ready = not self.fetching and self.chance() and not ctx.get(dut.abort)
            ctx.set(dut.fetch.ready, fetch_ready)
            moved = False
            if self.fetching and not self.delay and (self.chance(0.7)):
                index, address, beat = self.fetching
                fault = self.faults.get(index)
                data = self.memory.get(address, bytes(64))
                bad = fault is not None and fault.unit == Unit.DESCRIPTOR
                part = data[beat * config.word_bytes : (beat + 1) * config.word_bytes]
                if bad and (beat == beats - 1 or beat >= fault.address % 8):
                    part = bytes(config.word_bytes)
                ctx.set(dut.words.payload.data, int.from_bytes(part, "little"))
                moved = True
                self.fetching = (index, address, beat + 1) if beat + 1 < beats else None
                if self.fetching is None:
                    self.last_word = self.cycle
                    if bad:
                        self.reports.append([self.pause(2), index, fault])
            ctx.set(dut.words.valid, moved)
            self.delay = max(0, self.delay - 1)
            self.words_moved += moved
            ctx.set(dut.read_word, moved)
            self._report(ctx)
            completes = self._progress(ctx)
            ctx.set(dut.completed, completes)
            if config.compact:
                ready[STORE] = completes
            ctx.set(dut.job_ready, sum(bit << place for place, bit in enumerate(ready)))
            ctx.set(dut.engines_busy, bool(self.fetching or self.reports or self.jobs or lingering))
            self._act(ctx)
            _, _, abort, flush, valid, job, fetch_valid, fetch, head = await ctx.tick().sample(
                dut.abort, dut.flush, dut.job_valid, dut.job.as_value(), dut.fetch.valid, fetch_payload, dut.head
            )
            self.head = head
            if completes:
                job_done = self.jobs.pop(0)
                if job_done["index"] not in self.faults:
                    self.done.append(job_done)
            if flush:
                assert not lingering, "flushed while the engines are busy"
                assert abort
                self.reset()
                continue
            if abort:
                if not self.aborted:
                    self.aborted = True
                    lingering = self.pause(12)
                lingering = max(0, lingering - 1)
                self.fetching = None
                self.reports = []
                self.jobs = []
                continue
            self.aborted = False
            if fetch_valid and fetch_ready:
                fetch = transfer_shape(config).from_bits(fetch)
                request = fetch.request
                assert (request.bytes, request.rows, request.stride) == (64, 1, 0)
                self.fetching = (fetch.index, request.address, 0)
                self.fetched.append((fetch.index, request.address))
                self.delay = self.latency if self.rng is None else self.rng.randrange(2 * self.latency)
            if completes and config.compact:
                assert valid == 1 << STORE
                self.current = None
            else:
                self._take(valid, ready, job)

    def reset(self):
        self.fetching = None
        self.delay = 0
        self.jobs = []  # offered and not complete
        self.current = None
        self.reports = []
        self.failed_at = 1 << 30
        self.aborted = False

    def pause(self, most: int) -> int:
        return self.rng.randrange(most + 1) if self.rng else most

    def _take(self, valid, ready, job):
        """Engines take the job on offer."""
        if not valid:
            return
        if self.current is None:
            shaped = job_shape(self.dut.config).from_bits(job)
            values = {name: getattr(shaped, name) for name in plan(self.dut.config, GOOD, 0)}
            self.current = job
            self.offered_at = self.cycle
            assert self.cycle <= self.failed_at + 3, "offered when a failure is known"
            assert valid == 0b1111
            if len(self.jobs) >= 4:
                raise AssertionError("more than 4 jobs are incomplete")
            self.jobs.append(values | {"left": 0b1111, "work": self.pause(2 * self.work), "reported": False})
        assert job == self.current, "the job on offer changed"
        taken = valid & sum(bit << place for place, bit in enumerate(ready))
        entry = self.jobs[-1]
        assert valid == entry["left"], "an offer was withdrawn or repeated"
        entry["left"] &= ~taken
        if not entry["left"]:
            self.current = None
        all_taken = not self._left(entry)
        fault = self.faults.get(entry["index"])
        if (
            taken
            and fault
            and fault.unit != Unit.DESCRIPTOR
            and not entry["reported"]
            and (self.chance(0.3) or all_taken)
        ):
            entry["reported"] = True
            self.reports.append([self.pause(5), entry["index"], fault])

    def _report(self, ctx):
        """Report a failure on each side at most; now and then an aborted transfer, which is none."""
        for side, stream in (("read", self.dut.read_failure), ("write", self.dut.write_failure)):
            due = [r for r in self.reports if r[0] == 0 and (r[2].unit == Unit.STORE_C) == (side == "write")]
            ctx.set(stream.valid, bool(due))
            if due:
                _, index, fault = due[0]
                self.reports.remove(due[0])
                self.failed_at = min(self.failed_at, self.cycle)
                ctx.set(stream.payload, {"index": index, "unit": fault.unit, "cause": fault.cause,
                                         "address": fault.address})  # fmt: skip
            elif self.rng and self.rng.random() < 0.05:
                index = self.rng.randrange(1 << 16)
                ctx.set(stream.valid, 1)
                ctx.set(stream.payload, {"index": index, "unit": 1, "cause": Cause.ABORTED, "address": 0})
        for report in self.reports:
            report[0] = max(0, report[0] - 1)

    def _progress(self, ctx) -> bool:
        """Work on the oldest job; return whether it completes."""
        if not self.jobs or self._left(self.jobs[0]):
            return False
        job = self.jobs[0]
        if any(report[1] == job["index"] for report in self.reports):
            return False
        job["work"] = max(0, job["work"] - 1)
        return not job["work"]

    def _left(self, job) -> int:
        """The engines that have to take a job before it completes."""
        return job["left"] & ~(self.dut.config.compact << STORE)

    def _act(self, ctx):
        """Give each engine an activity: none but IDLE if nothing is in work."""
        for engine in ENGINES:
            choice = Activity.IDLE
            if self.jobs and self.rng:
                choice = self.rng.choice(list(Activity))
            elif self.jobs:
                choice = Activity.BUSY
            self.activities[engine][choice] += 1
            ctx.set(getattr(self.dut, f"activity_{engine}"), choice)


@lru_cache(len(CONFIGS))
def simulation(config):
    return pysim.Simulation(Frontend(config))


def simulate(config, host_bench, memory=None, faults=None, seed=None, limit_cycles=30_000, **world):
    """Run ``host_bench(ctx, host, world)``; return the world."""
    dut = simulation(config).dut
    outside = World(dut, {} if memory is None else memory, faults or {}, seed, **world)

    async def bench(ctx):
        host = LiteHost(dut.s_axil, None if seed is None else random.Random(seed + 1))
        await host_bench(ctx, host, outside)
        outside.over = True

    simulation(config).run(outside.bench, bench, limit_cycles=limit_cycles)
    return outside
