"""Rows of the tables in docs/results."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tilewright.base import ToolError, load_config
from tilewright.cores import CORES
from tilewright_sim.benchmarks import BENCHES, Configuration, Measurement, markdown, update_page
from tilewright_sim.benchmarks import configurations as bench_configurations
from tilewright_sim.benchmarks.configurations import CONFIGURATIONS
from tilewright_sim.cli.bench import bench

RESULTS = Path(__file__).parents[4] / "docs" / "results"


@pytest.mark.parametrize(("met", "says"), [(True, "yes"), (False, "**no**"), (None, "–")])
def test_a_row_has_the_target_beside_the_result(met, says):
    assert markdown([Measurement("x", "≤ 1", "2", met, "do")]).splitlines() == [
        "| measurement | target | result | met | command |",
        "| --- | --- | --- | --- | --- |",
        f"| x | ≤ 1 | 2 | {says} | `do` |",
    ]


def test_a_table_replaces_only_the_text_between_its_marks():
    page = "# Tile\n\n<!-- bench tile -->\nold\n<!-- end tile -->\n\n<!-- bench dma -->\nkept\n<!-- end dma -->\n"
    once = update_page(page, "tile", "| new |")
    assert once == page.replace("\nold\n", "\n\n| new |\n\n")
    assert update_page(once, "tile", "| new |") == once
    with pytest.raises(ValueError, match="does not have the marks"):
        update_page(page, "gemm", "| new |")


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_has_a_page_with_its_table(name):
    page = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    table = page.partition(f"<!-- bench {name} -->\n\n")[2].partition(f"\n\n<!-- end {name} -->")[0]
    assert update_page(page, name, table) == page
    kind = Configuration if name == "configurations" else Measurement
    assert table.splitlines()[0] == f"| {' | '.join(kind.HEADINGS)} |"
    assert len(table.splitlines()) > 5


@pytest.mark.parametrize("option", ["", "--docs"])
def test_the_command_writes_into_the_page_of_the_bench(option, tmp_path, monkeypatch):
    page = tmp_path / "tile.md"
    page.write_text("# Tile\n\n<!-- bench tile -->\n<!-- end tile -->\n", encoding="utf-8")
    before = page.read_text(encoding="utf-8")
    monkeypatch.setitem(BENCHES, "tile", lambda: iter([Measurement("x", "≤ 1", "2", False, "do")]))
    done = CliRunner().invoke(bench, ["tile", "--markdown", *([option, str(tmp_path)] if option else [])])
    assert (done.exit_code, done.exception) == (0, None)
    row = "| x | ≤ 1 | 2 | **no** | `do` |"
    assert row in done.stdout
    assert (row in page.read_text(encoding="utf-8")) == bool(option)
    assert option or page.read_text(encoding="utf-8") == before


def test_a_missing_count_is_a_dash():
    row = Configuration("tile nano", "asic", "1,234 µm²", 1000, None, None, 2048, 12.34, 0.5, "do")
    heading, rule, line = markdown([row]).splitlines()
    assert heading.count("|") == rule.count("|") == line.count("|") == 11
    assert line == "| tile nano | asic | 1,234 µm² | 1,000 | – | – | 2,048 | 50.0% | 12.3 | `do` |"


def test_the_table_has_a_dozen_configurations_that_can_be_built():
    assert len(set(CONFIGURATIONS)) >= 12
    for core, preset, settings, _ in CONFIGURATIONS:
        load_config(CORES[core].config, preset or None, settings=settings)
    assert {target for *_, target in CONFIGURATIONS} >= {"generic", "ice40-hx8k", "ecp5-85k", "xc7", "asic"}


def test_without_standard_cells_nothing_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(bench_configurations, "OSU018", tmp_path / "missing.lib")
    with pytest.raises(ToolError, match="apt-get install opensta qflow-tech-osu018"):
        next(bench_configurations.bench_configurations())
