"""What is around the Store: jobs, accumulators, a reader and a writer on one memory."""

import itertools
import random
from collections import deque
from functools import lru_cache

from unit.tilewright.accelerator.store.jobs import plain

from tilewright.accelerator.contract import Activity
from tilewright.accelerator.store import Store
from tilewright.dma import Cause
from tilewright_sim.testbench import pysim


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


def pack(row, group, lanes, rng):
    """The bits of a group of a row; beyond its columns anything."""
    values = [] if row is None else row[group * lanes : (group + 1) * lanes]
    values = [*values, *(rng.getrandbits(32) for _ in range(lanes - len(values)))]
    return sum((value & 0xFFFF_FFFF) << 32 * lane for lane, value in enumerate(values))


@lru_cache(4)
def simulation(config):
    return pysim.Simulation(Store(config))


def run(config, jobs, seed=0, **options):
    world = World(config, jobs, seed, **options)
    world.dut = simulation(config).dut
    simulation(config).run(world.bench, limit_cycles=50_000)
    return world
