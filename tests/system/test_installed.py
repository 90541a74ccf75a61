"""The wheel, installed as users install it: other interpreters, other folders, other versions of the tools."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tilewright.base import FAMILIES
from tilewright.cores import CORES
from tilewright.verilog.writer import ECP5_MODELS, generate
from tilewright_sim.cli.main import COMMANDS

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
# Each core, and of its sizes those up to base: larger ones have the same modules.
GENERATE_ALL = """
import sys
import zipfile
from pathlib import Path
from tilewright.base import FAMILIES
from tilewright.cores import CORES
from tilewright.verilog import generate
for core in CORES.values():
    for preset in core.config.PRESETS.keys() - {"large", "giant"}:
        generate(core, core.config.preset(preset), Path(sys.argv[1], core.name, preset))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT], folder)
    (made,) = folder.glob("*.whl")
    return made


def installed(python: str | Path, wheel: Path, extra: str, folder: Path) -> Path:
    """A virtual environment with the wheel and one extra."""
    run([python, "-m", "venv", folder / "venv"], folder)
    requirement = f"{wheel}[{extra}]" if extra else str(wheel)
    run([folder / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", requirement], folder)
    return folder / "venv" / "bin"


def run(command, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=os.environ | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_carries_the_types_of_both_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert {"tilewright/py.typed", "tilewright_sim/py.typed"} <= set(archive.namelist())


@pytest.mark.parametrize("extra", ["", "area", "sim"])
def test_an_empty_environment_with_one_extra_has_working_commands(extra, wheel, tmp_path):
    folder = tmp_path / "with blank and ä"
    folder.mkdir()
    commands = installed(sys.executable, wheel, extra, folder)
    tilewright = commands / "tilewright"
    for name in COMMANDS:
        assert "Usage: tilewright" in run([tilewright, name, "--help"], folder)
    run([tilewright, "generate", "accelerator", "-p", "nano"], folder)
    assert (folder / "build" / "accelerator.v").exists()
    area, gemm = ["area", "tile", "-p", "nano"], ["gemm", "--random", "4x4x4", "-p", "nano", "--json"]
    for needed, words, missing in (
        ("area", area, "Yosys is missing: run `pip install 'tilewright[area]'`"),
        ("sim", gemm, "gemm needs the package numpy: run `pip install 'tilewright[sim]'`"),
    ):
        if extra == needed:
            assert run([tilewright, *words], folder, TILEWRIGHT_CACHE=str(folder / "cache"))
        else:
            done = subprocess.run([tilewright, *words], cwd=folder, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout, done.stderr) == (2, "", f"tilewright: {missing}\n")


def test_an_installed_wheel_verifies_a_configuration_in_an_empty_folder(wheel, tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    tilewright = installed(sys.executable, wheel, "verify", tmp_path) / "tilewright"
    command = [tilewright, "verify", "accelerator", "-p", "nano", "--effort", "quick", "--html", "report.html"]
    assert "25 passed" in run(command, folder, TILEWRIGHT_CACHE=str(folder / "cache"))
    assert (folder / "report.html").exists()
    run([tilewright, "generate", "tile", "-p", "nano", "--testbench", "-o", "b"], folder)
    python = tilewright.with_name("python")
    run(["make", "-C", "b", "SIM=icarus", f"PYTHON={python}", "COCOTB_TEST_FILTER=extreme"], folder)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """Every file of the presets, as this Python writes them."""
    folder = tmp_path_factory.mktemp("generated")
    run([sys.executable, "-c", GENERATE_ALL, folder], folder)
    return files_of(folder)


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_each_python_writes_the_same_bytes(minor, wheel, generated, tmp_path):
    python = interpreter(minor)
    if python is None:
        pytest.skip(f"there is no Python 3.{minor}")
    commands = installed(python, wheel, "", tmp_path)
    run([commands / "python", "-c", GENERATE_ALL, tmp_path / "other"], tmp_path)
    assert files_of(tmp_path / "other") == generated


def interpreter(minor: int) -> str | None:
    """A Python that runs, from the path or from pyenv."""
    found = [shutil.which(f"python3.{minor}")]
    if shutil.which("pyenv"):
        root = Path(subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip())
        found += map(str, sorted((root / "versions").glob(f"3.{minor}.*/bin/python3")))
    return next(filter(lambda python: python and version(python) == f"3.{minor}", found), None)


def version(python: str) -> str:
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize("core", CORES)
def test_the_verilator_of_debian_12_finds_no_fault(core, tmp_path):
    verilator = debian_verilator(tmp_path)
    chosen = CORES[core]
    for family in FAMILIES:
        first = next(iter(chosen.config.PRESETS))
        generate(chosen, chosen.config.preset(first), tmp_path / family, family)
        top = tmp_path / family / f"{chosen.module}.v"
        # Primitives of the iCE40 are described by Yosys alone.
        sources = [top, *([ECP5_MODELS] if family == "ecp5" else [])]
        if family == "ice40" and re.search(r"\bSB_", top.read_text(encoding="utf-8")):
            continue
        done = subprocess.run(
            [verilator, "--lint-only", "-Wall", "--top-module", chosen.module, *sources],
            env=os.environ | {"VERILATOR_ROOT": str(tmp_path / "usr" / "share" / "verilator")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), family


def debian_verilator(folder: Path) -> Path:
    """Debian's package, unpacked but not installed."""
    if shutil.which("apt-get") is None or "bookworm" not in Path("/etc/os-release").read_text(encoding="utf-8"):
        pytest.skip("this is not Debian 12")
    fetched = subprocess.run(["apt-get", "download", "verilator"], cwd=folder, capture_output=True, check=False)
    if fetched.returncode:
        pytest.skip("the package cannot be downloaded")
    run(["dpkg", "-x", next(folder.glob("verilator_*.deb")), folder], folder)
    return folder / "usr" / "bin" / "verilator_bin"
