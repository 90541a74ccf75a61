"""Store: every byte of C as the golden model has it, whatever is late; its speed; its causes."""

import itertools
import random
from collections import deque

import numpy as np
import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Activity
from tilewright.accelerator.store import Store
from tilewright.dma import Cause
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench import pysim

TINY = AcceleratorConfig(rows=8, cols=8, data_bits=64, acc_rows=8, requant_lanes=2, panel_words=1024)
CONFIGS = {
    "32 bits, 1 lane": AcceleratorConfig.preset("nano"),
    "32 bits, 2 lanes": AcceleratorConfig(**{**AcceleratorConfig.PRESETS["nano"], "requant_lanes": 2}),
    "32 bits, 4 lanes, single": AcceleratorConfig(**{
        **AcceleratorConfig.PRESETS["nano"],
        "requant_lanes": 4,
        "rounding": "single",
    }),
    "64 bits, 2 lanes": TINY,
    "64 bits, 4 lanes": TINY.model_copy(update={"requant_lanes": 4}),
    "64 bits, 8 lanes": TINY.model_copy(update={"requant_lanes": 8}),
    "64 bits, single": TINY.model_copy(update={"rounding": "single"}),
    "64 bits, 4 columns": AcceleratorConfig(
        rows=8, cols=4, data_bits=64, acc_rows=4, requant_lanes=2, unaligned=True, panel_words=1024
    ),
    "128 bits": AcceleratorConfig(**{**AcceleratorConfig.PRESETS["base"], "acc_rows": 16}),
    "256 bits, 16 lanes": AcceleratorConfig(**{
        **AcceleratorConfig.PRESETS["large"],
        "acc_rows": 32,
        "requant_lanes": 16,
    }),
}


class Job:
    """A job: its fields, its sums, and the tiles that must be written."""

    def __init__(self, config, rng, index, m, n, kind, *, block_rows=None, fence=False, space=0):
        self.config, self.m, self.n, self.kind, self.index = config, m, n, kind, index
        word = config.word_bytes
        size = self.size = 1 if kind == "requant" else 4
        self.block_rows = min(block_rows or config.acc_rows, config.acc_rows)
        self.stride = -(-n * size // word) * word + word * rng.randrange(3)
        self.address = space + word * rng.randrange(8)
        self.parameter_address = space + 0x80_0000 + word * rng.randrange(8)
        self.pitch = -(-4 * n // 64) * 64
        bounds = rng.choice([(0, -128, 127), (-128, -128, 127), (127, 0, 60), (-3, -100, -100)])
        self.zero_point, self.minimum, self.maximum = bounds
        self.fence = fence
        self.rounding = rng.choice(config.roundings)
        self.multiplier = [rng.choice([0, 1, (1 << 31) - 1, rng.randrange(1 << 30, 1 << 31)]) for _ in range(n)]
        self.shift = [rng.choice([-31, -30, 30, 0, rng.randint(-24, -8), rng.randint(-31, 30)]) for _ in range(n)]
        self.bias = [log_uniform(rng, 32) for _ in range(n)]
        scales = [max(1, min(32, 9 - shift)) for shift in self.shift]
        self.sums = np.array([[log_uniform(rng, rng.choice([32, scale])) for scale in scales] for _ in range(m)])
        self.old = np.array([[log_uniform(rng, 32) for _ in range(n)] for _ in range(m)])

    @property
    def fields(self):
        return {
            "index": self.index, "m": self.m, "n": self.n, "k": 8, "k_words": 1, "long": 0,
            "block_rows": self.block_rows,
            "requant": self.kind == "requant", "bias": self.kind == "bias", "accumulate": self.kind == "accumulate",
            "fence_a": 0, "fence_b": 0, "fence_c": self.fence,
            "a_address": 0, "b_address": 0, "c_address": self.address, "parameter_address": self.parameter_address,
            "a_stride": 0, "b_stride": 0, "c_stride": self.stride, "parameter_pitch": self.pitch,
            "double": int(self.config.rounding == "both" and self.rounding == "double"),
            "a_block_bytes": 0, "c_block_bytes": self.block_rows * self.stride,
            "zero_point": self.zero_point, "minimum": self.minimum, "maximum": self.maximum,
        }  # fmt: skip

    def result(self):
        """int64 of shape [m, n]."""
        one = np.eye(self.n, dtype=np.int64)
        bias = self.bias if self.kind in ("bias", "requant") else None
        addend = self.old if self.kind == "accumulate" else None
        requant = None
        if self.kind == "requant":
            requant = golden.Requant(
                multiplier=self.multiplier, shift=self.shift, zero_point=self.zero_point, minimum=self.minimum,
                maximum=self.maximum, rounding=self.rounding,
            )  # fmt: skip
        return golden.gemm(self.sums, one, bias, requant, addend)

    def tiles(self):
        """``(rows, columns)`` slices of each tile, in order."""
        for top, left in itertools.product(range(0, self.m, self.block_rows), range(0, self.n, self.config.tile.cols)):
            yield slice(top, min(top + self.block_rows, self.m)), slice(left, min(left + self.config.tile.cols, self.n))

    def write(self, rows, columns):
        """The request that writes a tile."""
        return {
            "address": self.address + rows.start * self.stride + columns.start * self.size,
            "bytes": (columns.stop - columns.start) * self.size,
            "rows": rows.stop - rows.start,
            "stride": self.stride,
        }

    def fill(self, memory):
        """Put the parameters and the old C into memory."""
        for place, values in enumerate((self.bias, self.multiplier, self.shift)):
            store(memory, self.parameter_address + place * self.pitch, values, 4)
        if self.kind == "accumulate":
            for row in range(self.m):
                store(memory, self.address + row * self.stride, self.old[row], 4)

    def expect(self, memory):
        for row, values in enumerate(self.result()):
            store(memory, self.address + row * self.stride, values, self.size)


def log_uniform(rng, bits):
    value = rng.getrandbits(rng.randrange(bits + 1)) * rng.choice((-1, 1))
    return max(-(1 << 31), min((1 << 31) - 1, value))


def store(memory, address, values, size):
    for place, value in enumerate(values):
        for byte in range(size):
            memory[address + place * size + byte] = int(value) >> 8 * byte & 0xFF


class World:
    """What is around the Store: jobs, accumulators, a reader and a writer on one memory.

    ``late`` are probabilities of a stall in a cycle, ``latency`` the cycles from a request to its words and, unless
    ``answer`` is given, from a tile's last word to its status. ``fails`` are numbers of the write requests that fail.
    """

    def __init__(
        self, config, jobs, seed=0, *, read=0.0, write=0.0, sums=0.0, offers=0.0, latency=4, answer=None,
        fails=(), late_sums=0
    ):  # fmt: skip
        self.config, self.jobs, self.seed, self.fails = config, jobs, seed, fails
        self.late = {"read": read, "write": write, "sums": sums, "offers": offers}
        self.latency, self.late_sums = latency, late_sums
        self.answer = latency if answer is None else answer

    async def bench(self, ctx):
        config, dut, rng = self.config, self.dut, random.Random(self.seed)
        word_bytes, lanes = config.word_bytes, config.requant_lanes

        def now(what):
            return rng.random() >= self.late[what]

        self.memory, wanted = {}, {}
        for job in self.jobs:
            job.fill(self.memory)
            job.fill(wanted)
        for job in self.jobs:
            job.expect(wanted)
        tiles = [(job, *slices) for job in self.jobs for slices in job.tiles()]
        writes = [(job.write(rows, columns), job.index) for job, rows, columns in tiles]
        jobs = deque(self.jobs)
        offered = False
        self.activities, self.completed, self.failures, self.first_word = [], [], [], None
        self.fetches = []
        reading = deque()  # (due cycle, stream, words left)
        accepted, words, statuses = deque(), [], deque()
        head = self.jobs[0].index
        written = answered = 0
        tile, since = 0, None  # of the accumulators, and since when it is readable
        fetched = taken = None
        sums = moved = 0
        ctx.set(dut.write_status.valid, 0)
        for cycle in itertools.count():
            offered = bool(jobs) and (offered or now("offers"))
            ctx.set(dut.job.valid, offered)
            if offered:
                ctx.set(dut.job.payload, jobs[0].fields)
            ctx.set(dut.head, head)
            if since is None and tile < len(tiles) and cycle >= self.late_sums and now("sums"):
                since = cycle
            ctx.set(dut.sums.ready, since is not None)
            ctx.set(dut.sums.sums, sums)
            for requests in (dut.parameter_requests, dut.c_requests):
                ctx.set(requests.ready, now("read"))
            ctx.set(dut.write_requests.ready, now("write") and len(accepted) < 1)
            ctx.set(dut.write_words.ready, now("write"))
            for stream in (dut.parameter_words, dut.c_words):
                ctx.set(stream.valid, 0)
                ctx.set(stream.payload, {"data": rng.getrandbits(config.data_bits), "row_last": 1, "last": 1})
            if reading and reading[0][0] <= cycle and now("read"):
                stream, queue = reading[0][1:]
                ctx.set(stream.valid, 1)
                ctx.set(stream.payload, queue.popleft())
                if not queue:
                    reading.popleft()
            ctx.set(dut.write_status.valid, bool(statuses) and statuses[0][0] <= cycle)
            if statuses and statuses[0][0] <= cycle:
                ctx.set(dut.write_status.payload, statuses.popleft()[1])

            values = await self.sample(ctx)
            self.activities.append(Activity(values["activity"]))
            moved = cycle if values["sums_fetch"] or values["word"] is not None or values["status"] else moved
            assert cycle < moved + 1000, "it hangs"
            if offered and values["job_ready"]:
                jobs.popleft()
                offered = False

            # The accumulators, as `Execute` has them.
            sums = pack(taken, values["sums_group"], lanes, rng)
            if values["sums_take"]:
                taken = fetched
            if values["sums_fetch"]:
                assert since is not None, "a fetch before the sums are ready"
                assert cycle - since >= values["sums_row"], "a row is fetched before it is there"
                job, rows, columns = tiles[tile]
                fetched = [int(value) for value in job.sums[rows][values["sums_row"]][columns]]
                self.fetches.append((cycle, tile, values["sums_row"]))
            if values["sums_release"]:
                assert values["sums_row"] in (0, rows.stop - rows.start - 1) or since is not None
                tile, since = tile + 1, None

            # The reader.
            for name, stream in (("parameter", dut.parameter_words), ("c", dut.c_words)):
                transfer = values[name]
                if transfer is not None:
                    owner = next(job for job in self.jobs if job.index == transfer["index"])
                    assert not owner.fence or head == owner.index, "a request in spite of the fence"
                    assert (owner.kind == "accumulate") == (name == "c")
                    reading.append((cycle + self.latency, stream, self.read(transfer["request"])))

            # The writer.
            if values["write"] is not None:
                want, index = writes[written + len(accepted)]
                assert (values["write"]["request"], values["write"]["index"]) == (want, index)
                assert head == index, "a request before the jobs before are complete"
                accepted.append(want)
            if values["word"] is not None:
                words.append(values["word"])
                self.first_word = cycle if self.first_word is None else self.first_word
            if accepted and len(words) >= accepted[0]["rows"] * -(-accepted[0]["bytes"] // word_bytes):
                self.write(accepted.popleft(), words)
                cause = Cause.SLVERR if written in self.fails else Cause.NONE
                statuses.append((cycle + self.answer, {"cause": cause, "address": written}))
                written += 1
            if values["status"]:
                done, _, _ = tiles[answered]
                answered += 1
                ends = answered == len(tiles) or tiles[answered][0] is not done
                assert ends or not values["completed"]
                if values["completed"]:
                    self.completed.append(done.index)
                if ends:
                    head = head + 1 & 0xFFFF
            else:
                assert not values["completed"]
            if values["failure"] is not None:
                self.failures.append(values["failure"])
            if written == len(tiles) and not statuses and not values["status"]:
                break
        for _ in range(30):
            values = await self.sample(ctx)
            self.activities.append(Activity(values["activity"]))
            assert values["word"] is None
            assert not values["sums_fetch"]
        assert not words
        assert self.activities[-1] == Activity.IDLE
        assert {a: self.memory[a] for a in wanted} == wanted
        assert self.memory.keys() == wanted.keys()

    def count(self):
        """Cycles of each cause, the idle ones after the end left out."""
        return {cause.name: self.activities.count(cause) for cause in Activity}

    async def sample(self, ctx):
        dut = self.dut
        names = ("sums_fetch", "sums_take", "sums_row", "sums_group", "sums_release", "completed", "activity")
        streams = (dut.parameter_requests, dut.c_requests, dut.write_requests)
        sums = dut.sums
        sampled = [sums.fetch, sums.take, sums.row, sums.group, sums.release, dut.completed, dut.activity]
        sampled += [dut.job.ready, dut.write_status.valid]
        for stream in streams:
            sampled += [stream.valid, stream.ready, stream.payload]
        sampled += [dut.write_words.valid, dut.write_words.ready, dut.write_words.payload]
        sampled += [dut.failure.valid, dut.failure.payload]
        _, _, *got = await ctx.tick().sample(*sampled)
        values = dict(zip(names, got, strict=False))
        values["job_ready"], values["status"] = got[7:9]
        for place, name in enumerate(("parameter", "c", "write")):
            valid, ready, payload = got[9 + 3 * place : 12 + 3 * place]
            values[name] = plain(payload) if valid and ready else None
        values["word"] = got[20] if got[18] and got[19] else None
        values["failure"] = (got[22].unit.name, got[22].index, got[22].cause.name, got[22].address) if got[21] else None
        return values

    def read(self, request):
        """The words of a request."""
        words = deque()
        for row in range(request["rows"]):
            for start in range(0, request["bytes"], self.config.word_bytes):
                data = 0
                for byte in range(start, min(start + self.config.word_bytes, request["bytes"])):
                    address = request["address"] + row * request["stride"] + byte
                    data |= self.memory[address] << 8 * (byte - start)
                row_last = start + self.config.word_bytes >= request["bytes"]
                words.append({"data": data, "row_last": row_last, "last": row_last and row == request["rows"] - 1})
        return words

    def write(self, request, words):
        """Take the words of a request."""
        for row in range(request["rows"]):
            for start in range(0, request["bytes"], self.config.word_bytes):
                word = words.pop(0)
                for byte in range(start, min(start + self.config.word_bytes, request["bytes"])):
                    address = request["address"] + row * request["stride"] + byte
                    self.memory[address] = word >> 8 * (byte - start) & 0xFF


def plain(transfer):
    request = transfer.request
    fields = {name: getattr(request, name) for name in ("address", "bytes", "rows", "stride")}
    return {"request": fields, "index": transfer.index}


def pack(row, group, lanes, rng):
    """The bits of a group of a row; beyond its columns anything."""
    values = [] if row is None else row[group * lanes : (group + 1) * lanes]
    values = [*values, *(rng.getrandbits(32) for _ in range(lanes - len(values)))]
    return sum((value & 0xFFFF_FFFF) << 32 * lane for lane, value in enumerate(values))


def run(config, jobs, seed=0, **options):
    world = World(config, jobs, seed, **options)
    world.dut = Store(config)
    pysim.run(world.dut, world.bench, limit_cycles=50_000)
    return world


def make(config, shapes, seed=0, first=0xFFFE, **options):
    """Jobs of ``(m, n, kind)``, each in its own megabytes."""
    rng = random.Random(seed)
    return [
        Job(config, rng, (first + i) & 0xFFFF, m, n, kind, space=i << 24, **options)
        for i, (m, n, kind) in enumerate(shapes)
    ]


KINDS = ("raw", "bias", "requant", "accumulate")


@pytest.mark.parametrize(
    "config",
    [pytest.param(CONFIGS[name], id=name, marks=[pytest.mark.long] if "256" in name else []) for name in CONFIGS],
)
def test_ragged_tiles_of_each_kind(config):
    sizes = [(1, 1), (7, 2 * config.tile.cols + 1), (3, config.tile.cols - 1), (2, config.tile.cols)]
    shapes = [(m, n, kind) for kind in KINDS for m, n in sizes]
    world = run(config, make(config, shapes, first=3, block_rows=4))
    assert world.completed == list(range(3, 3 + len(shapes)))


@pytest.mark.parametrize(
    ("config", "seed"),
    [
        pytest.param(CONFIGS[name], seed, id=f"{name}-{seed}", marks=[pytest.mark.long] if seed or late else [])
        for name, late in (
            (name, any(word in name for word in ("256", "128", "single", "4 lanes", "8 lanes"))) for name in CONFIGS
        )
        for seed in range(4)
    ],
)
def test_random_jobs_under_random_stalls(config, seed):
    rng = random.Random(seed)
    shapes = [(rng.randint(1, 12), rng.randint(1, 2 * config.tile.cols), rng.choice(KINDS)) for _ in range(6)]
    jobs = [
        Job(
            config,
            rng,
            0xFFFD + i & 0xFFFF,
            *shape,
            space=i << 24,
            block_rows=rng.randint(1, 12),
            fence=rng.random() < 0.2,
        )
        for i, shape in enumerate(shapes)
    ]
    late = {name: rng.choice([0, 0.1, 0.5, 0.8]) for name in ("read", "write", "sums", "offers")}
    world = run(config, jobs, seed, **late, latency=rng.choice([1, 5, 60]))
    assert world.completed == [0xFFFD, 0xFFFE, 0xFFFF, 0, 1, 2]


@pytest.mark.parametrize("kind", ["raw", "bias", "requant"])
def test_a_group_or_a_word_in_every_cycle(kind):
    groups = 4 if kind == "requant" else 4 * 2 // 2
    world = run(TINY, make(TINY, [(16, 16, kind)] * 3), latency=4)
    starts = [cycle for cycle, _, row in world.fetches if row == 0]
    tiles = {tile: [cycle for cycle, at, _ in world.fetches if at == tile] for tile in range(12)}
    for cycles in tiles.values():
        assert {after - before for before, after in itertools.pairwise(cycles)} == {groups}
    # Operands of the first tile come late; there are 2 cycles between tiles, and between jobs.
    assert {after - before for before, after in itertools.pairwise(starts[1:])} == {8 * groups + 2}


@pytest.mark.parametrize("lanes", [4, 8])
def test_raw_groups_of_more_lanes_than_a_word_fill_the_bus(lanes):
    config = TINY.model_copy(update={"requant_lanes": lanes})
    world = run(config, make(config, [(8, 8, "raw"), (8, 8, "requant")]))
    first, second = ([cycle for cycle, tile, _ in world.fetches if tile == n] for n in range(2))
    assert {after - before for before, after in itertools.pairwise(first)} == {4}
    assert {after - before for before, after in itertools.pairwise(second)} == {8 // lanes}


@pytest.mark.parametrize("kind", ["raw", "requant"])
def test_no_word_is_lost_while_the_writer_stalls(kind):
    world = run(TINY, make(TINY, [(8, 16, kind)]), write=0.95)
    assert len(world.fetches) == 16


@pytest.mark.parametrize("rounding", ["double", "single"])
@pytest.mark.parametrize(("kind", "groups"), [("raw", 1), ("requant", 4)])
def test_the_first_word_has_the_documented_latency(kind, groups, rounding):
    config = TINY.model_copy(update={"rounding": rounding})
    world = run(config, make(config, [(4, 8, kind)]), late_sums=60)
    start = world.fetches[0][0]
    assert start == 60
    assert world.first_word == start + groups - 1 + world.dut.latency


@pytest.mark.parametrize("kind", ["bias", "requant"])
def test_memory_latency_is_hidden_behind_the_previous_tile(kind):
    jobs = make(TINY, [(8, 16, kind), (8, 16, kind)])
    # A tile takes 32 cycles, its operands are 4 or 12 words.
    hidden = {"bias": 22, "requant": 14}[kind]
    for latency in (1, hidden, hidden + 12):
        starts = [cycle for cycle, _, row in run(TINY, jobs, latency=latency, answer=1).fetches if row == 0]
        gaps = {after - before for before, after in itertools.pairwise(starts)}
        assert (gaps == {34}) == (latency <= hidden), (latency, gaps)


def test_a_failed_tile_is_reported_and_its_job_is_not_completed():
    # Tiles 0 and 1 are of job 7, 2 and 3 of 8, 4 and 5 of 9.
    world = run(TINY, make(TINY, [(8, 16, "raw")] * 3, first=7), fails=(2,))
    assert world.completed == [7, 9]
    assert world.failures == [("STORE_C", 8, "SLVERR", 2)]
    world = run(TINY, make(TINY, [(8, 16, "raw")] * 3, first=7), fails=(1, 4, 5))
    assert world.completed == [8]
    assert world.failures == [("STORE_C", 7, "SLVERR", 1), ("STORE_C", 9, "SLVERR", 4), ("STORE_C", 9, "SLVERR", 5)]


def test_no_tile_is_lost_if_the_memory_answers_late():
    world = run(TINY, make(TINY, [(1, 8 * 30, "raw"), (1, 8 * 10, "raw")], first=7), latency=400)
    assert world.completed == [7, 8]


def test_each_cycle_has_its_cause():
    jobs = make(TINY, [(8, 8, "requant")])
    counts = run(TINY, jobs, late_sums=60, latency=20).count()
    # 20 cycles and the words of the parameters; 32 groups of sums.
    assert counts["BUSY"] == 32
    assert 20 < counts["MEMORY"] < 90
    assert 15 < counts["DEPENDENCY"] < 40
    assert counts["SPACE"] == 0
    early = run(TINY, jobs, latency=20).count()
    assert early["DEPENDENCY"] == 0
    stalled = run(TINY, make(TINY, [(8, 8, "raw")]), write=0.8).count()
    assert stalled["MEMORY"] > 40
    assert stalled["BUSY"] == 32
    tiles = run(TINY, make(TINY, [(8, 24, "raw")])).count()
    assert (tiles["BUSY"], tiles["SPACE"]) == (96, 5)  # 2 between tiles, and a first one
