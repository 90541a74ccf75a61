"""Results of a run of a cocotb bench."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tilewright_sim.testbench import PERIOD_NS

__all__ = ["BenchResult", "TestResult", "plain_text", "read_results"]


@dataclass(frozen=True)
class TestResult:
    """One test of a bench.

    Parameters
    ----------
    name : str
        Without the name of the module.
    status : str
        ``passed``, ``failed`` or ``skipped``.
    seconds : float
        Wall time.
    cycles : int
        Simulated clock cycles.
    message : str
        Why it failed or was skipped.
    """

    __test__ = False  # for pytest

    name: str
    status: str
    seconds: float = 0.0
    cycles: int = 0
    message: str = ""


@dataclass(frozen=True)
class BenchResult:
    """Results of a bench: the failure (None if all tests passed), the log, and the tests."""

    failure: str | None
    log: Path
    tests: list[TestResult]


def read_results(results: Path, log: Path, aborted: str = "") -> BenchResult:
    """Read the results of cocotb; ``aborted`` is the reason if the simulation ended before cocotb wrote them."""
    text = plain_text(log)
    if aborted or not results.is_file():
        # An assertion, in Verilator and in Icarus Verilog.
        said = re.search(r"^(?:.*%(?=Error: )|FATAL: )(.*)", text, re.M)
        why = f"the simulation aborted ({said[1] if said else aborted or 'no results'})"
        return BenchResult(why, log, _seen(text, why))
    reasons = dict(re.findall(r"skipping \S*?\.?([^\s.]+): (.*)", text))
    tests = [_test(case, reasons) for case in ElementTree.parse(results).getroot().iter("testcase")]
    failures = sum(test.status == "failed" for test in tests)
    if not tests:
        return BenchResult("no test ran", log, [])
    return BenchResult(f"{failures} of {len(tests)} tests failed" if failures else None, log, tests)


def _seen(text: str, why: str) -> list[TestResult]:
    """Return the tests that started according to the log."""
    began = re.findall(r"running \S*?\.?([^\s.]+) \(", text)
    passed = set(re.findall(r"\.([^\s.]+) passed", text))
    return [TestResult(name, "passed" if name in passed else "failed", message=why) for name in began]


def _test(case: ElementTree.Element, reasons: dict[str, str]) -> TestResult:
    name, seconds = case.get("name", ""), float(case.get("time", 0))
    found = {item.get("name"): item.get("value") for item in case.iter("property")}
    cycles = round(float(found.get("sim_time_duration") or 0) / PERIOD_NS)
    if case.find("skipped") is not None:
        return TestResult(name, "skipped", seconds, cycles, reasons.get(name, ""))
    fault = case.find("failure") if case.find("failure") is not None else case.find("error")
    if fault is None:
        return TestResult(name, "passed", seconds, cycles)
    message = f"{fault.get('type', '')}: {fault.get('message', '')}".removeprefix("AssertionError: ").strip(": ")
    return TestResult(name, "failed", seconds, cycles, message.partition("\nassert ")[0])


def plain_text(log: Path) -> str:
    """Return the text of a log without colour codes."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
