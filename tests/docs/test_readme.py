"""The README stays short, and its commands and numbers are true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.command_lines import parse, tilewright_arguments

from tilewright_sim.benchmarks import BENCHES
from tilewright_sim.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
# Without the score card, every row of which is measured by `scripts/scorecard`.
RESULTS = sorted(page for page in (ROOT / "docs" / "results").glob("*.md") if page.stem != "scorecard")
HEADINGS = ("measurement", "command", "target", "result", "met")


def tables(text: str) -> list[list[tuple[str, ...]]]:
    """The tables of a page, row by row, without their rules."""
    found = re.findall(r"(?:^\|.*\|\n)+", text + "\n", re.M)
    return [
        [
            tuple(cell.strip() for cell in line.strip("|").split(" | "))
            for line in table.splitlines()
            if "--- |" not in line
        ]
        for table in found
    ]


def page_of(bench: str) -> str:
    """The page of a bench in docs/results."""
    return (ROOT / "docs" / "results" / f"{bench}.md").read_text(encoding="utf-8")


(NUMBERS,) = (table[1:] for table in tables(TEXT) if table[0] == HEADINGS)


def parse_shown(command: str) -> None:
    """Parse a command of a table, in which some names of files are left out, in a folder that has them.

    Raises
    ------
    click.ClickException
        If there is no such command, option, or value.
    """
    arguments = tilewright_arguments(command.replace("…", "ok.lib").replace("osu018_stdcells.lib", "ok.lib"))
    assert arguments is not None, command
    parse(arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "ok.lib").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_has_at_most_130_lines():
    assert len(TEXT.splitlines()) <= 130


def test_it_has_at_most_eight_numbers():
    assert 1 <= len(NUMBERS) <= 8


@pytest.mark.parametrize("row", NUMBERS, ids=lambda row: row[0].partition(":")[0])
def test_each_number_is_in_the_results_word_for_word(row):
    name, command, target, result, met = row
    (page,) = re.findall(r"\]\(docs/results/(\w+)\.md\)", name)
    assert (target, result, met, command) in [line[1:] for table in tables(page_of(page)) for line in table]


@pytest.mark.parametrize("page", [README, *RESULTS], ids=lambda page: page.name)
def test_each_command_beside_a_number_can_be_parsed(page, folder):
    rows = re.findall(r"^\|.*\|$", page.read_text(encoding="utf-8"), re.M)
    commands = [command for row in rows for command in re.findall(r"`(tilewright [^`]+)`", row)]
    assert commands
    for command in commands:
        parse_shown(command)


@pytest.mark.parametrize(
    "command",
    [
        "tilewright gem --random 4x4x4",
        "tilewright gemm --randm 4x4x4",
        "tilewright area tile --targt ecp5",
        "tilewright bench x",
    ],
)
def test_a_wrong_command_is_found(command, folder):
    with pytest.raises(click.ClickException):
        parse_shown(command)


def test_the_example_prints_what_the_readme_says(tmp_path):
    ((code, printed),) = re.findall(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", TEXT, re.S)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr


def test_the_overview_of_the_results_counts_the_targets_that_are_met():
    ((_, *rows),) = tables(page_of("index"))
    found = {}
    for name, _, met, command in rows:
        (page,) = re.findall(r"\((\w+)\.md\)", name)
        assert command == f"`tilewright bench {page}`"
        found[page] = met
    counted = {}
    for name in BENCHES:
        cells = [row[3] for table in tables(page_of(name)) for row in table]
        met, missed = cells.count("yes"), cells.count("**no**")
        counted[name] = f"{met} of {met + missed}" if met + missed else "no targets"
    assert found == counted


def test_the_table_of_generated_files_is_complete(tmp_path):
    ((_, *rows),) = (table for table in tables(TEXT) if table[0][0] == "file in `build/`")
    command = re.findall(r"\.venv/bin/(tilewright generate .*)", TEXT)[0]
    context = COMMANDS["generate"].load().make_context("generate", [*shlex.split(command)[2:-1], str(tmp_path)])
    with context:
        context.command.invoke(context)
    named = {name.rstrip("/") for row in rows for name in re.findall(r"`(.+?)`", row[0])}
    assert named == {path.name for path in tmp_path.iterdir()}
