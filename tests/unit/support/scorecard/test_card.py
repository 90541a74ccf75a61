"""The score card without its work: journals, states of figures, the page."""

import argparse
import contextlib
import json
from itertools import chain, repeat

import pytest
from support.scorecard import command
from support.scorecard.figure import Figure, share, state_of
from support.scorecard.journal import Journal
from support.scorecard.mutation.campaign import known
from support.scorecard.mutation.drawing import drawn
from support.scorecard.mutation.reach import Reach
from support.scorecard.page import page, recorded
from support.scorecard.rows.bins import REACHABLE, split
from support.scorecard.rows.campaigns import Ecc
from support.scorecard.rows.mutants import mutants_figure
from support.scorecard.rows.named_tests import Proofs
from support.scorecard.rows.row import Row
from support.scorecard.rows.tied import Verilog
from support.scorecard.rows.waivers import waived
from support.scorecard.short import below, sample
from support.scorecard.sources import ROOT, digest_of, sources_digest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import ConfigError
from tilewright_sim.verify.rtl_coverage import CoveragePoint
from tilewright_sim.workers import Outcome


def test_a_journal_keeps_whole_lines_and_the_last_of_a_name(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"name": "a", "n": 1}\n{"name": "b", "n"')
    Journal(path).add({"name": "a", "n": 2})
    assert list(Journal(path)) == [{"name": "a", "n": 2}]


@pytest.mark.parametrize(
    ("met", "done", "of", "state"),
    [(True, 0, 5, "not run"), (True, 4, 5, "in part"), (True, 5, 5, "met"), (False, 5, 5, "missed")],
)
def test_only_what_was_done_whole_is_met(met, done, of, state):
    assert state_of(met, done, of) == state


def test_almost_all_is_not_all():
    assert (share(9999, 10000), share(1, 1), share(0, 0)) == (99.9, 100.0, 0.0)


def test_the_page_says_how_much_of_the_work_was_done():
    figures = [
        Figure(name="one", value="5 of 5", target="all", state="in part", done=612, of=2000, details=("why",)),
        Figure(name="two", value="–", target="all", state="not run"),
    ]
    text = page(figures)
    assert "| one | 5 of 5 | all | 612 of 2,000 | in part |" in text
    assert "| two | – | all | not run | not run |" in text
    assert text.endswith("## one\n\n- why\n")
    assert [figure["done"] for figure in json.loads(recorded(figures, {}))["figures"]] == [612, 0]


def entry(result, **more):
    return {"name": "hw/tilewright/dma/reader.py:7:abc", "result": result, "diff": "-a\n+b", "operator": "x"} | more


def test_no_bin_of_a_size_that_is_refused_counts_as_reachable():
    for name in ("rows", "cols"):
        assert f"{name}: from 4" in REACHABLE
        assert not {f"{name}: from 1", f"{name}: from 2"} & set(REACHABLE)
        with pytest.raises(ConfigError, match="must be at least 4"):
            AcceleratorConfig.preset("nano", **{"dot": 1, name: 2})


def test_neither_equivalent_mutants_nor_those_that_cannot_be_built_count_and_time_outs_do_not_kill():
    results = ["killed"] * 6 + ["identical", "proven", "not built", "survived", "timed out", "not reached"]
    figure = mutants_figure("x", [entry(result) for result in results], 12)
    assert figure.value == "6 of 9 killed (66.6 %)"
    assert figure.state == "missed"
    assert sum(line.startswith("hw/tilewright/dma/reader.py:7, ") for line in figure.details) == 3
    assert mutants_figure("x", [], 12).state == "not run"


def test_a_kill_holds_until_the_test_changes_and_a_survivor_until_any_does(tmp_path):
    mutant = drawn()[0]
    journal, reach = Journal(tmp_path / "mutants.jsonl"), Reach.kept(tmp_path)
    assert known(mutant, journal, reach) is None
    for result, digest in (("killed", "of another text"), ("survived", "of other tests")):
        journal.add({"name": mutant.name, "result": result, "by": "tests/conftest.py", "digest": digest, "related": 0})
        assert known(mutant, journal, reach) is None
    tests = sources_digest("tests/unit", "tests/rtl", "tests/formal", "tests/system")
    for result, digest in (("killed", digest_of([ROOT / "tests/conftest.py"])), ("survived", tests)):
        journal.add({"name": mutant.name, "result": result, "by": "tests/conftest.py", "digest": digest, "related": 0})
        assert known(mutant, journal, reach)["result"] == result
    journal.add({"name": mutant.name, "result": "proven", "digest": "", "related": 0})
    assert known(mutant, journal, reach)["result"] == "proven"


def test_the_sample_of_the_short_form_has_fast_kills_of_different_files():
    fast = {"tests": 1, "by": "tests/x.py::test", "seconds": 1.0}
    entries = [
        entry("killed", **fast),
        entry("killed", **fast | {"seconds": 0.5, "name": "hw/tilewright/dma/reader.py:9:def"}),
        entry("killed", **fast | {"tests": 2, "name": "hw/x.py:1:a"}),
        entry("survived", **fast | {"name": "hw/y.py:1:a"}),
    ]
    chosen = sample(entries)
    assert [mutant["file"] for mutant in chosen] == ["hw/tilewright/dma/reader.py"]
    assert (chosen[0]["before"], chosen[0]["after"]) == ("a", "b")


def test_a_figure_below_the_recorded_one_is_told():
    assert below({"mutants": 9, "coverage": 97.0}, {"mutants": 10, "coverage": 97.0}) == [
        "mutants: 9 is below the recorded 10"
    ]


def test_counts_of_a_campaign_become_bins_that_can_be_reached():
    met = set(split({"flags: REQUANT BIAS FENCE_A": 1, "flags: none": 2, "unaligned: True": 1, "M: = cols": 4}))
    assert met == {
        "result: REQUANT", "result and flag: REQUANT FENCE_A", "result: plain", "result and flag: plain none",
        "unaligned: true", "M: = cols",
    }  # fmt: skip
    assert met <= set(REACHABLE)


def test_proofs_and_seeded_bugs_are_read_from_what_the_formal_tests_write(tmp_path):
    assert Proofs(tmp_path).figures()[0].state == "not run"
    proof = {"name": "x", "part": "tile", "method": "bounded", "depth": 9, "seconds": 3.2, "result": "proven"}
    entries = [proof, proof | {"result": "refuted"}, proof | {"name": "test_finds_x", "result": "refuted"}]
    (tmp_path / "proofs.json").write_text(json.dumps(entries))
    (figure,) = Proofs(tmp_path).figures()
    assert (figure.value, figure.state) == ("1 hold, 1 seeded bugs found, 1 neither", "missed")


def test_long_proofs_that_were_not_run_are_missing_from_the_card(tmp_path):
    proof = {"name": "test_y[1-2]", "part": "tile", "method": "bounded", "depth": 9, "seconds": 3, "result": "proven"}
    (tmp_path / "proofs.json").write_text(json.dumps([proof]))
    (tmp_path / "proofs.names").write_text("tests/a.py::test_y[1-2]\ntests/a.py::test_z")
    (figure,) = Proofs(tmp_path).figures()
    assert (figure.done, figure.of, figure.state) == (1, 2, "in part")


def test_configurations_of_a_campaign_count_once_they_are_right(tmp_path):
    row = Ecc(tmp_path)
    assert row.figures()[0].state == "not run"
    right = Outcome({"products": row.EACH, "coverage": {}})
    row.done(0, right)
    row.done(1, Outcome({"products": 7}, "2 bytes of the memory are wrong"))
    again = Ecc(tmp_path)
    assert set(row.all) - set(again.tasks()) == {0}
    assert again.figures()[0].state == "in part"
    assert row.figures()[0].state == "missed"


def test_a_point_is_waived_for_its_reason_only():
    verilog = Verilog("module accelerator();\n\n\n\n\n\n\n\n\nendmodule\n")
    waived_point = CoveragePoint("accelerator", "toggle", 9, "m_axi_arid[0]:0->1")
    assert "identifier 0" in waived(waived_point, verilog)
    assert waived(CoveragePoint("accelerator", "toggle", 9, "m_axi_araddr[0]:0->1"), verilog) is None
    assert waived(CoveragePoint("accelerator", "line", 9, "m_axi_arid"), verilog) is None


def test_the_recorded_page_is_made_of_the_recorded_figures():
    results = ROOT / "docs" / "results"
    content = json.loads((results / "scorecard.json").read_text(encoding="utf-8"))
    figures = [Figure(**{**figure, "details": tuple(figure["details"])}) for figure in content["figures"]]
    assert page(figures) == (results / "scorecard.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rows", "mutant"], "--rows: there is no row mutant; there are coverage, "),
        (["--short", "--minutes", "3"], "--short takes no other option"),
        (["--jobs", "0"], "--jobs = 0: must be at least 1"),
        (["--minutes", "-1"], "--minutes = -1: must be at least 0"),
    ],
)
def test_wrong_arguments_are_one_line_and_nothing_is_written(arguments, says, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["scorecard", *arguments])
    monkeypatch.setattr(command, "_write", lambda: pytest.fail("it writes"))
    assert status() == 2
    assert says in capsys.readouterr().err


def status():
    try:
        return command.main()
    except SystemExit as ended:
        return ended.code


def test_what_is_begun_continues_and_ends_in_time(tmp_path, monkeypatch):
    done = []

    class Numbers(Row):
        NAME = "numbers"

        def tasks(self):
            return {number: number for number in range(5) if number not in done}

        def done(self, number, outcome):
            done.append(number)

        def figures(self):
            return []

    def run_tasks(_, tasks, done, work, total, unit):
        for number, task in tasks.items():
            done(number, Outcome({"task": task}))

    monkeypatch.setattr(command, "cluster", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(command, "run_tasks", run_tasks)
    options = argparse.Namespace(minutes=1e-9, end=0.0, jobs=1, scheduler=None, files=None)
    command._run(Numbers(tmp_path), options, 1)
    assert done == []  # the time was over before
    monkeypatch.setattr(command, "monotonic", chain([0.0] * 4, repeat(9.0)).__next__)
    command._run(Numbers(tmp_path), argparse.Namespace(minutes=0.1, jobs=1, scheduler=None, files=None), 1)
    assert done == [0, 1, 2]
    command._run(Numbers(tmp_path), argparse.Namespace(minutes=None, jobs=1, scheduler=None, files=None), 1)
    assert done == [0, 1, 2, 3, 4]
