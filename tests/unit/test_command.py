"""The command side with a host, a memory, and walkers that do nothing but take their time."""

import random
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from tilewright.accelerator_config import AcceleratorConfig, Activity, Unit
from tilewright.command import Command
from tilewright.dma_config import Cause
from tilewright.registers import COUNTERS, ERRORS, WALKERS
from tilewright_sim import pysim
from tilewright_sim.descriptor import Descriptor, flag_bits
from tilewright_sim.lite_host import LiteHost

NANO = AcceleratorConfig(**AcceleratorConfig.PRESETS["nano"])
SMALL = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"])
GIANT = AcceleratorConfig(**AcceleratorConfig.PRESETS["giant"])
WIDE = SMALL.model_copy(update={"addr_bits": 40, "unaligned": True})
CONFIGS = {"nano": NANO, "small": SMALL, "giant": GIANT, "wide": WIDE}

BUSY, FAILED, STOPPING, DIRECT_READY = 1, 2, 4, 8
ABORT, RESUME, SOFT_RESET, CLEAR = 1, 2, 4, 8
BASE = 0x8_0040
GOOD = Descriptor(
    m=64, n=64, k=64, a_address=0x1000, b_address=0x2000, c_address=0x3000, a_stride=64, b_stride=64, c_stride=256
)


def plan(config: AcceleratorConfig, d: Descriptor, index: int) -> dict:
    """The job of a good descriptor, from the formulas of `AcceleratorConfig.job_shape`."""
    flags = {name: d.flags >> bit & 1 for name, bit in
             {"requant": 0, "bias": 1, "accumulate": 2, "fence_a": 3, "fence_b": 4, "fence_c": 5}.items()}  # fmt: skip
    k_words = -(-d.k // config.rows)
    long = d.m < config.cols
    chunk = config.long_chunk_words if long else config.chunk_words
    chunks = -(-k_words // chunk)
    block_rows = min(config.acc_rows, config.half_words // (chunks * chunk))
    same = ("m", "n", "k", "a_address", "b_address", "c_address", "parameter_address", "a_stride", "b_stride",
            "c_stride", "zero_point", "minimum", "maximum")  # fmt: skip
    top = (1 << config.addr_bits) - 1
    return {name: getattr(d, name) for name in same} | flags | {
        "bias": flags["bias"] | flags["requant"],
        "index": index & 0xFFFF,
        "k_words": k_words,
        "long": int(long),
        "block_rows": block_rows,
        "a_block_bytes": block_rows * d.a_stride & top,
        "c_block_bytes": block_rows * d.c_stride & top,
        "parameter_pitch": -(-4 * d.n // 64) * 64,
    }  # fmt: skip


@dataclass
class Fault:
    """A transfer that fails whenever its descriptor runs."""

    unit: Unit
    cause: Cause
    address: int


@dataclass
class World:
    """A memory with a ring, walkers, and engines; what they saw is kept in lists.

    Each walker takes jobs in order, at random times. A job that all have taken completes after a while, and before
    that its fault, if any, is reported; a job with a fault may complete nevertheless.
    """

    dut: Command
    memory: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    seed: int | None = None
    latency: int = 3
    work: int = 5
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
        self.activities = {walker: dict.fromkeys(Activity, 0) for walker in WALKERS}
        self.last_word = self.offered_at = None
        self.reset()
        beats = 64 // config.word_bytes
        lingering = 0  # cycles for which the engines are still busy after an abort
        while not self.over:
            self.cycle += 1
            ready = [self.chance() for _ in WALKERS]
            ctx.set(dut.job_ready, sum(bit << place for place, bit in enumerate(ready)))
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
            ctx.set(dut.engines_busy, bool(self.fetching or self.reports or self.jobs or lingering))
            self._act(ctx)
            _, _, abort, flush, valid, job, fetch_valid, fetch, head = await ctx.tick().sample(
                dut.abort, dut.flush, dut.job_valid, dut.job, dut.fetch.valid, dut.fetch.payload, dut.head
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
                request = fetch.request
                assert (request.bytes, request.rows, request.stride) == (64, 1, 0)
                self.fetching = (fetch.index, request.address, 0)
                self.fetched.append((fetch.index, request.address))
                self.delay = self.latency if self.rng is None else self.rng.randrange(2 * self.latency)
            self._take(valid, ready, job)

    def reset(self):
        self.fetching = None
        self.delay = 0
        self.jobs = []  # offered and not complete
        self.current = None
        self.reports = []
        self.pending = {}
        self.aborted = False

    def pause(self, most: int) -> int:
        return self.rng.randrange(most + 1) if self.rng else most

    def _take(self, valid, ready, job):
        """Walkers take the job on offer."""
        if not valid:
            return
        values = {name: getattr(job, name) for name in plan(self.dut.config, GOOD, 0)}
        if self.current is None:
            self.current = values
            self.offered_at = self.cycle
            assert valid == 0b1111
            if len(self.jobs) >= 4:
                raise AssertionError("more than 4 jobs are incomplete")
            self.jobs.append(values | {"left": 0b1111, "work": self.pause(2 * self.work), "reported": False})
        assert values == self.current, "the job on offer changed"
        taken = valid & sum(bit << place for place, bit in enumerate(ready))
        entry = self.jobs[-1]
        assert valid == entry["left"], "an offer was withdrawn or repeated"
        entry["left"] &= ~taken
        if not entry["left"]:
            self.current = None
        fault = self.faults.get(values["index"])
        if (
            taken
            and fault
            and fault.unit != Unit.DESCRIPTOR
            and not entry["reported"]
            and (self.chance(0.3) or not entry["left"])
        ):
            entry["reported"] = True
            self.reports.append([self.pause(5), values["index"], fault])

    def _report(self, ctx):
        """Report a failure on each side at most; now and then an aborted transfer, which is none."""
        for side, stream in (("read", self.dut.read_failure), ("write", self.dut.write_failure)):
            due = [r for r in self.reports if r[0] == 0 and (r[2].unit == Unit.STORE_C) == (side == "write")]
            ctx.set(stream.valid, bool(due))
            if due:
                _, index, fault = due[0]
                self.reports.remove(due[0])
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
        if not self.jobs or self.jobs[0]["left"]:
            return False
        job = self.jobs[0]
        if any(report[1] == job["index"] for report in self.reports):
            return False
        job["work"] = max(0, job["work"] - 1)
        return not job["work"]

    def _act(self, ctx):
        """Give each walker an activity: none but IDLE if nothing is in work."""
        for walker in WALKERS:
            choice = Activity.IDLE
            if self.jobs and self.rng:
                choice = self.rng.choice(list(Activity))
            elif self.jobs:
                choice = Activity.BUSY
            self.activities[walker][choice] += 1
            ctx.set(getattr(self.dut, f"activity_{walker}"), choice)


def simulate(config, host_bench, memory=None, faults=None, seed=None, limit_cycles=30_000, **world):
    """Run ``host_bench(ctx, host, world)``; return the world."""
    dut = Command(config)
    outside = World(dut, memory or {}, faults or {}, seed, **world)

    async def bench(ctx):
        host = LiteHost(dut.s_axil, None if seed is None else random.Random(seed + 1))
        await host_bench(ctx, host, outside)
        outside.over = True

    pysim.run(dut, outside.bench, bench, limit_cycles=limit_cycles)
    return outside


async def start(ctx, host, base=BASE, log2=3, tail=0):
    await host.write(ctx, "RING_BASE_LO", base & 0xFFFF_FFFF)
    await host.write(ctx, "RING_BASE_HI", base >> 32)
    await host.write(ctx, "RING_LOG2", log2)
    await host.write(ctx, "IRQ_ENABLE", 0b111)
    await host.write(ctx, "TAIL", tail)
    await host.write(ctx, "CONTROL", 1)


async def wait_idle(ctx, host):
    """Wait until nothing is in work; return STATUS."""
    while (status := await host.read(ctx, "STATUS")) & (BUSY | STOPPING):
        pass
    return status


async def read_error(ctx, host):
    low, high = [await host.read(ctx, f"ERROR_ADDRESS_{half}") for half in ("LO", "HI")]
    error = await host.read(ctx, "ERROR")
    code = next(name for name, (number, _) in ERRORS.items() if number == error & 15)
    return code, Unit(error >> 4), await host.read(ctx, "ERROR_INDEX"), high << 32 | low


async def check_counters(ctx, host, outside=None):
    """Read all counters; they must close, and be what the world counted."""
    counts = {name: await host.read(ctx, f"COUNT_{name.upper()}") for name, _ in COUNTERS}
    for walker in WALKERS:
        causes = {cause: counts[f"{walker}_{cause.name.lower()}"] for cause in Activity}
        assert sum(causes.values()) == counts["cycles"], (walker, counts)
        if outside:
            for cause in set(Activity) - {Activity.IDLE}:
                assert causes[cause] == outside.activities[walker][cause], (walker, cause)
    if outside:
        assert counts["read_words"] == outside.words_moved
    return SimpleNamespace(**counts)


def ring(descriptors, base=BASE, log2=3):
    """A memory with descriptors in a ring; the oldest are overwritten if it is too small."""
    return {base + 64 * (n % (1 << log2)): d.pack() for n, d in enumerate(descriptors)}


def test_one_descriptor():
    d = replace(GOOD, flags=flag_bits("INTERRUPT", "FENCE_B"))

    async def bench(ctx, host, world):
        await start(ctx, host, tail=1)
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "HEAD") == 1
        assert ctx.get(world.dut.irq) == 1
        assert await host.read(ctx, "IRQ_STATUS") == 0b101
        await host.write(ctx, "IRQ_STATUS", 0b001)
        assert await host.read(ctx, "IRQ_STATUS") == 0b100
        await host.write(ctx, "IRQ_ENABLE", 0b011)
        await ctx.tick()
        assert ctx.get(world.dut.irq) == 0
        await check_counters(ctx, host, world)

    for config in CONFIGS.values():
        world = simulate(config, bench, ring([d]))
        assert [kept(job) for job in world.done] == [plan(config, d, 0)]
        assert world.fetched == [(0, BASE)]


def kept(job):
    return {name: value for name, value in job.items() if name not in ("left", "work", "reported")}


@pytest.mark.parametrize("name", CONFIGS)
def test_latency(name):
    config = CONFIGS[name]

    async def bench(ctx, host, world):
        await start(ctx, host, tail=1)
        await wait_idle(ctx, host)
        assert world.offered_at - world.last_word == {"nano": 9, "small": 10, "giant": 12, "wide": 10}[name]

    simulate(config, bench, ring([GOOD]))
