"""What is read out of cocotb's results and logs."""

import pytest

from tilewright_sim.testbench.runner import read_results

RESULTS = """<?xml version='1.0'?>
<testsuites name="cocotb tests"><testsuite name="b" tests="3" failures="1">
<testcase classname="b" name="good/x=1" time="0.250"><properties><property name="sim_time_duration" value="1230.0"/>
</properties></testcase>
<testcase classname="b" name="bad" time="0.5"><failure message="3 is not 4&#10;assert 3 == 4" type="AssertionError"/>
<properties/></testcase>
<testcase classname="b" name="odd" time="0"><skipped message="Test was skipped"/></testcase>
</testsuite></testsuites>
"""
LOG = """\
     0.00ns INFO     cocotb.regression                  running some.bench.good/x=1 (1/3)
  1230.00ns INFO     cocotb.regression                  some.bench.good/x=1 passed
  1230.00ns INFO     cocotb.regression                  running some.bench.bad (2/3)
  1240.00ns INFO     cocotb.regression                  skipping some.bench.odd: there is one column
"""


def read(folder, results, log=LOG, aborted=""):
    (folder / "log").write_text(log)
    if results:
        (folder / "results").write_text(results)
    return read_results(folder / "results", folder / "log", aborted)


def test_each_test_has_status_cycles_and_reason(tmp_path):
    result = read(tmp_path, RESULTS)
    assert result.failure == "1 of 3 tests failed"
    good, bad, odd = result.tests
    assert (good.name, good.status, good.cycles, good.seconds) == ("good/x=1", "passed", 123, 0.25)
    assert (bad.status, bad.message) == ("failed", "3 is not 4")
    assert (odd.status, odd.message) == ("skipped", "there is one column")


def test_an_aborted_simulation_fails_the_test_that_ran(tmp_path):
    result = read(tmp_path, "", aborted="exit status 124")
    assert result.failure == "the simulation aborted (exit status 124)"
    assert [(test.name, test.status) for test in result.tests] == [("good/x=1", "passed"), ("bad", "failed")]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (
            "[120] %Error: checks.sv:24: Assertion failed in top.checks.ar: an offer was withdrawn",
            "(Error: checks.sv:24: Assertion failed in top.checks.ar: an offer was withdrawn)",
        ),
        ("FATAL: b/checks.sv:24: an offer was withdrawn", "(b/checks.sv:24: an offer was withdrawn)"),
    ],
)
def test_an_assertion_that_ended_the_simulation_is_named(said, named, tmp_path):
    result = read(tmp_path, "", log=f"{LOG}{said}\n", aborted="exit status 134")
    assert named in result.tests[-1].message


def test_no_test_is_a_failure(tmp_path):
    assert read(tmp_path, "<testsuites><testsuite/></testsuites>").failure == "no test ran"
