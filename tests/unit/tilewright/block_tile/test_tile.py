"""The tile with block scales: its sums are those of the golden model, for every pair of formats of its presets."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from tilewright.base import ConfigError
from tilewright.block_tile import BlockTile, BlockTileConfig
from tilewright_sim.models.block_gemm import block_sums
from tilewright_sim.models.blocks import Blocks, Scales

BLOCKS_ALONG_K = 4
LATE = [pytest.param(name, kind, marks=pytest.mark.long) for name in ("q8_0", "mxfp4") for kind in ("dsp", "infer")]
CASES = [("q4_1", "dsp"), ("nvfp4", "infer"), pytest.param("q4_1", "infer", marks=pytest.mark.long),
         pytest.param("nvfp4", "dsp", marks=pytest.mark.long), *LATE]  # fmt: skip


def draw(form, rows, config, rng):
    """Codes of elements, of scales and of minimums; some scales are not numbers."""
    codes = rng.integers(0, 1 << form.element.bits, (rows, BLOCKS_ALONG_K, config.rows))
    legal = np.flatnonzero(~Scales.of(np.arange(1 << form.scale.bits), form.scale).invalid)
    low, high = sorted(rng.integers(0, len(legal), 2))
    scales, minimums = legal[rng.integers(low, high + 1, (2, rows, BLOCKS_ALONG_K))]
    if form.scale.bits:
        for part in (scales, minimums):
            part[rng.integers(rows), rng.integers(BLOCKS_ALONG_K)] = (1 << form.scale.bits) - 1
    return codes, scales, minimums


def blocks_of(form, codes, scales, minimums):
    integers = np.array(form.element.values)[codes]
    minimum = Scales.of(minimums, form.scale) if form.minimum else None
    return Blocks(form, integers, Scales.of(scales, form.scale), minimum)


def word_of(form, codes, scale, minimum):
    """The bits of a block: codes, scale, minimum."""
    parts = [*((int(code), form.element.bits) for code in codes), (int(scale), form.scale.bits)]
    if form.minimum:
        parts.append((int(minimum), form.scale.bits))
    word, place = 0, 0
    for value, bits in parts:
        word |= value << place if bits else 0
        place += bits
    return word


def simulate(config, a, tiles, stall, rng):
    """Send the blocks of A to each of the tiles of B; return the rows of results."""
    dut = BlockTile(config)
    m = len(a[0])
    packets = [(k, row) for _ in tiles for k in range(BLOCKS_ALONG_K) for row in range(m)]
    rows = []

    async def send(ctx, port, words):
        for fields in words:
            while rng.random() < stall:
                await ctx.tick()
            for signal, value in fields:
                ctx.set(signal, value)
            ctx.set(port.valid, 1)
            await ctx.tick().until(port.ready)
            ctx.set(port.valid, 0)

    async def send_a(ctx):
        p = dut.i.payload
        await send(ctx, dut.i, ([
            (p.block.as_value(), word_of(config.a, *(part[row, k] for part in a))),
            (p.first, k == 0), (p.final, k == BLOCKS_ALONG_K - 1), (p.last, row == m - 1),
        ] for k, row in packets))  # fmt: skip

    async def send_b(ctx):
        payload = dut.i_weights.payload
        words = ([(payload.block, word_of(config.b_all[form], *(part[n, k] for part in tile))),
                  (payload.format, int(form))]
                 for form, *tile in tiles for k in range(BLOCKS_ALONG_K) for n in range(config.cols))  # fmt: skip
        await send(ctx, dut.i_weights, words)

    async def receive(ctx):
        while len(rows) < m * len(tiles):
            *_, valid, found, last = await ctx.tick().sample(dut.o.valid, dut.o.payload.data, dut.o.payload.last)
            if valid:
                rows.append(([(sums.value, sums.exponent, sums.invalid) for sums in found], last))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for bench in (send_a, send_b, receive):
        simulator.add_testbench(bench)
    simulator.run()
    return rows


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize(("m", "stall"), [(1, 0.3), (5, 0.0), (16, 0.1)])
def test_sums_equal_the_golden_model(name, kind, m, stall):
    config = BlockTileConfig.preset(name, multiplier=kind, acc_rows=16)
    compare(config, m, stall, np.random.default_rng([m, len(name)]))


@pytest.mark.parametrize("names", [("q4_1", "q8_0"), pytest.param(("q8_0", "q4_1", "q4_0"), marks=pytest.mark.long)])
def test_each_word_may_have_another_format(names):
    """A zero minimum of a format that has none leaves the sums of those that have one as they are."""
    config = BlockTileConfig(a_format="q8_e5m3", b_formats=names, acc_rows=16)
    for seed in range(2):
        compare(config, 5, 0.1, np.random.default_rng(seed))


def test_exponents_may_be_further_apart_than_an_accumulator_is_wide():
    config = BlockTileConfig.preset("mxfp4", acc_rows=8)
    sums = compare(config, 3, 0.0, np.random.default_rng(2))
    exponents = np.sort(np.concatenate([part.exponent.ravel() for part in sums]))
    assert exponents[-1] - exponents[0] > 64


def compare(config, m, stall, rng):
    """Random blocks through the tile; return what the golden model makes of them."""
    a = draw(config.a, m, config, rng)
    numbers = rng.permutation(max(2, len(config.b_all))) % len(config.b_all)
    tiles = [(number, *draw(config.b_all[number], config.cols, config, rng)) for number in numbers]
    rows = simulate(config, a, tiles, stall, rng)
    left = blocks_of(config.a, *a)
    golden = [block_sums(left, blocks_of(config.b_all[form], *tile)) for form, *tile in tiles]
    for number, (found, last) in enumerate(rows):
        tile, row = divmod(number, m)
        sums = golden[tile]
        assert last == (row == m - 1)
        for column, (value, exponent, invalid) in enumerate(found):
            assert invalid == sums.invalid[row, column]
            if not invalid:
                assert (value, 4 * exponent) == (sums.value[row, column], sums.exponent[row, column])
    return golden


def test_latency_is_stated():
    assert BlockTile.latency_of(BlockTileConfig.preset("q4_1")) == 16


def test_formats_that_do_not_go_together_are_refused_with_those_that_do():
    with pytest.raises(ConfigError, match="neither has scales") as error:
        BlockTileConfig(a_format="int8", b_formats=["int8"])
    assert error.value.nearest == "q8_0"
    with pytest.raises(ConfigError, match="blocks of 16 must be as long as those of 32"):
        BlockTileConfig(a_format="q8_0", b_formats=["nvfp4"])
    for names, nearest in ((("q8_0", "mxfp4"), "q4_0"), (("mxint8", "mxfp4"), None),
                           (("q8_0", "q4_0", "q4_1", "mxfp4"), None)):  # fmt: skip
        with pytest.raises(ConfigError, match=f"its scales and units must be those of {names[0]}") as error:
            BlockTileConfig(a_format="q8_e5m3", b_formats=names)
        assert error.value.nearest == nearest
    with pytest.raises(ConfigError, match="must be a power of two") as error:
        BlockTileConfig(acc_rows=33)
    assert error.value.nearest == 32
