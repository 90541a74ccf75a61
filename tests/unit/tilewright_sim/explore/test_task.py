"""What is measured of a point, what is cached of it, and what ends a sweep."""

import random

import pytest
from unit.tilewright_sim.explore.tasks import task

from tilewright.base import TilewrightError
from tilewright.flows import ReportTarget
from tilewright_sim.cost import report
from tilewright_sim.explore import Cache
from tilewright_sim.explore import task as measure
from tilewright_sim.models.cycles import Bus
from tilewright_sim.workers import Outcome


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


def test_every_outcome_travels_between_processes():
    from distributed.protocol import deserialize, serialize

    sent = Outcome({"area": {"total": {"lut4": random.randrange(9)}}}, "error", fatal=True)
    for value in (sent, task()):
        assert deserialize(*serialize(value)) == value
