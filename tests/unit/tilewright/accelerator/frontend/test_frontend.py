"""The command side with a host, a memory, and engines that do nothing but take their time."""

import random
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.accelerator.contract import SIZE_BITS, AcceleratorConfig, Activity, Unit, job_shape, transfer_shape
from tilewright.accelerator.frontend import Frontend
from tilewright.accelerator.registers import COUNTERS, ENGINES, ERRORS, registers_of
from tilewright.accelerator.registers.constants import constants
from tilewright.dma import Cause
from tilewright_sim.host.descriptor import Descriptor, flag_bits
from tilewright_sim.testbench import pysim
from tilewright_sim.testbench.axi_lite_host import BusError, LiteHost

NANO = AcceleratorConfig(**AcceleratorConfig.PRESETS["nano"])
SMALL = AcceleratorConfig(**AcceleratorConfig.PRESETS["small"])
GIANT = AcceleratorConfig(**AcceleratorConfig.PRESETS["giant"])
WIDE = SMALL.model_copy(update={"addr_bits": 40, "unaligned": True})
NARROW = AcceleratorConfig(**AcceleratorConfig.PRESETS["nano"] | {
    "variant": "compact", "addr_bits": 20, "size_bits": 11, "stride_bits": 14, "max_burst": 1, "outstanding": 1,
})  # fmt: skip
CONFIGS = {"nano": NANO, "small": SMALL, "giant": GIANT, "wide": WIDE, "narrow": NARROW}

STORE = ENGINES.index("store")
BUSY, FAILED, STOPPING, DIRECT_READY = 1, 2, 4, 8
ABORT, RESUME, SOFT_RESET, CLEAR = 1, 2, 4, 8
BASE = 0x8_0040
DOUBLE_ROUNDING = 1 << 7
GOOD = Descriptor(
    m=64, n=64, k=64, a_address=0x1000, b_address=0x2000, c_address=0x3000, a_stride=64, b_stride=64, c_stride=256
)


def plan(config: AcceleratorConfig, d: Descriptor, index: int) -> dict:
    """The job of a good descriptor, from the formulas of `job_shape`."""
    flags = {name: d.flags >> bit & 1 for name, bit in
             {"requant": 0, "bias": 1, "accumulate": 2, "fence_a": 3, "fence_b": 4, "fence_c": 5}.items()}  # fmt: skip
    k_words = -(-d.k // config.tile.rows)
    long = d.m < config.tile.cols
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
        "double": d.flags >> 7 & (config.rounding == "both"),
    }  # fmt: skip


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


def simulate(config, host_bench, memory=None, faults=None, seed=None, limit_cycles=30_000, **world):
    """Run ``host_bench(ctx, host, world)``; return the world."""
    dut = Frontend(config)
    outside = World(dut, {} if memory is None else memory, faults or {}, seed, **world)

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
    if outside and outside.dut.config.compact:
        return SimpleNamespace(cycles=await host.read(ctx, "COUNT_CYCLES"))
    counts = {name: await host.read(ctx, f"COUNT_{name.upper()}") for name, _ in COUNTERS}
    for engine in ENGINES:
        causes = {cause: counts[f"{engine}_{cause.name.lower()}"] for cause in Activity}
        assert sum(causes.values()) == counts["cycles"], (engine, counts)
        if outside:
            for cause in set(Activity) - {Activity.IDLE}:
                assert causes[cause] == outside.activities[engine][cause], (engine, cause)
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
        assert world.offered_at - world.last_word == (4 if config.compact else 1) * (config.addr_bits + 3) + 3

    simulate(config, bench, ring([GOOD]))


def sizes(most):
    """Sizes spread over magnitudes, and both ends."""
    return st.one_of(st.just(1), st.just(most), st.integers(0, most.bit_length()).flatmap(
        lambda bits: st.integers(1, max(1, min(most, 1 << bits)))))  # fmt: skip


@st.composite
def good_descriptors(draw, config):
    word = 1 if config.unaligned else config.word_bytes
    top = (1 << config.addr_bits) - 1
    address = st.integers(0, top // word).map(lambda n: n * word)
    stride = (
        st
        .integers(0, config.stride_bits - 1)
        .flatmap(lambda bits: st.integers(0, (1 << bits) // word))
        .map(lambda n: n * word)
    )
    flags = draw(st.integers(0, 127))
    if flags & 4:
        flags &= ~3
    if flags & 1 and draw(st.sampled_from(config.roundings)) == "double":
        flags |= DOUBLE_ROUNDING
    byte = st.integers(-128, 127)
    values = {f"{name}_address": draw(address) for name in ("a", "b", "c", "parameter")}
    if not flags & 3:
        values["parameter_address"] = draw(st.integers(0, (1 << config.addr_bits) - 1))
    values |= {f"{name}_stride": draw(stride) for name in "abc"}
    values |= {name: draw(byte) for name in ("zero_point", "minimum", "maximum")}
    limit = config.size_limit
    m, n, k = draw(sizes(limit)), draw(sizes(limit)), draw(sizes(config.k_limit))
    return within(config, Descriptor(m=m, n=n, k=k, flags=flags, **values), draw(st.sampled_from("abcn")))


def extents(config, d):
    """Bytes from the first to the last of each matrix, and of the parameters if they are used, by unit."""
    requant, used = d.flags & 1, d.flags & 3
    c_row = d.n if requant else 4 * d.n
    return {
        Unit.LOAD_A: (d.a_address, (d.m - 1) * d.a_stride + d.k),
        Unit.LOAD_B: (d.b_address, (d.n - 1) * d.b_stride + d.k),
        Unit.STORE_C: (d.c_address, (d.m - 1) * d.c_stride + c_row),
        Unit.PARAMETERS: (d.parameter_address, (2 * (-(-4 * d.n // 64) * 64) if requant else 0) + 4 * d.n)
        if used else (0, 0),
    }  # fmt: skip


def beyond(config, d):
    """The first unit whose bytes do not end at or below the last address, or None."""
    return next(
        (unit for unit, (first, size) in extents(config, d).items() if first + size > 1 << config.addr_bits), None
    )


def within(config, d, highest):
    """The descriptor with fewer rows and lower addresses, so that all ends within memory; one at its very end."""
    top = 1 << config.addr_bits
    while any(size > top for _, size in extents(config, d).values()):
        d = replace(d, m=max(1, d.m // 2), n=max(1, d.n // 2), k=max(1, d.k // 2))
    names = {Unit.LOAD_A: "a", Unit.LOAD_B: "b", Unit.STORE_C: "c", Unit.PARAMETERS: "parameter"}
    word = 1 if config.unaligned else config.word_bytes
    for unit, (first, size) in extents(config, d).items():
        last = (top - size) // word * word
        if first > last or (size and names[unit][0] == highest):
            d = replace(d, **{f"{names[unit]}_address": last})
    return d


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in ("wide", "giant") else name for name in CONFIGS]
)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_plans_follow_the_formulas(name, data):
    config = CONFIGS[name]
    descriptors = data.draw(st.lists(good_descriptors(config), min_size=1, max_size=16))
    seed = data.draw(st.integers(0, 1 << 32))
    first = data.draw(st.sampled_from([BASE, 64, (1 << config.addr_bits) - 64 * 16]))

    async def bench(ctx, host, world):
        await start(ctx, host, base=first, log2=4, tail=len(descriptors))
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == len(descriptors)
        await check_counters(ctx, host, world)

    world = simulate(config, bench, ring(descriptors, first, log2=4), seed=seed)
    assert [kept(job) for job in world.done] == [plan(config, d, n) for n, d in enumerate(descriptors)]


BAD = [
    ({"version": 2}, "VERSION", "DESCRIPTOR"),
    ({"version": 0, "flags": 128, "m": 0}, "VERSION", "DESCRIPTOR"),
    ({"flags": DOUBLE_ROUNDING}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 1 << 9}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 1 << 15}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 0b101}, "FLAGS", "DESCRIPTOR"),
    ({"flags": 0b110}, "FLAGS", "DESCRIPTOR"),
    ({"b_format": 1}, "FLAGS", "DESCRIPTOR"),
    ({"reserved_2": 128, "k": 0}, "FLAGS", "DESCRIPTOR"),
    ({"m": 0}, "SIZE", "LOAD_A"),
    ({"m": 1 << SIZE_BITS}, "SIZE", "LOAD_A"),
    ({"m": 1 << 31}, "SIZE", "LOAD_A"),
    ({"k": 0}, "SIZE", "LOAD_A"),
    ({"k": "limit"}, "SIZE", "LOAD_A"),
    ({"k": 1 << 31}, "SIZE", "LOAD_A"),
    ({"n": 0}, "SIZE", "LOAD_B"),
    ({"n": 1 << SIZE_BITS}, "SIZE", "LOAD_B"),
    ({"a_stride": 1 << 24}, "SIZE", "LOAD_A"),
    ({"b_stride": 1 << 31}, "SIZE", "LOAD_B"),
    ({"c_stride": 1 << 24, "a_address": 1}, "SIZE", "STORE_C"),
    ({"a_address": 1 << 40}, "SIZE", "LOAD_A"),
    ({"b_address": 1 << 63}, "SIZE", "LOAD_B"),
    ({"c_address": 1 << 45}, "SIZE", "STORE_C"),
    ({"parameter_address": 1 << 41, "flags": 1}, "SIZE", "PARAMETERS"),
    ({"parameter_address": 1 << 41, "flags": 2, "n": 0}, "SIZE", "LOAD_B"),
    ({"a_address": 1}, "ALIGNMENT", "LOAD_A"),
    ({"a_stride": 2}, "ALIGNMENT", "LOAD_A"),
    ({"b_address": 2}, "ALIGNMENT", "LOAD_B"),
    ({"b_stride": 1}, "ALIGNMENT", "LOAD_B"),
    ({"c_address": 2, "parameter_address": 1, "flags": 1}, "ALIGNMENT", "STORE_C"),
    ({"c_stride": 258}, "ALIGNMENT", "STORE_C"),
    ({"parameter_address": 2, "flags": 2}, "ALIGNMENT", "PARAMETERS"),
]
# By a word too high, in each matrix, with each result, with the parameters that are used; of several the first.
BEYOND = [
    ({"a_address": "top", "m": 1, "k": 9}, "WRAPPED", "LOAD_A"),
    ({"a_address": "top", "a_stride": 8, "m": 2, "k": 1}, "WRAPPED", "LOAD_A"),
    ({"b_address": "top", "b_stride": 1 << 12, "n": 2, "k": 4}, "WRAPPED", "LOAD_B"),
    ({"b_address": "top", "b_stride": 8, "n": 10, "k": 8, "m": 2}, "WRAPPED", "LOAD_B"),
    ({"c_address": "top", "m": 1, "n": 3}, "WRAPPED", "STORE_C"),
    ({"c_address": "top", "c_stride": 8, "m": 2, "n": 1, "flags": 1}, "WRAPPED", "STORE_C"),
    ({"c_address": "top", "m": 1, "n": 9, "flags": 1}, "WRAPPED", "STORE_C"),
    ({"parameter_address": "top", "m": 1, "n": 3, "flags": 2}, "WRAPPED", "PARAMETERS"),
    ({"parameter_address": "top", "m": 1, "n": 1, "flags": 1}, "WRAPPED", "PARAMETERS"),
    ({"c_address": "top", "a_address": "top"}, "WRAPPED", "LOAD_A"),
    ({"c_address": "top", "a_stride": 1 << 24}, "SIZE", "LOAD_A"),
    ({"m": (1 << 11) - 1, "a_stride": (1 << 14) - 8, "a_address": "middle"}, "WRAPPED", "LOAD_A"),
]
# What `narrow` cannot hold, by a bit, in each field, and in two at once.
TOO_WIDE = [
    ({"m": 1 << 11}, "SIZE", "LOAD_A"),
    ({"n": 1 << 11}, "SIZE", "LOAD_B"),
    ({"k": 1 << 11}, "SIZE", "LOAD_A"),
    ({"a_stride": 1 << 14}, "SIZE", "LOAD_A"),
    ({"b_stride": 1 << 14}, "SIZE", "LOAD_B"),
    ({"c_stride": 1 << 14, "b_address": 1}, "SIZE", "STORE_C"),
    ({"a_address": 1 << 20}, "SIZE", "LOAD_A"),
    ({"b_address": 1 << 31}, "SIZE", "LOAD_B"),
    ({"c_address": 1 << 20, "a_address": 1 << 20}, "SIZE", "LOAD_A"),
    ({"parameter_address": 1 << 20, "flags": 2}, "SIZE", "PARAMETERS"),
]


# What an epilogue with one rounding cannot do.
ROUNDINGS = {
    "single": [({"flags": 1 | DOUBLE_ROUNDING}, "FLAGS", "DESCRIPTOR")],
    "double": [({"flags": 1}, "FLAGS", "DESCRIPTOR")],
    "both": [],
}


def bad(config, change):
    top = 1 << config.addr_bits
    named = {"limit": config.k_limit + 1, "top": top - 8, "middle": top - (1 << 18)}
    return replace(GOOD, **{name: named.get(value, value) for name, value in change.items()})


@pytest.mark.parametrize("name", ["small", "wide", "narrow", "twice"])
def test_reports_the_fault_of_a_descriptor(name):
    config = SMALL.replace(rounding="double") if name == "twice" else CONFIGS[name]
    cases = [case for case in BAD if case[1] != "ALIGNMENT" or not config.unaligned] + BEYOND
    cases = cases if name != "twice" else []
    cases += (TOO_WIDE if name == "narrow" else []) + ROUNDINGS[config.rounding]
    descriptors = [bad(config, change) for change, _, _ in cases]

    async def bench(ctx, host, world):
        await start(ctx, host, log2=6, tail=len(cases))
        for index, (change, code, unit) in enumerate(cases):
            assert await wait_idle(ctx, host) == FAILED, change
            assert await read_error(ctx, host) == (code, Unit[unit], index, BASE + 64 * index), change
            assert await host.read(ctx, "IRQ_STATUS") == 0b010
            await host.write(ctx, "IRQ_STATUS", 0b111)
            await host.write(ctx, "COMMAND", RESUME)
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "HEAD") == len(cases)
        assert await host.read(ctx, "ERROR") == 0

    world = simulate(config, bench, ring(descriptors, log2=6))
    assert not world.done


@pytest.mark.parametrize("name", ["small", "wide", "narrow"])
def test_an_entry_past_the_last_address_is_refused_and_never_read(name):
    config = CONFIGS[name]
    base = (1 << config.addr_bits) - 64

    async def bench(ctx, host, world):
        await start(ctx, host, base=base, log2=1, tail=3)
        assert await wait_idle(ctx, host) == FAILED
        assert await read_error(ctx, host) == ("WRAPPED", Unit.DESCRIPTOR, 1, 0)
        await host.write(ctx, "COMMAND", RESUME)
        assert await wait_idle(ctx, host) == DIRECT_READY

    world = simulate(config, bench, {base: GOOD.pack()})
    assert world.fetched == [(0, base), (2, base)]
    assert [job["index"] for job in world.done] == [0, 2]


@pytest.mark.parametrize("entries", [40, pytest.param(1027, marks=pytest.mark.long)])  # 1,026: two bits too many
def test_a_ring_larger_than_memory_is_read_as_far_as_it_goes(entries):
    config = NARROW.replace(addr_bits=16)  # 1,024 entries fill it
    base = (1 << 16) - 128

    async def bench(ctx, host, world):
        await start(ctx, host, base=base, log2=15, tail=3)
        assert await wait_idle(ctx, host) == FAILED
        assert await read_error(ctx, host) == ("WRAPPED", Unit.DESCRIPTOR, 2, 0)
        await host.write(ctx, "TAIL", entries)
        await host.write(ctx, "COMMAND", RESUME)
        for index in range(3, entries):
            assert await wait_idle(ctx, host) == FAILED
            assert (await read_error(ctx, host))[:3] == ("WRAPPED", Unit.DESCRIPTOR, index)
            await host.write(ctx, "COMMAND", RESUME)

    world = simulate(config, bench, {base: GOOD.pack(), base + 64: GOOD.pack()}, limit_cycles=2_000_000)
    assert [index for index, _ in world.fetched] == [0, 1]


def test_accepts_values_at_the_limits():
    limit = (1 << SIZE_BITS) - 1
    cases = [
        {"m": limit, "n": limit, "k": SMALL.k_limit},
        {"a_stride": (1 << 24) - 8, "b_stride": 0, "c_stride": (1 << 24) - 8},
        {"a_address": (1 << 32) - 64 * 64, "parameter_address": (1 << 64) - 1},
        {"b_address": (1 << 32) - 63 * 128 - 64, "b_stride": 128},
        {"c_address": (1 << 32) - 63 * 1024 - 256, "c_stride": 1024},
        {"flags": 0b1111011, "parameter_address": (1 << 32) - 3 * 256},
        {"flags": 0b1111010, "parameter_address": (1 << 32) - 256, "c_address": (1 << 32) - 64 * 256},
        {"flags": 0b0000001, "c_address": (1 << 32) - 63 * 256 - 64},
        {"flags": 0b1111100},
    ]
    descriptors = [replace(GOOD, **change) for change in cases]

    async def bench(ctx, host, world):
        await start(ctx, host, tail=len(cases))
        assert await wait_idle(ctx, host) == DIRECT_READY

    assert len(simulate(SMALL, bench, ring(descriptors)).done) == len(cases)


def random_faults(rng, descriptors, base, entries):
    """Make some descriptors bad, and the transfers of others fail; return errors by index, and the faults."""
    errors, faults = {}, {}
    for index in range(len(descriptors)):
        kind = rng.random()
        entry = base + 64 * (index % entries)
        if kind < 0.1:
            change, code, unit = rng.choice(BAD + BEYOND)
            descriptors[index] = bad(SMALL, change)
            errors[index] = code, Unit[unit], index, entry
        elif kind < 0.3:
            code = rng.choice(["SLVERR", "DECERR", "WRAPPED"])
            unit = rng.choice(list(Unit))
            faults[index] = Fault(unit, Cause[code], rng.getrandbits(32))
            errors[index] = code, unit, index, faults[index].address
    return errors, faults


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in (3, 4, 5))])
def test_failures_are_reported_in_order_and_the_rest_completes(seed):
    rng = random.Random(seed)
    log2 = rng.randrange(1, 5)
    descriptors = [replace(GOOD, m=rng.randrange(1, 200), flags=rng.choice([0, 64])) for _ in range(30)]
    errors, faults = random_faults(rng, descriptors, BASE, 1 << log2)
    memory = {}

    async def bench(ctx, host, world):
        memory.clear()
        await start(ctx, host, log2=log2)
        tail, seen = 0, []
        while True:
            head = await host.read(ctx, "HEAD")
            more = min(rng.randrange(4), (1 << log2) - (tail - head), len(descriptors) - tail)
            for index in range(tail, tail + more):
                memory[BASE + 64 * (index % (1 << log2))] = descriptors[index].pack()
            tail += more
            await host.write(ctx, "TAIL", tail)
            status = await host.read(ctx, "STATUS")
            if status & FAILED:
                error = await read_error(ctx, host)
                seen.append(error[2])
                assert error == errors[error[2]]
                assert await host.read(ctx, "HEAD") == error[2]
                assert ctx.get(world.dut.irq)
                await host.write(ctx, "IRQ_STATUS", 0b010)
                await host.write(ctx, "COMMAND", RESUME)
            elif head == len(descriptors):
                break
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert seen == sorted(errors)
        await check_counters(ctx, host)

    # With much work, several descriptors are in work at once.
    world = simulate(SMALL, bench, memory, faults, seed=seed, work=5 if seed % 3 == 0 else 50)
    want = [plan(SMALL, d, n) for n, d in enumerate(descriptors) if n not in errors]
    assert [kept(job) for job in world.done] == want


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_abort_at_any_time(seed):
    rng = random.Random(seed)
    count = 20
    descriptors = [GOOD] * count
    errors, faults = random_faults(rng, descriptors, BASE, 32)

    async def bench(ctx, host, world):
        await start(ctx, host, log2=5, tail=count)
        aborted = 0
        while await host.read(ctx, "HEAD") != count:
            for _ in range(rng.randrange(60)):
                await ctx.tick()
            await host.write(ctx, "COMMAND", ABORT)
            while (status := await host.read(ctx, "STATUS")) & STOPPING:
                pass
            if status & FAILED:
                error = await read_error(ctx, host)
                assert error[2] == await host.read(ctx, "HEAD")
                if error[0] == "ABORTED":
                    aborted += 1
                    assert error[1:] == (Unit.DESCRIPTOR, error[2], 0)
                else:
                    assert error == errors[error[2]]
                lost.append(error[2])
                await host.write(ctx, "COMMAND", ABORT)  # nothing is in work
                await host.write(ctx, "COMMAND", RESUME)
        assert aborted > 2
        await host.write(ctx, "COMMAND", ABORT | RESUME)
        assert await host.read(ctx, "STATUS") == DIRECT_READY

    lost = []
    world = simulate(SMALL, bench, ring(descriptors, log2=5), faults, seed=seed, work=5 if seed % 2 else 50)
    # What was aborted may have completed in the very same moment.
    done = [job["index"] for job in world.done]
    assert sorted({*done, *lost}) == list(range(count))
    assert done == sorted(set(done))
    assert not set(done) & set(errors)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_soft_reset_at_any_time(seed):
    rng = random.Random(seed)
    descriptors = [GOOD] * 20
    _, faults = random_faults(rng, descriptors, BASE, 32)

    async def bench(ctx, host, world):
        for _ in range(4):
            await start(ctx, host, log2=5, tail=20)
            for _ in range(rng.randrange(200)):
                await ctx.tick()
            await host.write(ctx, "COMMAND", SOFT_RESET | rng.choice([0, ABORT, RESUME]))
            while await host.read(ctx, "STATUS") & STOPPING:
                pass
            world.done.clear()
            for register in registers_of(SMALL):
                if register.access != "wo" and register.name not in constants(SMALL):
                    want = DIRECT_READY if register.name == "STATUS" else 0
                    assert await host.read(ctx, register.name) == want, register.name
            assert not ctx.get(world.dut.irq)
        world.faults.clear()
        world.memory.update(ring([GOOD] * 32, log2=5))
        await start(ctx, host, log2=5, tail=20)
        assert await wait_idle(ctx, host) == DIRECT_READY
        await check_counters(ctx, host, None)

    world = simulate(SMALL, bench, ring(descriptors, log2=5), faults, seed=seed)
    assert [kept(job) for job in world.done] == [plan(SMALL, GOOD, n) for n in range(20)]


async def words(ctx, host, descriptor, numbers):
    """Write some words of a descriptor through the registers."""
    data = descriptor.pack()
    for word in numbers:
        await host.write(ctx, f"DESCRIPTOR_{word}", int.from_bytes(data[4 * word : 4 * word + 4], "little"))


async def submit(ctx, host, descriptor, order=range(16)):
    await words(ctx, host, descriptor, order)


@pytest.mark.parametrize("name", CONFIGS)
def test_direct_descriptors(name):
    config = CONFIGS[name]
    first, second = replace(GOOD, m=5, flags=64), replace(GOOD, k=8, c_stride=512)
    backwards = [0, *range(14, 0, -1), 15]

    async def bench(ctx, host, world):
        await submit(ctx, host, first)  # even though the ring is not enabled
        assert await host.read(ctx, "TAIL") == 1
        assert await wait_idle(ctx, host) == DIRECT_READY
        await start(ctx, host, tail=3)  # entries 1 and 2
        while await host.read(ctx, "HEAD") < 2:
            with pytest.raises(BusError):
                await host.write(ctx, "DESCRIPTOR_0", 0)
        await wait_idle(ctx, host)
        await submit(ctx, host, second, backwards)
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == await host.read(ctx, "TAIL") == 4
        await host.write(ctx, "IRQ_STATUS", 0b111)
        await submit(ctx, host, replace(GOOD, version=9))
        assert await wait_idle(ctx, host) == FAILED
        assert await read_error(ctx, host) == ("VERSION", Unit.DESCRIPTOR, 4, 0)
        with pytest.raises(BusError):
            await host.write(ctx, "DESCRIPTOR_0", 0)
        await host.write(ctx, "COMMAND", RESUME)
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "HEAD") == await host.read(ctx, "TAIL") == 5

    world = simulate(config, bench, ring([GOOD, GOOD, GOOD]))
    want = [first, GOOD, GOOD, second]
    assert [kept(job) for job in world.done] == [plan(config, d, n) for n, d in enumerate(want)]
    assert world.fetched == [(1, BASE + 64), (2, BASE + 128)]


@pytest.mark.parametrize("name", ["small", "narrow"])
def test_words_written_before_the_ring_runs_are_not_part_of_a_descriptor(name):
    """Half of a descriptor, then the ring, then the other half: refused, and nothing runs; from word 0 on it does."""

    async def bench(ctx, host, world):
        await start(ctx, host)
        await words(ctx, host, GOOD, range(8))
        await host.write(ctx, "TAIL", 1)
        assert await wait_idle(ctx, host) == DIRECT_READY
        for word in range(8, 16):
            with pytest.raises(BusError):
                await words(ctx, host, GOOD, [word])
        assert await wait_idle(ctx, host) == DIRECT_READY
        assert await host.read(ctx, "TAIL") == 1
        await submit(ctx, host, other)
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == await host.read(ctx, "TAIL") == 2

    other = replace(GOOD, m=7)
    world = simulate(CONFIGS[name], bench, ring([GOOD]))
    assert [kept(job) for job in world.done] == [plan(CONFIGS[name], d, n) for n, d in enumerate([GOOD, other])]


@pytest.mark.parametrize("name", ["small", "narrow"])
@pytest.mark.parametrize("seed", range(3))
def test_no_descriptor_is_lost_between_the_ring_and_the_registers(seed, name):
    """The host mixes both at random times; what was not refused runs, once, in order."""
    config = CONFIGS[name]
    rng = random.Random(seed)
    memory, expected = {}, []

    async def bench(ctx, host, world):
        memory.clear()
        expected.clear()
        await start(ctx, host, log2=2)
        while len(expected) < 20:
            d = replace(GOOD, m=rng.randrange(1, 99))
            if rng.random() < 0.5:
                tail, head = await host.read(ctx, "TAIL"), await host.read(ctx, "HEAD")
                if (tail - head) < 4:
                    memory[BASE + 64 * (tail % 4)] = d.pack()
                    await host.write(ctx, "TAIL", tail + 1)
                    expected.append(d)
            else:
                try:
                    await submit(ctx, host, d)
                except BusError:
                    continue  # as the page of registers says: begin again with word 0
                expected.append(d)
            for _ in range(rng.randrange(40)):
                await ctx.tick()
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == len(expected)

    world = simulate(config, bench, memory, seed=seed, limit_cycles=60_000)
    assert [kept(job) for job in world.done] == [plan(config, d, n) for n, d in enumerate(expected)]


def test_interrupts_follow_flagged_descriptors_and_the_last_one():
    descriptors = [replace(GOOD, flags=64 * (n in (2, 3, 6))) for n in range(8)]

    async def bench(ctx, host, world):
        await start(ctx, host, tail=8)
        await host.write(ctx, "IRQ_ENABLE", 0b001)
        seen = set()
        while await host.read(ctx, "HEAD") < 8:
            if ctx.get(world.dut.irq):
                await host.write(ctx, "IRQ_STATUS", 0b001)
                seen.add(await host.read(ctx, "HEAD"))
        assert seen == {3, 4, 7}
        assert await host.read(ctx, "IRQ_STATUS") == 0b100

    async def watch_empty(ctx, host, world):
        """A ring that is disabled comes to rest without being empty."""
        await start(ctx, host, tail=8)
        await host.write(ctx, "CONTROL", 0)
        assert await wait_idle(ctx, host) == 0
        assert 0 < await host.read(ctx, "HEAD") < 8
        assert await host.read(ctx, "IRQ_STATUS") & 0b100 == 0
        await host.write(ctx, "CONTROL", 1)
        await wait_idle(ctx, host)
        assert await host.read(ctx, "HEAD") == 8
        assert await host.read(ctx, "IRQ_STATUS") & 0b100

    simulate(SMALL, watch_empty, ring(descriptors))
    simulate(SMALL, bench, ring(descriptors), work=60)


def test_the_next_job_is_planned_before_it_is_needed():
    async def bench(ctx, host, world):
        await start(ctx, host, tail=4)
        dut = world.dut
        for index in range(4):
            while not ctx.get(dut.job_valid):
                await ctx.tick()
            assert ctx.get(dut.job.index) == index
            for _ in range(60):
                await ctx.tick()
            world.taking = True
            waited = 0
            while ctx.get(dut.job_valid):
                await ctx.tick()
            world.taking = False
            while not ctx.get(dut.job_valid) and index < 3:
                await ctx.tick()
                waited += 1
            assert waited <= 1
        world.taking = True
        await wait_idle(ctx, host)

    simulate(SMALL, bench, ring([GOOD] * 4), taking=False)


def test_counters_can_be_cleared_during_work():
    async def bench(ctx, host, world):
        await start(ctx, host, log2=5, tail=20)
        for _ in range(6):
            for _ in range(host.rng.randrange(100)):
                await ctx.tick()
            await host.write(ctx, "COMMAND", CLEAR)
        await wait_idle(ctx, host)
        counts = await check_counters(ctx, host)
        assert counts.cycles > 0
        await host.write(ctx, "COMMAND", CLEAR)
        assert set(vars(await check_counters(ctx, host)).values()) == {0}

    simulate(SMALL, bench, ring([GOOD] * 32, log2=5), seed=1)
