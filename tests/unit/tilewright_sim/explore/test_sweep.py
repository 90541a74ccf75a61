"""The parts of an exploration: the points of a sweep, the front, the cache, the bottleneck, the rows."""

import csv
import io
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.flows import ReportTarget
from tilewright.tile import TileConfig
from tilewright_sim.cost import report
from tilewright_sim.explore import DEFAULT_MHZ, Cache, Exploration, Task, knobs, load_sweep, page
from tilewright_sim.explore import task as measure
from tilewright_sim.explore.cycles import use
from tilewright_sim.explore.knobs import binding
from tilewright_sim.explore.pareto import pareto_front
from tilewright_sim.models.cycles import Bus, Gemm, estimate
from tilewright_sim.workers import Outcome

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


def task(number: int = 1, **changes) -> Task:
    config = TileConfig(rows=4, cols=number, dot=4)
    given = {"core": "tile", "config": config, "target": ReportTarget.parse("ecp5"), "parts": ("area", "cycles"),
             "shapes": ((8, 8, 8),), "bus": Bus(), "digest": "1"}  # fmt: skip
    return Task(**given | changes)


def test_the_key_of_a_cached_result_is_all_that_it_depends_on(tmp_path):
    cache, known = Cache(tmp_path), {"area": {"total": {"lut4": 5}}, "cycles": []}
    cache.store(task(), known)
    assert cache.load(task()) == known
    assert cache.load(task(seeds=3, freq=50.0)) == known  # of neither
    assert cache.load(task(shapes=((1, 2, 3),))) == {"area": known["area"]}
    assert cache.load(task(bus=Bus(latency=5))) == {"area": known["area"]}
    assert cache.load(task(target=ReportTarget.parse("xc7"))) == {"cycles": []}
    assert cache.load(task(2)) == cache.load(task(digest="2")) == {}


def test_the_key_of_a_part_has_only_its_own_options(tmp_path):
    """Of an FPGA only timing depends on the clock that is asked for; standard cells are chosen for it."""
    (tmp_path / "cells.lib").write_text("1")
    fpga, asic = ReportTarget.parse("ecp5"), ReportTarget.parse("asic", [tmp_path / "cells.lib"])

    def differs(target, part, **changes):
        return task(target=target).key(part) != task(target=target, **changes).key(part)

    assert [differs(fpga, part, freq=50.0) for part in measure.PARTS] == [False, True, False, False]
    assert [differs(asic, part, freq=50.0) for part in measure.PARTS] == [True, True, True, False]
    assert [differs(fpga, part, seeds=2) for part in measure.PARTS] == [False, True, False, False]
    assert [differs(asic, part, power_shape=(8, 8, 8)) for part in measure.PARTS] == [False, False, True, False]
    assert [differs(asic, part, bus=Bus(latency=9)) for part in measure.PARTS] == [False, False, True, True]


def test_the_task_determines_the_arguments_of_the_report(monkeypatch):
    asked = {}

    def report_measure(*_, **options):
        asked.update(options)
        return report.Report("tile", {}, "asic", {"total": {}, "modules": []}, {"fmax_mhz": 7}, [], {"total_mw": 1})

    monkeypatch.setattr(report, "measure", report_measure)
    parts = ("timing", "power")
    found = measure.measure(task(digest="", parts=parts, seeds=2, freq=50.0, power_shape=(1, 2, 3))).values
    assert found == {"area": {"total": {}}, "timing": {"fmax_mhz": 7}, "power": {"total_mw": 1}}
    assert asked == {"freq": 50.0, "seeds": range(1, 3), "shapes": [(1, 2, 3)], "energy": True, "bus": Bus()}
    measure.measure(task(digest="", parts=("timing",), target=ReportTarget("asic"), seeds=2))
    assert asked["seeds"] == ()  # nothing is placed
    measure.measure(task(digest="", parts=("area",), power_shape=(1, 2, 3)))
    assert asked == {"freq": None, "seeds": (), "shapes": (), "energy": False, "bus": Bus()}


def test_a_damaged_file_in_the_cache_counts_as_none(tmp_path):
    cache = Cache(tmp_path)
    cache.store(task(), {"area": {}, "cycles": []})
    file = next(path for path in tmp_path.rglob("*.json") if path.read_text().endswith("[]"))
    whole = file.read_text()
    for damage in ("", "{", whole[:-1], whole.replace("[]", "[7]"), "[]", "[" * 5000):
        file.write_text(damage)
        assert cache.load(task()) == {"area": {}}
    file.write_text(whole)
    assert cache.load(task()) == {"area": {}, "cycles": []}


def test_an_unwritable_cache_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TilewrightError, match="TILEWRIGHT_CACHE"):
        Cache(tmp_path / "file" / "cache")


def test_a_worker_with_another_generator_measures_nothing():
    found = measure.measure(task(digest="other"))
    assert found.fatal
    assert "another version of tilewright" in found.error
    assert not found.values


def test_a_missing_tool_ends_the_sweep_and_a_misfit_costs_one_point(monkeypatch):
    for message, fatal in (
        ("Yosys is missing: run `pip install 'tilewright[area]'`", True),
        ("does not fit by 3 DSP", False),
    ):

        def fail(*_, message=message, **__):
            raise TilewrightError(message)

        monkeypatch.setattr(report, "measure", fail)
        found = measure.measure(task(digest=""))
        assert (found.error, found.fatal, list(found.values)) == (message, fatal, ["cycles"])


def test_a_part_that_the_report_does_not_give_fails_its_point(monkeypatch):
    found = report.Report("tile", {}, "ice40-up5k", {"total": {"lut4": 3}}, notes=["it does not fit"])
    monkeypatch.setattr(report, "measure", lambda *_, **__: found)
    up5k = ReportTarget.parse("ice40-up5k")
    outcome = measure.measure(task(digest="", target=up5k, parts=("area", "timing")))
    assert outcome.values == {"area": {"total": {"lut4": 3}}}
    assert outcome.error == "timing was not measured: it does not fit"


def explored() -> Exploration:
    """Four points: one beaten, one failed, one unfinished with its area known; and two that cannot be built."""
    sweep = load_sweep(TileConfig, sweeps=["dot=1,2,4,8,3,5"], settings=["rows=8"])
    points, skipped = sweep.points()
    tasks = {
        point.number: task(config=point.config, parts=("area", "timing", "cycles"), freq=100.0) for point in points
    }
    results = Exploration(points, skipped, tasks, ["dot"])
    for number, (lut4, fmax) in {1: (100, 150.0), 2: (120, 90.0)}.items():
        cycles = measure.measure(task(config=points[number - 1].config, parts=("cycles",), digest="")).values
        results.add(number, {"area": {"total": {"lut4": lut4}}, "timing": {"fmax_mhz": fmax}, **cycles})
    results.add(3, {}, "does not fit")
    results.add(4, {"area": {"total": {"lut4": 1}}})
    return results


def test_rows_have_the_front_the_clock_and_the_bottleneck():
    rows = explored().rows()
    assert [(row.number, row.status, row.front) for row in rows] == [
        (1, "measured", True), (2, "measured", False), (3, "failed", False), (4, "unfinished", False),
    ]  # fmt: skip
    assert rows[0].figures["clock_source"] == "fmax"
    assert rows[0].figures["peak_gmacs"] == 64 * 0.15
    shape = rows[0].shapes[0]
    assert shape["gmacs"] == pytest.approx(512 / shape["cycles"] * 0.15)
    assert rows[0].shapes[0]["knob"] != knobs.CLOCK
    assert rows[1].shapes[0]["knob"] == knobs.CLOCK  # 90 MHz of 100
    assert rows[3].figures["clock_source"] == "freq"


def test_without_fmax_and_freq_throughput_is_at_the_default_clock():
    point = load_sweep(TileConfig, sweeps=["rows=8"]).points()[0][0]
    results = Exploration([point], [], {1: task(config=point.config, parts=("area",))}, ["rows"])
    results.add(1, {"area": {"total": {"lut4": 7}}})
    row = results.rows()[0]
    assert row.figures["peak_gmacs"] == 64 * DEFAULT_MHZ / 1000
    assert [axis.name for axis in results.objectives([row])] == ["peak_gmacs", "lut4"]


def test_the_csv_has_a_line_for_every_combination():
    lines = list(csv.DictReader(io.StringIO(explored().to_csv())))
    assert [line["status"] for line in lines] == ["measured", "measured", "failed", "unfinished", "skipped", "skipped"]
    assert [line["dot"] for line in lines] == ["1", "2", "4", "8", "3", "5"]
    assert (lines[0]["lut4"], lines[0]["front"], lines[0]["knob 8x8x8"]) == ("100", "1", "latency")
    assert lines[2]["reason"] == "does not fit"
    assert lines[4]["reason"] == "dot = 3: must divide rows = 8; nearest that works: 2"


def test_the_page_holds_its_data_whatever_is_in_it():
    exploration = explored().to_json({"core": "tile", "about": "</script><b>@@DATA@@"})
    text = page(exploration)
    data = text.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert json.loads(data) == json.loads(json.dumps(exploration))
    assert text.count("</html>") == 1


def test_every_outcome_travels_between_processes():
    from distributed.protocol import deserialize, serialize

    sent = Outcome({"area": {"total": {"lut4": random.randrange(9)}}}, "error", fatal=True)
    for value in (sent, task()):
        assert deserialize(*serialize(value)) == value
