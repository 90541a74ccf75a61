"""Store: every byte of C as the golden model has it, whatever is late; its speed; its causes."""

import itertools
import random

import pytest
from unit.tilewright.accelerator.store.jobs import CONFIGS, KINDS, TINY, Job, make
from unit.tilewright.accelerator.store.world import run


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
