"""Lines of the README's tables."""

import pytest

from tilewright.base import ToolError, load_config
from tilewright.cores import CORES
from tilewright_sim.benchmarks import Configuration, Figure, markdown
from tilewright_sim.benchmarks import configurations as bench_configurations
from tilewright_sim.benchmarks.configurations import CONFIGURATIONS


def test_figures_are_lines_with_what_was_aimed_at():
    lines = markdown([Figure("x", "≤ 1", "2", False, "do")]).splitlines()
    assert lines == [
        "| figure | bar | measured | | command |",
        "| --- | --- | --- | --- | --- |",
        "| x | ≤ 1 | 2 | **missed** | `do` |",
    ]


def test_configurations_have_dashes_for_what_they_have_not():
    row = Configuration("tile nano", "asic", "1,234 µm²", 1000, None, None, 2048, 12.34, 0.5, "do")
    heading, rule, line = markdown([row]).splitlines()
    assert heading.count("|") == rule.count("|") == line.count("|") == 11
    assert line == "| tile nano | asic | 1,234 µm² | 1,000 | – | – | 2,048 | 50.0% | 12.3 | `do` |"


def test_the_table_has_a_dozen_configurations_that_can_be_built():
    assert len(set(CONFIGURATIONS)) >= 12
    for product, preset, settings, _ in CONFIGURATIONS:
        load_config(CORES[product].config, preset or None, settings=settings)
    assert {target for *_, target in CONFIGURATIONS} >= {"generic", "ice40-hx8k", "ecp5-85k", "xc7", "asic"}


def test_without_standard_cells_nothing_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_configurations, "OSU018", tmp_path / "missing.lib")
    with pytest.raises(ToolError, match="apt-get install opensta qflow-tech-osu018"):
        next(bench_configurations.bench_configurations())
