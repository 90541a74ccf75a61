"""What README and docs show can be typed as it stands: commands exist, blocks run, paths and names are there.

A block ``python`` or ``console`` runs unless a comment before it says otherwise: ``<!-- not run: WHY -->``;
``<!-- long: WHY -->`` runs with ``scripts/test --all``. The blocks of a page run in order, in one folder and one Python
namespace; ``<!-- file: NAME -->`` writes a block into a file. Lines behind a command, and a block ``output`` behind one
of Python, are what is printed; ``…`` stands for anything.
"""

import contextlib
import importlib
import io
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt
from support.command_lines import parse, tilewright_arguments

from tilewright_sim.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("docs/**/*.md")]
    if path.name != "CHANGELOG.md"
)
LIMIT_S = 900
"""Seconds within which a command ends, on a busy machine too."""
SHELL = ("", "console", "sh", "bash", "shell")
RUN_FROM_CODE = "import sys; from tilewright_sim.cli.main import main; sys.argv[0] = 'tilewright'; main()"


@dataclass(frozen=True)
class Block:
    """A block of code: its language, text, line, and the comment in front of it."""

    language: str
    text: str
    line: int
    mark: str
    why: str

    def commands(self):
        """Yield (command, the lines of output shown behind it); without a prompt every line is a command."""
        prompt = self.language == "console" and re.search(r"^\$ ", self.text, re.M)
        command, output = None, []
        for line in self.text.replace("\\\n", " ").splitlines():
            if prompt and not line.startswith("$ "):
                output.append(line)
                continue
            if command:
                yield command, output
            command, output = line.removeprefix("$ ").strip(), []
        if command:
            yield command, output


def blocks(page):
    """The blocks of a page, in order."""
    found, mark = [], ("", "")
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse((ROOT / page).read_text("utf-8")):
        if token.type in ("fence", "code_block"):
            found.append(Block(token.info.strip(), token.content, token.map[0] + 1, *mark))
        comment = re.fullmatch(r"<!-- (not run|long|file): (.+) -->\s*", token.content)
        mark = comment.groups() if token.type == "html_block" and comment else ("", "")
    return found


COMMAND_LINES = [
    pytest.param(arguments, id=f"{page}:{block.line} {' '.join(arguments)[:60]}")
    for page in PAGES
    for block in blocks(page)
    if block.language in SHELL
    for command, _ in block.commands()
    if re.match(r"(\.venv/bin/)?tilewright\b", command)
    if (arguments := tilewright_arguments(command)) is not None
]


@pytest.mark.parametrize("arguments", COMMAND_LINES)
def test_every_command_in_the_documentation_exists_with_its_options(arguments):
    with contextlib.suppress(click.exceptions.Exit, click.exceptions.NoArgsIsHelpError):
        parse(arguments)


def matches(shown, printed):
    """Whether lines of output are as shown; … stands for anything, in a line or for any number of lines."""
    patterns = (
        r"(?:.*\n)*" if line.strip() == "…" else ".*".join(map(re.escape, line.rstrip().split("…"))) + r"\s*\n"
        for line in "\n".join(shown).strip().splitlines()
    )
    return re.fullmatch("".join(patterns), printed.strip() + "\n")


def run_command(command, output, folder):
    words = shlex.split(command, comments=True)
    if not words:
        return
    if (arguments := tilewright_arguments(command)) is not None:
        words = [sys.executable, "-c", RUN_FROM_CODE, *arguments]
    elif not shutil.which(words[0]):
        pytest.skip(f"no {words[0]}")
    result = subprocess.run(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=LIMIT_S
    )
    mistake = any(line.startswith("tilewright: ") for line in output)
    assert (result.returncode != 0) == mistake, f"{command}: status {result.returncode}\n{result.stdout}"
    if output:
        assert matches(output, result.stdout), f"{command} prints\n{result.stdout}"


def run_blocks(page, with_long, folder, monkeypatch):
    monkeypatch.chdir(folder)
    names, printed = {"__name__": "example"}, None
    for block in blocks(page):
        if block.mark == "not run" or (block.mark == "long" and not with_long):
            printed = None
        elif block.mark == "file":
            (folder / block.why).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
            printed = out.getvalue()
        elif block.language == "output" and printed is not None:
            assert matches([block.text], printed), f"{page}:{block.line}: the block before prints\n{printed}"
        elif block.language == "console":
            for command, output in block.commands():
                run_command(command, output, folder)


RUN = [page for page in PAGES if any(block.language in ("python", "console") for block in blocks(page))]


@pytest.mark.parametrize("page", RUN, ids=str)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    run_blocks(page, False, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("page", [p for p in RUN if any(block.mark == "long" for block in blocks(p))], ids=str)
def test_the_long_blocks_of_a_page_run(page, tmp_path, monkeypatch):
    run_blocks(page, True, tmp_path, monkeypatch)


NAME = re.compile(r"`((?:hw|sim|tests|docs|scripts|constraints)/[\w./-]+|tilewright(?:_sim)?\.[\w.]+)`")
MENTIONS = [
    pytest.param(name, id=f"{page} {name}")
    for page in PAGES
    for name in sorted(set(NAME.findall((ROOT / page).read_text("utf-8"))))
    if name not in ("tilewright.h", "tilewright.v")
]


@pytest.mark.parametrize("name", MENTIONS)
def test_every_path_and_name_that_is_mentioned_exists(name):
    if "/" in name:
        assert (ROOT / name).exists()
        return
    module, _, attribute = name, "", ""
    while True:
        try:
            found = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module, _, last = module.rpartition(".")
            attribute = f"{last}.{attribute}".rstrip(".")
            assert module, name
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)


def test_every_command_has_been_found():
    assert len(COMMAND_LINES) > len(COMMANDS)
