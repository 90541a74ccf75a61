"""The documentation builds without a warning, needs no network, and draws what the simulator records."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tilewright.accelerator.registers import ERRORS, FLAGS, REGISTERS
from tilewright.cores import CORES
from tilewright_sim.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

import timing  # noqa: E402  # lives beside the pages


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; a warning fails it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "-n", "-q", "-d", str(folder / "trees")]
    result = subprocess.run([*command, str(DOCS), str(folder / "html")], capture_output=True, text=True, check=False)
    assert not result.returncode, result.stderr
    return folder / "html"


def text(site, page):
    """What a reader sees of a page."""
    html = (site / f"{page}.html").read_text(encoding="utf-8")
    return re.sub(r"<[^>]*>", "", html.partition("<article")[2]).replace("&lt;", "<").replace("&gt;", ">")


def test_every_page_opens_without_a_network(site):
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"([^\"]*)\"|<link[^>]* href=\"([^\"]*)\"", html)
        assert not [url for pair in loaded for url in pair if re.match(r"(https?:)?//", url)], page


def test_the_reference_lists_what_there_is(site):
    assert [name for name in COMMANDS if f"tilewright {name}" not in text(site, "reference/cli")] == []
    fields = {name for core in CORES.values() for name in core.config.fields()}
    assert [name for name in fields if name not in text(site, "reference/configuration")] == []
    assert [r.name for r in REGISTERS if r.name not in text(site, "reference/registers")] == []
    assert [name for name in FLAGS if name not in text(site, "reference/descriptor")] == []
    assert [name for name in ERRORS if name not in text(site, "reference/errors")] == []
    assert [core.module for core in CORES.values() if core.module not in text(site, "reference/ports")] == []


def test_no_mark_is_left_in_a_page(site):
    assert [page for page in site.rglob("*.html") if "from code:" in page.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("name", timing.DIAGRAMS)
def test_a_diagram_shows_what_the_simulator_records(name):
    kept = (timing.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert kept == timing.text(timing.DIAGRAMS[name]()), "record it again: python docs/_ext/timing.py"


def test_every_diagram_is_on_a_page():
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert set(re.findall(r"from code: diagram (\w+)", pages)) == set(timing.DIAGRAMS)
    assert {path.stem for path in timing.FOLDER.glob("*.json")} == set(timing.DIAGRAMS)
