"""`scripts/test --all` continues where it was ended: what has passed on the same sources is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

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
