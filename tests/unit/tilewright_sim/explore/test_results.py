"""The results of an exploration, as rows, as CSV and as a page."""

import csv
import io
import json

import pytest
from unit.tilewright_sim.explore.tasks import explored, task

from tilewright.tile import TileConfig
from tilewright_sim.explore import DEFAULT_MHZ, Exploration, knobs, load_sweep, page


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
