"""MatmulTile: exact results in time, at full rate, whatever the shapes, gaps and tiles."""

import numpy as np
import pytest
from amaranth.hdl import Fragment, ResetInserter, Signal

from tilewright.base import Target
from tilewright.tile import TileConfig
from tilewright.tile.tile import BLOCK_COLUMNS, MatmulTile
from tilewright_sim import packing
from tilewright_sim.models import gemm as golden
from tilewright_sim.testbench import pysim

CONFIGS = [
    TileConfig(rows=1, cols=1, dot=1),
    TileConfig(rows=1, cols=3, dot=1, multiplier="dsp"),
    TileConfig(rows=4, cols=1, dot=4, multiplier="lut", activation_bits=3, weight_bits=5),
    TileConfig(rows=4, cols=2, dot=1, multiplier="infer"),
    TileConfig(rows=3, cols=4, dot=1, multiplier="dsp", activation_bits=4, weight_bits=16),
    TileConfig(rows=6, cols=3, dot=2, multiplier="dsp"),
    TileConfig(rows=3, cols=2, dot=3, multiplier="infer", activation_bits=2, weight_bits=2),
    TileConfig(rows=2, cols=9, dot=1, multiplier="lut", activation_bits=4, weight_bits=4),
    TileConfig(rows=3, cols=17, dot=1, multiplier="infer", activation_bits=5, weight_bits=3),
]
BLOCKS = TileConfig(rows=2, cols=17, dot=1, activation_bits=3, weight_bits=3)
IDS = [f"{c.rows}x{c.cols}-dot{c.dot}-{c.multiplier}" for c in CONFIGS]


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_results_are_exact_at_the_latency_and_full_rate(config):
    rng = np.random.default_rng(1)
    packets = [values(rng, config.activation_bits, config.cols + extra, config) for extra in (0, 0, 2, 0, 0)]
    tiles = [values(rng, config.weight_bits, config.cols, config) for _ in packets]
    accepted, _ = check(config, packets, tiles)
    assert accepted == list(range(accepted[0], accepted[0] + len(accepted)))


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_results_are_exact_under_gaps_with_short_packets_and_tiles(config):
    rng = np.random.default_rng(2)
    packets = [values(rng, config.activation_bits, rng.integers(1, 4), config) for _ in range(8)]
    tiles = [values(rng, config.weight_bits, rng.integers(1, config.cols + 1), config) for _ in packets]
    check(config, packets, tiles, rng.integers(0, 4, 20).tolist(), rng.integers(0, 3, 60).tolist())


@pytest.mark.parametrize("config", [CONFIGS[3], CONFIGS[5], BLOCKS], ids=["4x2", "6x3", "2x17"])
@pytest.mark.parametrize("late", ["activations", "weights"])
def test_one_word_packets_take_one_cycle_per_word_of_their_tile(config, late):
    rng = np.random.default_rng(3)
    packets = [values(rng, config.activation_bits, 1, config) for _ in range(6)]
    tiles = [values(rng, config.weight_bits, config.cols, config) for _ in packets]
    gaps = [3 * config.cols] if late == "activations" else []
    accepted, _ = check(config, packets, tiles, gaps, [] if gaps else [7])
    assert set(np.diff(accepted[1:])) == {config.cols}


@pytest.mark.parametrize("columns", [1, 8, 9, 16])
def test_a_short_tile_swaps_as_soon_as_its_words_are_loaded(columns):
    rng = np.random.default_rng(4)
    packets = [values(rng, 3, columns, BLOCKS) for _ in range(4)]
    tiles = [values(rng, 3, columns, BLOCKS) for _ in packets]
    accepted, _ = check(BLOCKS, packets, tiles)
    assert accepted[-1] - accepted[0] == 4 * columns - 1


@pytest.mark.parametrize("multiplier", ["infer", "dsp", "lut"])
@pytest.mark.parametrize(("rows", "dot"), [(6, 1), (6, 3)])
def test_loading_never_overtakes_the_swap_wave(multiplier, rows, dot):
    """The weights of a tile differ from the next ones everywhere, and load right behind the swap."""
    config = TileConfig(rows=rows, cols=10, dot=dot, activation_bits=2, weight_bits=2, multiplier=multiplier)
    packets = [np.full((10, rows), -2), np.full((10, rows), 1)] * 2
    tiles = [np.full((10, rows), -2), np.full((10, rows), 1)] * 2
    accepted, _ = check(config, packets, tiles)
    assert len(accepted) == accepted[-1] - accepted[0] + 1


@pytest.mark.parametrize("multiplier", ["infer", "dsp", "lut"])
def test_the_largest_sums_do_not_overflow(multiplier):
    config = TileConfig(rows=4, cols=1, dot=2, multiplier=multiplier)
    low = np.full((1, 4), -128)
    _, sums = check(config, [low, low], [low, np.full((1, 4), 127)])
    assert sums == [[4 * 128 * 128], [-4 * 128 * 127]]


@pytest.mark.parametrize(
    ("settings", "latency"),
    [
        ({"rows": 1, "cols": 1, "dot": 1}, 1 + 2),
        ({"rows": 8, "cols": 8, "dot": 1}, 1 + 2 + 7),
        ({"rows": 8, "cols": 8, "dot": 8}, 1 + 2 + 3),
        ({"rows": 8, "cols": 8, "dot": 8, "multiplier": "dsp"}, 1 + 3 + 3),
        ({"rows": 12, "cols": 9, "dot": 3, "multiplier": "lut"}, 1 + 3 + 2 + 3 + 1),
        ({"rows": 64, "cols": 64, "dot": 16}, 1 + 2 + 4 + 3 + 7),
    ],
)
def test_the_latency_is_that_of_feeder_multiplier_tree_chain_and_blocks(settings, latency):
    tile = MatmulTile(TileConfig(**settings))
    Fragment.get(tile, Target("tile"))  # which elaborates one of each kind only
    assert tile.latency == latency
    assert tile.blocks == -(-tile.config.cols // BLOCK_COLUMNS)


@pytest.mark.parametrize("config", [CONFIGS[5], BLOCKS], ids=["6x3", "2x17"])
@pytest.mark.parametrize("cycle", [2, 9, 14, 31])
def test_a_reset_in_the_middle_clears_all_state(config, cycle):
    rng = np.random.default_rng(5)
    packets = [values(rng, config.activation_bits, 4, config) for _ in range(3)]
    tiles = [values(rng, config.weight_bits, columns, config) for columns in (config.cols, 1, config.cols)]
    check(config, packets, tiles, reset_at=cycle)


def check(config, packets, tiles, gaps=(), weight_gaps=(), reset_at=0):
    """Compare the results, their cycles and their ``last``; return the cycles of acceptance and the sums.

    With ``reset_at`` all streams start again after a reset in that cycle.
    """
    dut = MatmulTile(config)
    reset = Signal()
    words = stream_words(packets, config.activation_bits)
    # `last` may be left out where a tile is full.
    weights = stream_words(tiles, config.weight_bits, [len(tile) < config.cols or not n % 2 for n, tile in
                                                       enumerate(tiles)])  # fmt: skip
    accepted, results = [], []

    async def watch(ctx):
        accepted.clear()
        results.clear()
        cycle = 0
        while len(results) < len(words) or cycle < results[-1][0] + 6:
            if ctx.get(dut.i.valid) and ctx.get(dut.i.ready):
                accepted.append(cycle)
            if ctx.get(dut.o.valid):
                results.append((cycle, ctx.get(dut.o.payload.data), ctx.get(dut.o.payload.last)))
            assert len(results) <= len(accepted)
            cycle += 1
            await ctx.tick()

    async def restart(ctx):
        """Offer what was to be offered, then reset and forget what came."""
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i_weights.valid, 1)
        for number in range(reset_at):
            ctx.set(dut.i.payload, words[number % len(words)])
            ctx.set(dut.i_weights.payload, weights[number % len(weights)])
            await ctx.tick()
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        ctx.set(dut.i.valid, 0)
        ctx.set(dut.i_weights.valid, 0)
        assert not ctx.get(dut.o.valid)

    def after(bench):
        async def both(ctx):
            if reset_at:
                for _ in range(reset_at + 1):
                    await ctx.tick()
            await bench(ctx)

        return both

    feeders = pysim.feeder(dut.i, words, gaps), pysim.feeder(dut.i_weights, weights, weight_gaps)
    benches = [after(bench) for bench in (*feeders, watch)]
    if reset_at:
        benches.insert(0, restart)
    pysim.run(ResetInserter(reset)(dut), *benches, limit_cycles=1500)

    assert [cycle for cycle, _, _ in results] == [cycle + dut.latency for cycle in accepted]
    assert [bool(last) for _, _, last in results] == [word["last"] for word in words]
    sums = [unpack(data, config) for _, data, _ in results]
    place = 0
    for packet, tile in zip(packets, tiles, strict=True):
        for want in golden.matmul(packet, tile).tolist():
            assert sums[place][: len(tile)] == want, f"word {place}"
            place += 1
    assert place == len(sums)
    return accepted, sums


def stream_words(arrays, bits, marked=None):
    """Payloads of a stream, ``last`` at the end of each array that is marked."""
    words = []
    for number, array in enumerate(arrays):
        data = packing.to_ints(packing.pack(array, bits))
        for place, word in enumerate(data):
            last = place == len(data) - 1 and (marked is None or bool(marked[number]))
            words.append({"data": word, "last": last})
    return words


def unpack(word, config):
    bits = config.result_bits
    raw = [word >> bits * column & ((1 << bits) - 1) for column in range(config.cols)]
    return [value - (value >> bits - 1 << bits) for value in raw]


def values(rng, bits, words, config):
    """Signed values spread over magnitudes, bounds among them."""
    bound = 1 << bits - 1
    shape = (int(words), config.rows)
    spread = np.round(2.0 ** rng.uniform(-1, bits - 1, shape)).astype(int) * rng.choice([-1, 1], shape)
    corners = rng.choice([-bound, bound - 1, 0, -1, 1], shape)
    return np.clip(np.where(rng.random(shape) < 0.3, corners, spread), -bound, bound - 1)
