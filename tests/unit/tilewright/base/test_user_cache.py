"""The cache is where the environment says, and somewhere that works where it says nothing that does."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest
from unit.tilewright_sim.cli.test_main import tilewright

from tilewright.base import TilewrightError, cache_folder, user_cache, wheel_environment


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """A home, a working directory and a temporary folder of the test's own; no variable is set."""
    for name in ("TILEWRIGHT_CACHE", "XDG_CACHE_HOME", "YOWASP_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("home", "here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for cached in (user_cache._temporary, user_cache._can_cache):
        cached.cache_clear()
    yield
    for cached in (user_cache._temporary, user_cache._can_cache):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({}, "home/.cache/tilewright"),
        ({"TILEWRIGHT_CACHE": ""}, "home/.cache/tilewright"),
        ({"TILEWRIGHT_CACHE": "relative/x"}, "here/relative/x"),
        ({"TILEWRIGHT_CACHE": "~/mine"}, "home/mine"),
        ({"TILEWRIGHT_CACHE": "~"}, "home"),
        ({"XDG_CACHE_HOME": ""}, "home/.cache/tilewright"),
        ({"XDG_CACHE_HOME": "relative"}, "home/.cache/tilewright"),
        ({"XDG_CACHE_HOME": "~/cache"}, "home/.cache/tilewright"),
        ({"XDG_CACHE_HOME": "{}/a b/cäche"}, "a b/cäche/tilewright"),
        ({"TILEWRIGHT_CACHE": "{}/a b", "XDG_CACHE_HOME": "{}/other"}, "a b"),
    ],
)
def test_the_environment_sets_the_cache_folder(variables, place, tmp_path, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    assert cache_folder() == tmp_path / place
    assert cache_folder().is_dir()


@pytest.mark.parametrize("home", [None, "", "relative", "/dev/null/home"])
def test_without_a_writable_home_it_is_a_temporary_folder_and_one_line_reports_it(home, monkeypatch, capsys):
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(pwd, "getpwuid", lambda _: (_ for _ in ()).throw(KeyError("uid not found")))
    found = cache_folder()
    assert found == Path(tempfile.gettempdir()) / f"tilewright-{os.getuid()}"
    assert found.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == found
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tilewright: the user's cache cannot be used (")
    assert line.endswith("set TILEWRIGHT_CACHE")
    assert list(Path.cwd().iterdir()) == []


def test_a_temporary_folder_that_others_can_write_is_not_trusted(monkeypatch):
    folder = Path(tempfile.gettempdir()) / f"tilewright-{os.getuid()}"
    folder.mkdir()
    folder.chmod(0o777)
    monkeypatch.setenv("HOME", "/dev/null/home")
    with pytest.raises(TilewrightError, match=r"not a folder of this user's alone; set TILEWRIGHT_CACHE"):
        cache_folder()


@pytest.mark.parametrize("chosen", ["/dev/null/x", "/proc/x", "~no_such_user/x"])
def test_a_chosen_folder_that_cannot_be_written_is_refused(chosen, tmp_path):
    done = tilewright("gemm", "-p", "nano", folder=tmp_path / "here", TILEWRIGHT_CACHE=chosen)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "TILEWRIGHT_CACHE" in done.stderr
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("tool", ["YoWASP", "wasmtime"])
def test_a_tool_of_a_wheel_keeps_its_own_cache(tool, tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "mine"))
    assert "XDG_CACHE_HOME" not in wheel_environment(tool)
    user_cache._can_cache.cache_clear()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    assert wheel_environment(tool)["XDG_CACHE_HOME"] == str(tmp_path / "own")


@pytest.mark.parametrize("tool", ["YoWASP", "wasmtime"])
@pytest.mark.parametrize(("name", "value"), [("XDG_CACHE_HOME", "relative"), ("HOME", "/dev/null/home")])
def test_a_tool_of_a_wheel_that_cannot_write_its_own_cache_gets_ours(tool, name, value, tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "mine"))
    monkeypatch.setenv(name, value)
    assert wheel_environment(tool)["XDG_CACHE_HOME"] == str(tmp_path / "mine")


def test_verilog_is_generated_without_a_writable_home(tmp_path):
    environment = {"HOME": "/dev/null/home", "TILEWRIGHT_CACHE": str(tmp_path / "mine")}
    done = tilewright("generate", "tile", "-p", "nano", folder=tmp_path / "here", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "mine" / "wasmtime").is_dir()
