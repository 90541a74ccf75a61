# amaranth: UnusedElaboratable=no
"""Bench that compares the ports of the tile with block scales with the golden model."""

import random
from dataclasses import dataclass

import cocotb
import numpy as np
from numpy.typing import NDArray

from tilewright.block_tile import BlockTile, BlockTileConfig
from tilewright.formats import BlockFormat
from tilewright_sim import packing
from tilewright_sim.models import block_gemm, block_words, blocks
from tilewright_sim.testbench.cocotb import Beat, Sink, Source, cycles, never, randomly, reset, start

from . import setup
from .jobs import draw_codes

CONFIG = setup.load(BlockTileConfig)
ROWS, COLS = CONFIG.rows, CONFIG.cols
LATENCY = BlockTile.latency_of(CONFIG)
# Products in one test.
PRODUCTS = setup.effort(2, 5, 20)

each_test = cocotb.test(timeout_time=20, timeout_unit="ms")


@dataclass(frozen=True)
class Side:
    """Codes of rows of blocks: elements [rows, blocks, elements], scales and minimums [rows, blocks]."""

    form: BlockFormat
    codes: NDArray[np.int64]
    scales: NDArray[np.int64]
    minimums: NDArray[np.int64] | None

    @property
    def blocks(self) -> blocks.Blocks:
        """What the codes stand for."""
        minimum = None if self.minimums is None else blocks.Scales.of(self.minimums, self.form.scale)
        integers = np.array(self.form.element.values)[self.codes]
        return blocks.Blocks(self.form, integers, blocks.Scales.of(self.scales, self.form.scale), minimum)

    def words(self, number: int) -> list[int]:
        """The words of a block of each row."""
        minimums = None if self.minimums is None else self.minimums[:, number]
        words = block_words.block_words(self.form, self.codes[:, number], self.scales[:, number], minimums)
        return packing.to_ints(words)


@dataclass(frozen=True)
class Job:
    """Rows of A and `COLS` rows of B, multiplied block by block."""

    a: Side
    b: Side

    def packets(self) -> list[list[tuple[int, bool, int]]]:
        """The packet of each block: words with ``tlast`` and ``tuser``."""
        count = self.a.codes.shape[1]
        return [
            [(word, row == len(self.a.codes) - 1, (k == 0) | (k == count - 1) << 1)
             for row, word in enumerate(self.a.words(k))]
            for k in range(count)
        ]  # fmt: skip

    def tiles(self) -> list[list[tuple[int]]]:
        """The weights of each block."""
        return [[(word,) for word in self.b.words(k)] for k in range(self.b.codes.shape[1])]


class Tile:
    """The design with a driver on each input and a monitor on its output."""

    def __init__(self, dut, stall_activations=never, stall_weights=never):
        self.activations = Source(dut, "s_axis_act", stall_activations)
        self.weights = Source(dut, "s_axis_wgt", stall_weights)
        self.results = Sink(dut, "m_axis_res")
        self._dut = dut

    def send(self, jobs: list[Job]) -> None:
        """Queue all words of both streams."""
        for job in jobs:
            for packet, tile in zip(job.packets(), job.tiles(), strict=True):
                self.activations.send(packet)
                self.weights.send(tile)

    async def check(self, jobs: list[Job], limit: int) -> list[Beat]:
        """Wait for the jobs' results; compare sums, ``tlast`` and latencies."""
        rows = sum(len(job.a.codes) for job in jobs)
        beats = await self.results.collect(rows, limit)
        await cycles(self._dut, LATENCY + 3)
        assert len(self.results.beats) == rows, "there are more results than rows of A"
        ahead, accepted = iter(beats), iter(self.activations.accepted)
        for number, job in enumerate(jobs):
            m, count = job.a.codes.shape[:2]
            golden = block_gemm.block_sums(job.a.blocks, job.b.blocks)
            taken = [next(accepted) for _ in range(m * count)][-m:]
            for row in range(m):
                beat = next(ahead)
                assert beat.data.is_resolvable, f"product {number}, row {row}: there is an X in {beat.data}"
                word = packing.from_ints([int(beat.data.to_unsigned())], len(beat.data))
                value, exponent, invalid = (part[0] for part in block_words.read_sums(word, CONFIG))
                assert invalid.tolist() == golden.invalid[row].tolist()
                valid = ~invalid
                for name, got, want in (("value", value, golden.value), ("exponent", exponent, golden.exponent)):
                    assert got[valid].tolist() == want[row][valid].tolist(), f"product {number}, row {row}: {name}"
                assert beat.last == (row == m - 1), f"product {number}, row {row}: tlast is {beat.last}"
                assert beat.cycle - taken[row] == LATENCY
        return beats


def side(form: BlockFormat, rows: int, count: int, *, finite: bool = True) -> Side:
    """Return random codes; without ``finite`` some scales are not numbers."""
    rng = np.random.default_rng(random.getrandbits(64))
    return Side(form, *draw_codes(rng, form, (rows, count, ROWS), invalid=0 if finite else 0.1))


def job(rows: int | None = None, count: int | None = None, *, finite: bool = True) -> Job:
    """Return a product of up to 2 * COLS rows, and of up to 5 blocks along K."""
    rows = rows or random.randint(1, setup.longest(min(2 * COLS, CONFIG.acc_rows)))
    count = count or random.randint(1, setup.longest(5))
    return Job(side(CONFIG.a, rows, count, finite=finite), side(CONFIG.b, COLS, count, finite=finite))


def busy_cycles(jobs: list[Job]) -> int:
    """Return the cycles that the jobs take without gaps: a tile loads during the previous packet."""
    return COLS + sum(max(len(job.a.codes), COLS) * job.a.codes.shape[1] for job in jobs)


async def compare(dut, jobs: list[Job], stall_activations=never, stall_weights=never, slower: int = 1) -> list[Beat]:
    """Run jobs from a reset on."""
    await start(dut)
    tile = Tile(dut, stall_activations, stall_weights)
    tile.send(jobs)
    return await tile.check(jobs, limit=100 + slower * 2 * busy_cycles(jobs))


@each_test
@cocotb.parametrize(stall_activations=[0, 50], stall_weights=[0, 50])
async def results_equal_golden_under_gaps(dut, stall_activations, stall_weights):
    """Products of all sizes, with gaps in both streams: sums, exponents, tlast and latency are correct."""
    jobs = [job() for _ in range(PRODUCTS)]
    await compare(dut, jobs, randomly(stall_activations), randomly(stall_weights), slower=10)


@each_test
async def scales_that_are_not_numbers_make_their_sums_invalid(dut):
    """Scales of all codes: the sums of those that are not finite are marked, all others are exact."""
    await compare(dut, [job(finite=False) for _ in range(PRODUCTS)])


@each_test
async def extreme_sums_are_exact(dut):
    """If all elements of a block are the same extreme, its sum reaches the ends of its range."""
    jobs = [job(COLS, 4) for _ in range(PRODUCTS)]
    for extreme in jobs:
        for part in (extreme.a, extreme.b):
            order = np.argsort(part.form.element.values)
            part.codes[:] = np.random.default_rng(random.getrandbits(64)).choice(
                order[[0, -1]], (*part.codes.shape[:2], 1)
            )
    await compare(dut, jobs)


@each_test
async def packets_of_cols_words_run_back_to_back(dut):
    """With packets of COLS words, the multipliers are never idle: a row of A meets its last block in every cycle."""
    jobs = [job(COLS, 1) for _ in range(max(4, PRODUCTS))]
    beats = await compare(dut, jobs)
    assert [beat.cycle - beats[0].cycle for beat in beats] == list(range(len(jobs) * COLS))


@each_test
@cocotb.parametrize(rows=["one", "all"])
async def as_many_rows_as_there_are_accumulators(dut, rows):
    """A single row, and as many as `acc_rows`, are added up along K without a gap."""
    length = 1 if rows == "one" else CONFIG.acc_rows if CONFIG.acc_rows <= 64 else COLS
    jobs = [job(length, 3) for _ in range(2)]
    beats = await compare(dut, jobs)
    assert beats[length].cycle - beats[0].cycle == 3 * max(length, COLS)


@each_test
async def activations_wait_for_their_weights(dut):
    """No block of A is accepted before its tile is loaded."""
    await start(dut)
    tile = Tile(dut)
    one = job(2, 1)
    (packet,), (weights,) = one.packets(), one.tiles()
    tile.activations.send(packet)
    tile.weights.send(weights[:-1])
    await cycles(dut, 3 * COLS + LATENCY)
    assert not tile.activations.accepted
    tile.weights.send(weights[-1:])
    await tile.check([one], limit=100 + 2 * busy_cycles([one]))


@each_test
async def a_reset_drops_all_data_in_flight(dut):
    """After a reset of one cycle at any time, earlier data give no results, and new results are exact."""
    await start(dut)
    for _ in range(setup.effort(3, 8, 30)):
        tile = Tile(dut)
        jobs = [job() for _ in range(3)]
        tile.send(jobs)
        await cycles(dut, random.randrange(1, busy_cycles(jobs)))
        tile.activations.stop()
        tile.weights.stop()
        await reset(dut)
        tile.results.stop()
        tile = Tile(dut)
        await cycles(dut, random.choice([0, 0, LATENCY + 3 * COLS]))
        assert not tile.results.beats, "there are results of data from before the reset"
        jobs = [job()]
        tile.send(jobs)
        await tile.check(jobs, limit=100 + 2 * busy_cycles(jobs))
        tile.activations.stop()
        tile.weights.stop()
        tile.results.stop()
        await reset(dut)
