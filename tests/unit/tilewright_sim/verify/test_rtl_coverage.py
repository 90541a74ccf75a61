"""Verilator's coverage files: what was reached, by module, in several runs together."""

import json

from tilewright_sim.verify.rtl_coverage import CoveragePoint, coverage_json, covered, read_points, totals


def entry(page, line, detail, count):
    values = {"f": "/x/tile.v", "l": line, "n": 3, "page": page, "o": detail, "h": "tile.component"}
    return "C '" + "".join(f"\x01{name}\x02{value}" for name, value in values.items()) + f"' {count}\n"


def files(tmp_path, *runs):
    for number, entries in enumerate(runs):
        (tmp_path / f"{number}.dat").write_text("# SystemC::Coverage-3\n" + "".join(entry(*each) for each in entries))
    return [tmp_path / f"{number}.dat" for number in range(len(runs))]


def test_runs_add_up_and_what_none_reached_is_listed(tmp_path):
    points = [("v_branch/tile_feeder", 7, "if"), ("v_branch/tile_feeder", 7, "else"), ("v_toggle/tile", 3, "q[1]:0->1")]
    counts = read_points(
        files(tmp_path, [(*p, n) for p, n in zip(points, (1, 0, 0), strict=True)], [(*points[0], 4), (*points[2], 2)])
    )
    assert counts[CoveragePoint("tile_feeder", "branch", 7, "if")] == 5
    found = covered(counts)
    assert list(found) == ["tile", "tile_feeder"]
    assert found["tile_feeder"]["branch"].missed == (CoveragePoint("tile_feeder", "branch", 7, "else"),)
    assert [str(found[name][kind]) for name in found for kind in ("branch", "toggle")] == [
        "–", "100.0% of 1", "50.0% of 2", "–"
    ]  # fmt: skip
    assert [str(kind) for kind in totals(found).values()] == ["–", "50.0% of 2", "100.0% of 1"]
    assert json.loads(coverage_json(counts))["tile_feeder"]["branch"] == {
        "reached": 1, "total": 2, "missed": [{"line": 7, "detail": "else"}]
    }  # fmt: skip


def test_almost_all_is_not_shown_as_all(tmp_path):
    entries = [("v_line/tile", line, "block", int(line > 0)) for line in range(3000)]
    assert str(covered(read_points(files(tmp_path, entries)))["tile"]["line"]) == "99.9% of 3,000"


def test_assertions_are_not_part_of_the_design(tmp_path):
    names = ("accelerator_checks", "tilewright_burst_rules__M8")
    assert not read_points(files(tmp_path, [(f"v_line/{name}", 3, "if", 0) for name in names]))
