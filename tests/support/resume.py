"""A pytest plugin: ``--resume=FOLDER`` leaves out the tests that have passed on the same sources before.

The folder gets a file of their names, which grows with every test that passes, whatever ends the run. Its name has the
hash of all sources, so that a change begins again. Write the option with ``=``: pytest reads the command line before it
knows the option, takes the name of an existing folder for a place of tests, and would look there for `conftest.py`.
"""

import shutil
from pathlib import Path

import pytest
from support.scorecard.sources import ROOT, digest_of

from tilewright_sim.workers import digest

__all__ = ["Passed", "sources_and_tools"]

PLACES = ("hw", "sim", "tests", "docs", "scripts", "constraints", "README.md", "CONTRIBUTING.md", "pyproject.toml")
"""What a test can depend on: files of every kind, besides the versions of the tools."""


def pytest_addoption(parser):
    parser.addoption("--resume", metavar="FOLDER", help="leave out tests that have passed on the same sources before")


def pytest_configure(config):
    if config.getoption("--resume"):
        config.pluginmanager.register(Passed(config), "passed")


def sources_and_tools() -> str:
    """Return the hash of everything that a test can depend on."""
    found = [file for name in PLACES for file in (ROOT / name, *(ROOT / name).rglob("*"))]
    return digest_of(file for file in found if file.is_file() and "__pycache__" not in file.parts) + digest([])[:8]


class Passed:
    """The names of tests that have passed.

    Workers of pytest-xdist leave out what is in the copy that the controller made at the start: all must collect the
    same tests, also one that is started later. Only the controller writes.
    """

    def __init__(self, config):
        self.writes = not hasattr(config, "workerinput")
        folder = Path(config.getoption("--resume"))
        self.file = folder / f"passed-{sources_and_tools()}.txt"
        self.start = self.file.with_suffix(".start")
        self.good: set[str] = set()
        if self.writes:
            folder.mkdir(parents=True, exist_ok=True)
            self.file.touch()
            shutil.copyfile(self.file, self.start)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        known = set(self.start.read_text(encoding="utf-8").splitlines())
        done = [item for item in items if item.nodeid in known]
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if item.nodeid not in known]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and self.start.stat().st_size:
            session.exitstatus = pytest.ExitCode.OK  # all have passed

    def pytest_runtest_logreport(self, report):
        if not self.writes:
            return
        if report.when == "call" and report.passed:
            self.good.add(report.nodeid)
        if report.when == "teardown" and report.passed and report.nodeid in self.good:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(f"{report.nodeid}\n")
