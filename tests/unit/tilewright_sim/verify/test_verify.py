"""`tilewright verify` without a simulation: what matches, what is refused, and what the files say."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from tilewright.base import TilewrightError
from tilewright.cores import CORES
from tilewright_sim.benches import BENCHES
from tilewright_sim.cli import main
from tilewright_sim.verify import Report, VerifiedTest, junit, matching, page
from tilewright_sim.verify.rtl_coverage import CoveragePoint


def names(core, pattern=None):
    return matching(CORES[core], CORES[core].config(), pattern)


def test_every_core_has_a_bench_with_tests():
    assert set(BENCHES) == set(CORES)
    for core in CORES:
        found = names(core)
        assert len(found) > 5
        assert len(found) == len(set(found))
        assert not any(re.search(r"=\d+$", name) and "timing" in name for name in found), "names of values, not numbers"


def test_a_pattern_is_a_name_or_a_part_of_one():
    assert names("tile", "reset") == ["a_reset_drops_all_data_in_flight"]
    assert len(names("tile", "under_gaps/*=95/")) == 3
    exact = "results_equal_golden_under_gaps/stall_activations=0/stall_weights=0"
    assert names("tile", exact) == [exact]


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(TilewrightError, match="no test of tile matches rset; there are results_equal"):
        names("tile", "rset")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tile", "--sim", "iverilogg"], "iverilogg is not a simulator that cocotb knows: .*icarus"),
        (["tile", "--sim", "xcelium"], "xcelium is missing: xrun"),
        (["tile", "--sim", "icarus", "--tests", "zzz"], "no test of tile matches zzz"),
        (["tile", "--junit", "nowhere/x.xml"], "there is no folder nowhere"),
        (["tile", "--html", "x", "--junit", "x"], "same file"),
        (["tile", "--set", "dot=3"], "must divide rows"),
    ],
)
def test_a_mistake_is_refused_before_anything_is_compiled(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main.cli, ["verify", *arguments], standalone_mode=False)
    assert re.search(says, str(done.exception))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def report():
    def verified(name, status, message="", waveform=None):
        return VerifiedTest(
            name=name, seed=3, status=status, seconds=1.5, cycles=1234, message=message, log=Path("/b/log.txt"),
            waveform=waveform,
        )  # fmt: skip

    return Report(
        core="tile", simulator="icarus", target="generic", effort="quick", config={"rows": 2},
        tests=[
            verified("good", "passed"),
            verified("bad", "failed", "3 < 4 & \x01", Path("/b/waves.fst")),
            verified("odd", "skipped", "there is one column"),
        ],
        coverage=Counter({"M: 1": 5, "M: > cols": 2}),
    )  # fmt: skip


def test_junit_has_every_test_with_seed_and_reason(report):
    suite = ElementTree.fromstring(junit(report)).find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    good, bad, odd = suite.findall("testcase")
    assert {item.get("name"): item.get("value") for item in good.iter("property")} == {"seed": "3", "cycles": "1234"}
    assert bad.find("failure").get("message") == "3 < 4 & ?"
    assert odd.find("skipped").get("message") == "there is one column"


def test_the_page_needs_nothing_from_outside_and_links_waveforms(report):
    text = page(report, Path("/b/pages"), ["tilewright verify tile --tests bad"])
    assert 'href="../waves.fst"' in text
    assert "3 &lt; 4 &amp;" in text
    assert "tilewright verify tile --tests bad" in text
    assert "1 (5), &gt; cols (2)" in text
    assert not re.search(r"https?:|<script", text)


def test_the_page_shows_the_coverage_of_the_verilog(report):
    points = [CoveragePoint("tile_feeder", "branch", 7, "if"), CoveragePoint("tile_feeder", "branch", 7, "else")]
    assert "Coverage of the Verilog" not in page(report, Path("/b"), [])
    text = page(replace(report, rtl=Counter({points[0]: 3, points[1]: 0})), Path("/b"), [])
    assert 'title="line 7 else">50.0% of 2' in text
    assert text.count("50.0% of 2") == 2, "of the module, and of all"


def test_a_test_without_a_log_has_no_link_to_one(report):
    alone = replace(report, tests=[replace(report.tests[0], log=None)])
    assert "href" not in page(alone, Path("/b"), [])


def test_the_summary_counts_tests_and_cycles(report):
    assert report.summary == "1 passed, 1 failed, 1 skipped; 3,702 cycles simulated in 4 s"
    assert [test.name for test in report.failures] == ["bad"]
