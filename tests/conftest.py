"""What holds for every test: time limits, and how the default run spends less time for the same checks."""

import builtins
import gc
from functools import lru_cache
from pathlib import Path

import pytest
from amaranth.sim import _pyrtl

from tilewright_sim.verilated import build

pytest_plugins = ["support.resume"]
LONG_SECONDS = 3600
"""The limit of a `long` test; that of the others is in pyproject.toml."""
LATE = frozenset(Path(__file__).with_name("long.txt").read_text(encoding="utf-8").splitlines())
"""Tests of some seconds, each near one of the same kind that stays in the default run: they are `long`, too."""
FOLDERS = ["rtl", "formal", "system", "docs", "unit"]
"""Tests that take tens of seconds first, so that no worker is left with one at the end."""

# Amaranth compiles a component's processes anew for each simulation; the same text gives the same code.
_pyrtl.compile = lru_cache(1000)(builtins.compile)
# A test simulates for seconds, so what counts is the time to compile: half of that of -O2, at half the speed. A cache
# that the demo has filled is not used then.
build._OPTIMIZATION = "OPT_FAST=-O1 OPT_SLOW=-O0"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid in LATE:
            item.add_marker(pytest.mark.long)
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))
    items.sort(key=lambda item: FOLDERS.index(item.path.relative_to(item.config.rootpath / "tests").parts[0]))


def pytest_collection_finish():
    """Look for garbage less often: a design is hundreds of thousands of objects, and most live to the test's end."""
    gc.set_threshold(100_000, 50, 50)
