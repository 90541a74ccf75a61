"""The points of a sweep, their cycles and what bounds them, and the front."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.tile import TileConfig
from tilewright_sim.explore import knobs, load_sweep
from tilewright_sim.explore.cycles import use
from tilewright_sim.explore.knobs import binding
from tilewright_sim.explore.pareto import pareto_front
from tilewright_sim.models.cycles import Bus, Gemm, estimate

SMALL = AcceleratorConfig.preset_values("small")
BUS = Bus(latency=64)


def test_the_points_are_the_cross_product_in_order():
    sweep = load_sweep(TileConfig, "small", sweeps=["dot=1,2", "rows=4, 8"], settings=["multiplier=lut"])
    points, skipped = sweep.points()
    assert not skipped
    assert [(point.number, point.config.dot, point.config.rows) for point in points] == [
        (1, 1, 4), (2, 1, 8), (3, 2, 4), (4, 2, 8),
    ]  # fmt: skip
    assert all(point.config.multiplier == "lut" and point.config.cols == 8 for point in points)


def test_impossible_points_are_skipped_with_their_reason_and_the_rest_runs():
    points, skipped = load_sweep(TileConfig, sweeps=["dot=1,3,8", "rows=4,8,9", "cols=65,4"]).points()
    assert [point.number for point in points] == [2, 4, 6, 12, 16]
    assert len(points) + len(skipped) == 18
    reasons = {point.number: (point.field, point.value, point.nearest) for point in skipped}
    assert reasons[1] == ("cols", 65, 64)
    assert reasons[8] == ("dot", 3, 2)
    assert "must divide rows = 4" in next(point.reason for point in skipped if point.number == 8)
    assert skipped[0].swept == {"dot": 1, "rows": 4, "cols": 65}


def test_a_swept_field_may_be_impossible_at_its_fixed_value():
    points, skipped = load_sweep(TileConfig, "small", settings=["dot=16"], sweeps=["rows=8,16"]).points()
    assert [point.config.rows for point in points] == [16]
    assert [point.field for point in skipped] == ["dot"]


def test_a_file_sweeps_and_fixes_and_the_command_line_wins(tmp_path):
    file = tmp_path / "sweep.toml"
    file.write_text('[sweep]\ndot = [1, 2]\nmultiplier = ["dsp", "lut"]\ncols = 4\n[tile]\nrows = 4\nweight_bits = 4\n')
    sweep = load_sweep(TileConfig, "base", file, settings=["rows=8"], sweeps=["dot=8,4,8"])
    assert dict(sweep.axes) == {"dot": (8, 4), "multiplier": ("dsp", "lut"), "cols": (4,)}
    assert dict(sweep.fixed) == {"rows": 8, "weight_bits": 4}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "nothing to sweep"),
        ({"sweeps": ["rows"]}, "FIELD=VALUE,VALUE"),
        ({"sweeps": ["=4"]}, "FIELD=VALUE,VALUE"),
        ({"sweeps": ["rows="]}, "FIELD=VALUE,VALUE"),
        ({"sweeps": ["rows=4,,8"]}, "a value of rows is missing"),
        ({"sweeps": ["rows=4", "rows=8"]}, "swept twice"),
        ({"sweeps": ["row=4"]}, "there is no field row; the fields are rows, .*; nearest: rows"),
        ({"sweeps": ["rows=4"], "settings": ["colls=4"]}, "nearest: cols"),
        ({"sweeps": ["rows=4"], "settings": ["cols"]}, "FIELD=VALUE"),
        ({"sweeps": [f"{field}=" + ",".join(map(str, range(300))) for field in ("rows", "cols")]}, "90,000 points"),
        ({"path": "[sweeps]\nrows = [4]"}, r"unknown key 'sweeps'; it takes the tables \[sweep\] and \[tile\]"),
        ({"path": "sweep = 4"}, "unknown key 'sweep'"),
        ({"path": "[sweep]\nrows = []"}, "a value of rows is missing"),
        ({"path": "[sweep"}, "not valid TOML"),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_read_is_refused(options, says, tmp_path):
    if "path" in options:
        (tmp_path / "sweep.toml").write_text(options["path"])
        options = {"path": tmp_path / "sweep.toml"}
    with pytest.raises(TilewrightError, match=says):
        load_sweep(TileConfig, **options)


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), max_size=30))
def test_the_front_is_that_of_brute_force(points):
    def beaten(one):
        return any(all(a <= b for a, b in zip(other, one, strict=True)) and other != one for other in points)

    assert pareto_front(points) == [not beaten(point) for point in points]


@pytest.mark.parametrize(
    ("settings", "shape", "knob"),
    [
        ({}, (256, 256, 256), "multipliers"),
        ({}, (1, 1024, 1024), "bus"),
        ({"data_bits": 32, "requant_lanes": 1}, (256, 256, 16), "requant_lanes"),
        ({"panel_words": 256}, (64, 256, 256), "panel_words"),
        ({"outstanding": 1}, (1, 512, 512), "outstanding"),
        ({}, (1, 8, 8), "latency"),
    ],
)
def test_the_bottleneck_is_the_knob_that_was_made_too_small(settings, shape, knob):
    config = AcceleratorConfig(**SMALL | settings)
    assert binding(config, shape, BUS, use(config, shape, BUS)).knob == knob


@pytest.mark.parametrize(("shape", "knob"), [((64, 64, 64), "multipliers"), ((1, 512, 512), "rows")])
def test_a_tile_is_bound_by_its_multipliers_or_by_the_words_of_weights(shape, knob):
    config = TileConfig(rows=8, cols=8, dot=4)
    assert binding(config, shape, BUS, use(config, shape, BUS)).knob == knob


def test_doubling_the_bottleneck_saves_the_reported_cycles():
    config, shape = AcceleratorConfig(**SMALL | {"outstanding": 1}), (1, 512, 512)
    found = use(config, shape, BUS)
    said = binding(config, shape, BUS, found).reason
    twice = use(AcceleratorConfig(**SMALL | {"outstanding": 2}), shape, BUS)
    assert f"{1 - twice.cycles / found.cycles:.0%}" in said
    assert binding(config, shape, BUS, found, missed_mhz=(90.0, 100.0)).knob == knobs.CLOCK


def test_cycles_are_those_of_the_cycle_model():
    config = AcceleratorConfig(**SMALL)
    found = use(config, (100, 50, 70), BUS)
    guess = estimate(config, [Gemm(m=100, n=50, k=70)], BUS)
    assert (found.cycles, found.bus_cycles) == (guess.cycles, guess.bus_cycles)
    assert found.multiplier_cycles == 9 * 7 * 100  # K-words, N-tiles, rows
    assert found.requant_cycles == 7 * 100 * 2
    assert found.bus_bytes == guess.bus_cycles * 8
    assert found.intensity == 100 * 50 * 70 / found.bus_bytes


def test_a_k_too_long_for_one_descriptor_is_cut_up():
    config = AcceleratorConfig(**SMALL | {"panel_words": 256})
    assert config.k_limit == 1024
    found = use(config, (1, 16, 2000), BUS)
    parts = [Gemm(m=1, n=16, k=1024, requant=False), Gemm(m=1, n=16, k=976, requant=False, accumulate=True)]
    assert found.cycles == estimate(config, parts, BUS).cycles


def test_a_tile_takes_max_of_m_and_cols_for_each_tile_of_weights():
    config = TileConfig(rows=4, cols=8, dot=4)
    for m, rows in ((3, 8), (20, 20)):
        found = use(config, (m, 9, 9), BUS)
        assert (found.multiplier_cycles, found.weight_cycles) == (3 * 2 * m, 3 * 2 * 8)
        assert 3 * 2 * rows + 8 < found.cycles < 3 * 2 * rows + 8 + 10
