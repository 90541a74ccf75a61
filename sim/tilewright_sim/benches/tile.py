# amaranth: UnusedElaboratable=no
"""Bench that compares the ports of the matrix-multiply tile with the golden model."""

import itertools
import random
from dataclasses import dataclass
from functools import cache

import cocotb
import numpy as np
from numpy.typing import NDArray

from tilewright.tile import MatmulTile, TileConfig
from tilewright_sim import packing
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench.cocotb import Beat, Sink, Source, cycles, never, randomly, reset, spread, start

from . import setup

CONFIG = setup.load(TileConfig)
ROWS, COLS = CONFIG.rows, CONFIG.cols
# Activation words in one test; the time of a simulation grows with the tile.
WORDS = setup.effort(150, 600, 2400) if ROWS * COLS <= 256 else setup.effort(60, 100, 400)

each_test = cocotb.test(timeout_time=20, timeout_unit="ms")


@cache
def latency() -> int:
    """Return the cycles from an activation word to its sums."""
    return MatmulTile(CONFIG).latency


@dataclass(frozen=True)
class Job:
    """A packet of activations, [m, rows], and its weight tile, [n, rows] with n up to cols."""

    packet: NDArray[np.int64]
    tile: NDArray[np.int64]
    marked: bool = True  # `tlast` ends the tile; optional for a tile of `cols` words

    def activation_words(self) -> list[tuple[int, bool]]:
        words = packing.to_ints(packing.pack(self.packet, CONFIG.activation_bits))
        return [(word, index == len(words) - 1) for index, word in enumerate(words)]

    def weight_words(self) -> list[tuple[int, bool]]:
        words = packing.to_ints(packing.pack(self.tile, CONFIG.weight_bits))
        return [(word, self.marked and index == len(words) - 1) for index, word in enumerate(words)]


class Tile:
    """The design with a driver on each input and a monitor on its output."""

    def __init__(self, dut, stall_activations=never, stall_weights=never):
        self.activations = Source(dut, "s_axis_act", stall_activations)
        self.weights = Source(dut, "s_axis_wgt", stall_weights)
        self.results = Sink(dut, "m_axis_res")

    def send_activations(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.activations.send(job.activation_words())

    def send_weights(self, jobs: list[Job]) -> None:
        for job in jobs:
            self.weights.send(job.weight_words())

    async def check(self, jobs: list[Job], limit: int) -> list[Beat]:
        """Wait for the jobs' results; compare sums, ``tlast`` and latencies."""
        words = sum(len(job.packet) for job in jobs)
        beats = await self.results.collect(words, limit)
        await cycles(self.results._dut, latency() + 3)
        assert len(self.results.beats) == words, "there are more results than activation words"

        ahead = iter(beats)
        for number, job in enumerate(jobs):
            want = golden.matmul(job.packet, job.tile).tolist()
            for index, sums in enumerate(want):
                beat = next(ahead)
                got = unpack(beat, len(sums))
                assert got == sums, f"packet {number}, word {index}: {got} should be {sums}"
                assert beat.last == (index == len(want) - 1), f"packet {number}, word {index}: tlast is {beat.last}"
        latencies = {beat.cycle - accepted for beat, accepted in zip(beats, self.activations.accepted, strict=True)}
        assert latencies == {latency()}
        return beats


def unpack(beat: Beat, columns: int) -> list[int]:
    """Return the signed sums of the first columns; raise AssertionError if one of their bits is X."""
    text, bits = str(beat.data), CONFIG.result_bits
    sums = [text[len(text) - (column + 1) * bits : len(text) - column * bits] for column in range(columns)]
    assert all(set(digits) <= {"0", "1"} for digits in sums), f"there is an X in {sums}"
    return [int(digits, 2) - (int(digits[0]) << bits) for digits in sums]


def random_job(words: int | None = None, columns: int | None = None) -> Job:
    """Return a packet of 1 to 3 * cols words, and a weight tile that is full half of the time."""
    words = words or random.randint(1, setup.longest(3 * COLS))
    columns = columns or random.choice([COLS, random.randint(1, COLS)])
    return Job(
        spread((words, ROWS), CONFIG.activation_bits),
        spread((columns, ROWS), CONFIG.weight_bits),
        marked=columns < COLS or random.random() < 0.5,
    )


def random_jobs() -> list[Job]:
    """Return jobs with about `WORDS` words in total, short and long packets mixed."""
    jobs: list[Job] = []
    while sum(len(job.packet) for job in jobs) < WORDS:
        jobs.append(random_job(random.choice([None, None, 1, 2])))
    return jobs


def busy_cycles(jobs: list[Job]) -> int:
    """Return the cycles that the jobs take without gaps: a weight tile loads during the previous packet."""
    return COLS + sum(max(len(job.packet), len(job.tile)) for job in jobs)


@each_test
@cocotb.parametrize(stall_activations=[0, 50, 95], stall_weights=[0, 50, 95])
async def results_equal_golden_under_gaps(dut, stall_activations, stall_weights):
    """Packets and weight tiles of all sizes, with gaps in both streams: sums, tlast and latency are correct."""
    jobs = random_jobs() if max(stall_activations, stall_weights) < 95 else [random_job() for _ in range(3)]
    await start(dut)
    tile = Tile(dut, randomly(stall_activations), randomly(stall_weights))
    tile.send_activations(jobs)
    tile.send_weights(jobs)
    await tile.check(jobs, limit=100 + 60 * busy_cycles(jobs))


@each_test
async def extreme_sums_are_exact(dut):
    """If all elements of a word are the same extreme value, sums reach the ends of their range."""
    ends = [(-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (CONFIG.activation_bits, CONFIG.weight_bits)]
    activations = [np.full(ROWS, value) for value in ends[0]]
    jobs = []
    for _ in range(6):
        weights = [np.full(ROWS, random.choice(ends[1])) for _ in range(COLS)]
        jobs.append(Job(np.array(random.choices(activations, k=2 * COLS)), np.array(weights)))
    jobs.append(Job(np.array(activations), np.full((COLS, ROWS), ends[1][0])))
    await start(dut)
    tile = Tile(dut)
    tile.send_activations(jobs)
    tile.send_weights(jobs)
    await tile.check(jobs, limit=100 + 2 * busy_cycles(jobs))


@each_test
@cocotb.parametrize(marked=[False, True])
async def packets_of_cols_words_run_back_to_back(dut, marked):
    """With a new weight tile for each packet of cols words, there is a result in every cycle."""
    count = max(4, min(40, WORDS // COLS))
    jobs = [
        Job(spread((COLS, ROWS), CONFIG.activation_bits), spread((COLS, ROWS), CONFIG.weight_bits), marked)
        for _ in range(count)
    ]
    await start(dut)
    tile = Tile(dut)
    tile.send_activations(jobs)
    tile.send_weights(jobs)
    beats = await tile.check(jobs, limit=100 + 2 * busy_cycles(jobs))
    assert [beat.cycle - beats[0].cycle for beat in beats] == list(range(count * COLS))


@each_test
@cocotb.parametrize(words=["one", "fewer", "more"])
async def a_weight_tile_takes_the_maximum_of_words_and_cols(dut, words):
    """The first results of two consecutive packets are max(words, cols) cycles apart."""
    if words == "fewer" and COLS == 1:
        setup.skip("there is one column")
    length = {"one": 1, "fewer": max(1, COLS - 1), "more": 2 * COLS + 1}[words]
    jobs = [random_job(length, COLS) for _ in range(6)]
    await start(dut)
    tile = Tile(dut)
    tile.send_activations(jobs)
    tile.send_weights(jobs)
    beats = await tile.check(jobs, limit=100 + 2 * busy_cycles(jobs))
    firsts = [beat.cycle for beat in beats[::length]]
    assert {after - before for before, after in itertools.pairwise(firsts)} == {max(length, COLS)}


@each_test
async def activations_wait_for_their_weights(dut):
    """No activation word is accepted before its weight tile is loaded; then all of them are."""
    jobs = [random_job() for _ in range(3)]
    await start(dut)
    tile = Tile(dut)
    for number, job in enumerate(jobs):
        tile.send_activations([job])
        done = sum(len(earlier.packet) for earlier in jobs[:number])
        tile.weights.send(job.weight_words()[:-1])
        await cycles(dut, 3 * COLS + latency())
        assert len(tile.activations.accepted) == done
        assert len(tile.results.beats) == done
        tile.weights.send(job.weight_words()[-1:])
        await tile.results.collect(done + len(job.packet), limit=100 + 2 * busy_cycles(jobs))
    await tile.check(jobs, limit=1)


@each_test
async def weights_wait_for_their_activations(dut):
    """Without activations, one weight tile and one more word are accepted; nothing is lost."""
    jobs = [random_job(), *(random_job(random.choice([1, COLS, 2 * COLS])) for _ in range(3))]
    await start(dut)
    tile = Tile(dut)
    tile.send_weights(jobs)
    await cycles(dut, 4 * COLS + 10)
    assert len(tile.weights.accepted) == len(jobs[0].tile) + 1
    assert not tile.results.beats
    tile.send_activations(jobs[:1])
    await tile.results.collect(len(jobs[0].packet), limit=100 + 2 * busy_cycles(jobs))
    await cycles(dut, 4 * COLS + 10)
    assert len(tile.weights.accepted) == len(jobs[0].tile) + len(jobs[1].tile) + 1
    tile.send_activations(jobs[1:])
    await tile.check(jobs, limit=100 + 2 * busy_cycles(jobs))


@each_test
async def a_packet_with_gaps_keeps_its_weights(dut):
    """A pause within a packet, while the next weight tile is loaded and waits, does not change the results."""
    jobs = [random_job(2 + 2 * COLS), random_job(2)]
    await start(dut)
    tile = Tile(dut)
    tile.send_weights(jobs)
    words = [word for job in jobs for word in job.activation_words()]
    tile.activations.send(words[: COLS + 1])
    await cycles(dut, 5 * COLS + latency())
    tile.activations.send(words[COLS + 1 :])
    await tile.check(jobs, limit=100 + 2 * busy_cycles(jobs))


@each_test
async def a_reset_drops_all_data_in_flight(dut):
    """After a reset of one cycle at any time, earlier data give no results, and new results are exact."""
    await start(dut)
    for attempt in range(setup.effort(4, 12, 40)):
        stall = randomly(random.choice([0, 0, 30]))
        tile = Tile(dut, stall, stall)
        jobs = [random_job() for _ in range(3)]
        tile.send_activations(jobs)
        tile.send_weights(jobs)
        # Some attempts end while weights load, others while there are results or as soon as data are in flight.
        await tile.results.collect(attempt % 3, limit=100 + 2 * busy_cycles(jobs)) if attempt % 2 else None
        await cycles(dut, random.randrange(1, busy_cycles(jobs)))
        tile.activations.stop()
        tile.weights.stop()
        await reset(dut)

        quiet = random.choice([0, 0, latency() + 3 * COLS])
        tile.results.stop()
        tile = Tile(dut)
        await cycles(dut, quiet)
        assert not tile.results.beats, "there are results of data from before the reset"
        jobs = [random_job() for _ in range(2)]
        tile.send_activations(jobs)
        tile.send_weights(jobs)
        await tile.check(jobs, limit=100 + 2 * busy_cycles(jobs))
        tile.activations.stop()
        tile.weights.stop()
        tile.results.stop()
        await reset(dut)
