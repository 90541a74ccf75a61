"""Every link and every path that the documentation names leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "constraints/*.md", "tests/formal/*.md") for path in ROOT.glob(pattern)
)
TOP = {path.name for path in ROOT.iterdir() if path.name not in ("build", ".git")}
ROOMS = [ROOT / room for room in ("hw", "sim", "tests", "constraints", "scripts")]
SOURCES = {path.name for room in ROOMS for path in room.rglob("*.*")}
ELSEWHERE = {"registers.md", "my.toml", "NAME.lpf", "NAME.pcf", "NAME.xdc"}
"""Written by the commands or by users, so not in a checkout."""

LINK = re.compile(r"\]\(<?([^)\s>]+)>?[^)]*\)|\b(?:src|href)=\"([^\"]+)\"|^\[[^\]]+\]:\s+(\S+)", re.M)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.M)
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1`*$", re.M | re.S)
INDENTED = re.compile(r"(?:(?<=\n\n)|\A)(?:(?: {4,}|\t).*\n|\n(?= {4}))+")
FILE = re.compile(r"[\w-]+\.(?:py|cpp|hpp|lpf|pcf|xdc|toml|md)")


def prose(text: str) -> str:
    """The text without its blocks of code."""
    return INDENTED.sub("", FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """What GitHub and MyST name the headings."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(FENCE.sub("", text)))
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links of the page without a file, or without such a heading in it."""
    found = []
    # Between backticks is code, except where it is the text of a link.
    for match in LINK.finditer(re.sub(r"`[^`\n]*`", "", prose(text))):
        link = next(filter(None, match.groups()))
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if (name and not target.exists()) or (
            anchor and anchor not in anchors(target.read_text(encoding="utf-8") if name else text)
        ):
            found.append(link)
    return found


def broken_paths(page: Path, text: str) -> list[str]:
    """Paths and files between backticks that are not in the checkout."""
    found = []
    for code in CODE.findall(prose(text)):
        for word in code.split():
            if re.fullmatch(r"(?:\.\./)*[\w.-]+(?:/[\w.-]+)+/?", word):
                place = word.removeprefix("../").split("/")[0]
                missing = place in TOP and not (ROOT / word).exists() and not (page.parent / word).exists()
            else:
                missing = bool(FILE.fullmatch(word)) and word not in SOURCES | TOP | ELSEWHERE
            # What follows the name of an option is the user's own.
            if missing and code.split()[0] not in ("tilewright", ".venv/bin/tilewright"):
                found.append(word)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_path_exists(page):
    text = page.read_text(encoding="utf-8")
    assert broken_links(page, text) + broken_paths(page, text) == []


def test_the_pages_are_those_of_the_readme_and_more():
    some = ("README.md", "CONTRIBUTING.md", "constraints/README.md", "docs/verification.md", "docs/results/index.md")
    assert {ROOT / name for name in some} <= set(PAGES)


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](README.md), [b](hw/README.md#the-generator), ![c](docs/images/accelerator.svg)", []),
        ("[a](READ.md)", ["READ.md"]),
        ("[`READ.md`](READ.md 'x')", ["READ.md", "READ.md"]),
        ('<img src="no.svg">', ["no.svg"]),
        ("[a]: no.md", ["no.md"]),
        ("# Two Words\n[a](#two-words) [b](#three)", ["#three"]),
        ("[a](docs/verification.md#resets) [b](docs/verification.md#x)", ["docs/verification.md#x"]),
        ("[a](gopher://no.where) `[b](no.md)`\n\n    [c](no.md)\n\n```\n[d](no.md)\n```\n", []),
        ("`hw/tilewright/tile.py` `hw/tilewright/tile/tile.py` `sim/tilewright_sim`", ["hw/tilewright/tile.py"]),
        ("`tile_feeder.py`, `test_layers.py`, `registers.md`, `build/x.py`, `my.toml/x`", ["tile_feeder.py"]),
        ("`pytest tests/no_such.py -k x` `tilewright gemm --config my.toml`", ["tests/no_such.py"]),
    ],
)  # fmt: skip
def test_broken_links_are_found(text, broken):
    assert broken_links(ROOT / "x.md", text) + broken_paths(ROOT / "x.md", text) == broken
