"""`scripts/test --all` continues where it was ended: what has passed on the same sources is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support import resume
from support.scorecard import sources

TESTS = Path(__file__).parents[1]
QUICK = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
SUITE = """
import os
def test_right(): pass
def test_wrong(): assert "MENDED" in os.environ
"""


def run(folder, *arguments, **environment):
    (folder / "test_suite.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-p", "xdist", "-p", "support.resume", "--rootdir", str(folder), "-q"]
    done = subprocess.run(
        [*command, "--resume", str(folder / "state"), *arguments, "test_suite.py"],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(TESTS), "PYTEST_ADDOPTS": "", **QUICK} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, re.sub(" in .*", "", done.stdout.splitlines()[-1])


def test_only_what_has_not_passed_runs_again(tmp_path):
    assert run(tmp_path, "-n", "2") == (1, "1 failed, 1 passed")
    assert run(tmp_path, MENDED="1") == (0, "1 passed, 1 deselected")
    assert run(tmp_path) == (0, "2 deselected")


def test_a_change_of_anything_that_tests_read_begins_again(tmp_path, monkeypatch):
    for name in ("hw/driver.c", "docs/page.md", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    for module in (resume, sources):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    seen = {resume.sources_and_tools()}
    for name in ("hw/driver.c", "docs/page.md", "README.md"):
        (tmp_path / name).write_text("2")
        seen.add(resume.sources_and_tools())
    assert len(seen) == 4
    (tmp_path / "hw" / "__pycache__").mkdir()
    (tmp_path / "hw" / "__pycache__" / "x.pyc").write_text("3")
    assert resume.sources_and_tools() in seen
