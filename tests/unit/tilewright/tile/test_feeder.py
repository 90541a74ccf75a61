"""TileFeeder: the k-th packet meets the k-th tile of weights, whatever comes early or late."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright.tile import TileConfig
from tilewright.tile.feeder import TileFeeder
from tilewright_sim.testbench import pysim

SIZES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=6)
GAPS = st.lists(st.integers(0, 6), max_size=12)
LATE = [40]


@pytest.mark.parametrize("cols", [1, 2, 3])
@pytest.mark.parametrize(
    ("tiles", "gaps", "weight_gaps"),
    [
        ([(1, 9)], [], []),  # a packet of one word, a full tile
        ([(1, 1)], [], []),
        ([(4, 1), (4, 1)], [], []),  # short tiles
        ([(4, 9), (4, 1), (4, 9)], [], []),
        ([(1, 9)] * 4, [], []),
        ([(2, 9), (1, 2)] * 2, LATE, []),  # weights early: the next tile's wait
        ([(2, 9), (1, 2)] * 2, [], LATE),  # weights late: activations wait
        ([(3, 9)] * 3, [0, 5, 0, 7], [1, 0, 6]),
        ([(3, 2)] * 3, [0, 0, 0, 9], [0, 0, 3]),
    ],
)
def test_packets_are_matched_with_their_tiles(cols, tiles, gaps, weight_gaps):
    check(cols, tiles, gaps, weight_gaps)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), SIZES, GAPS, GAPS)
def test_packets_are_matched_with_their_tiles_under_random_gaps(cols, tiles, gaps, weight_gaps):
    check(cols, tiles, gaps, weight_gaps)


@pytest.mark.parametrize("cols", [1, 2, 4, 9])
def test_full_tiles_and_packets_of_cols_words_run_without_a_bubble(cols):
    accepted = check(cols, [(cols, cols)] * 6)
    assert accepted[-1] - accepted[0] == 6 * cols - 1


@pytest.mark.parametrize(("cols", "words"), [(4, 1), (4, 3), (3, 2)])
def test_packets_shorter_than_cols_take_cols_cycles(cols, words):
    accepted = check(cols, [(words, cols)] * 6)
    starts = accepted[::words]
    assert {after - before for before, after in itertools.pairwise(starts[1:])} == {cols}


@pytest.mark.parametrize("words", [1, 2, 3])
def test_short_tiles_take_one_cycle_per_word(words):
    accepted = check(8, [(words, words)] * 8)
    starts = accepted[::words]
    assert {after - before for before, after in itertools.pairwise(starts[1:])} == {words}


def test_the_first_word_waits_for_the_last_weight():
    accepted = check(3, [(2, 3)], weight_gaps=[0, 0, 20])
    assert accepted[0] >= 22


def check(cols, tiles, gaps=(), weight_gaps=()):
    """Feed ``(words of the packet, words of the tile)``; return the cycles in which activations were accepted.

    The model: shadow registers take what ``load`` says, in the order of the cycles; a swap makes them the
    weights of all words from there on.
    """
    dut = TileFeeder(TileConfig(rows=1, cols=cols, dot=1, activation_bits=8, weight_bits=8))
    words, weights = [], []
    for number, (count, most) in enumerate(tiles):
        words += [{"data": len(words) + word & 0xFF, "last": word == count - 1} for word in range(count)]
        columns = min(cols, most)
        # `last` may be left out where the tile is full.
        full = columns == cols and number % 2
        weights += [
            {"data": 16 * number + place & 0xFF, "last": place == columns - 1 and not full}
            for place in range(columns)
        ]  # fmt: skip
    words = [word | {"data": place & 0xFF} for place, word in enumerate(words)]
    accepted = []

    async def watch(ctx):
        accepted.clear()
        shadow, active = {}, None
        seen = []
        cycle = 0
        expected = False
        while len(seen) < len(words):
            accepts = ctx.get(dut.i.valid) and ctx.get(dut.i.ready)
            valid, last, swap = ctx.get(dut.valid), ctx.get(dut.last), ctx.get(dut.swap)
            assert valid == expected, "an activation word comes one cycle after it is accepted"
            if swap:
                assert valid
                active, shadow = shadow, {}
            if valid:
                seen.append({"data": ctx.get(dut.activations), "last": bool(last), "swap": swap, "weights": active})
            load = ctx.get(dut.load)
            if load:
                assert load.bit_count() == 1
                column = load.bit_length() - 1
                assert column == len(shadow), "columns load in order, each once, from column 0 after a swap"
                shadow[column] = ctx.get(dut.weights)
            expected = accepts
            if accepts:
                accepted.append(cycle)
            cycle += 1
            await ctx.tick()
        want = []
        for number, (count, columns) in enumerate(tiles):
            held = {place: 16 * number + place & 0xFF for place in range(min(cols, columns))}
            want += [
                {"data": len(want) + word & 0xFF, "last": word == count - 1, "swap": word == 0, "weights": held}
                for word in range(count)
            ]
        assert seen == want

    benches = pysim.feeder(dut.i, words, gaps), pysim.feeder(dut.i_weights, weights, weight_gaps), watch
    pysim.run(dut, *benches, limit_cycles=2000)
    return accepted
