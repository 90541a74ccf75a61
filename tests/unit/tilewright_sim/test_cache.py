"""The cache: damaged entries are made again, and leftovers of dead processes are removed."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tilewright_sim import cache
from tilewright_sim.verilated import build as verilator
from tilewright_sim.verilated import plain_paths, run_group

DRIVER = '#include "Vtop.h"\nextern "C" int width() { Vtop top; return sizeof(top.q); }\n'
DAMAGES = {
    "cut": lambda file: os.truncate(file, file.stat().st_size // 2),
    "empty": lambda file: os.truncate(file, 0),
    "missing": Path.unlink,
    "other": lambda file: file.write_bytes(bytes(file.stat().st_size)),
}


def kept(folder: Path) -> Path:
    made = folder / "made"
    (made / "inner").mkdir(parents=True)
    (made / "a").write_text("text")
    (made / "inner" / "b").write_text("more text")
    cache.keep(made, folder / "kept")
    return folder / "kept"


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["a", "inner/b", cache.SEAL])
def test_damage_is_detected_and_replaced(name, damage, tmp_path):
    folder = kept(tmp_path)
    assert cache.is_whole(folder)
    DAMAGES[damage](folder / name)
    assert not cache.is_whole(folder)
    assert cache.is_whole(kept(tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_the_folder_of_a_faster_process_stays(tmp_path):
    file = kept(tmp_path) / "a"
    before = file.stat().st_ino
    (tmp_path / "made").mkdir()
    cache.keep(tmp_path / "made", tmp_path / "kept")
    assert file.stat().st_ino == before


def test_scratch_folders_of_dead_processes_are_removed_and_no_others(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from tilewright_sim.cache import scratch\n"
        "with scratch(Path(sys.argv[1]), 'x') as folder: (folder / 'file').touch(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    (tmp_path / ".x-young").mkdir()
    (tmp_path / ".y-other").mkdir()
    with cache.scratch(tmp_path, "x") as mine, cache.scratch(tmp_path, "x") as another:
        assert not left.exists()
        assert mine.is_dir()
        assert another.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x-young", ".y-other"]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A folder with a library."""
    folder = tmp_path_factory.mktemp("compiled")
    build(folder)
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_library_is_compiled_again(damage, compiled, tmp_path):
    shutil.copytree(compiled, tmp_path, dirs_exist_ok=True)
    library = build(tmp_path)
    made = library.stat().st_mtime_ns
    assert build(tmp_path).stat().st_mtime_ns == made
    DAMAGES[damage](library)
    assert ctypes.CDLL(str(build(tmp_path))).width() == 1


def test_a_library_depends_on_compiler_and_processor(compiled, tmp_path, monkeypatch):
    shutil.copytree(compiled, tmp_path, dirs_exist_ok=True)
    first = build(tmp_path)
    assert first.stat().st_mtime_ns == build(compiled).stat().st_mtime_ns
    monkeypatch.setattr(verilator, "_said", lambda *command: " ".join(command))
    assert build(tmp_path) != first


def test_a_library_is_compiled_whatever_its_folders_are_called(tmp_path):
    folder = tmp_path / "with blank, ä $(x) 'quote' #"
    folder.mkdir()
    assert ctypes.CDLL(str(build(folder))).width() == 1
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_plain_paths_are_the_folders_themselves_or_links_to_them(tmp_path):
    (tmp_path / "a b").mkdir()
    with plain_paths([tmp_path, tmp_path / "a b"]) as (same, link):
        assert same == tmp_path
        assert " " not in str(link)
        assert link.samefile(tmp_path / "a b")
    assert not link.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_of_a_build_ends_all_its_processes_and_leaves_nothing(number, tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        # Whoever started the tests may ignore it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tilewright_sim.cache import scratch; from tilewright_sim.verilated.compiling import run_group\n"
        "with scratch(Path(sys.argv[1]), 'x') as folder:\n"
        "    run_group(['sh', '-c', 'sleep 1000 & echo $! > child; touch ready; wait'], dict(os.environ), folder)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("*/ready")):
        assert process.poll() is None, "the build ended before it began"
        time.sleep(0.02)
    child = int(next(tmp_path.glob("*/child")).read_text())
    process.send_signal(number)
    assert process.wait(timeout=20) != 0
    assert list(tmp_path.iterdir()) == []
    for _ in range(100):
        if ended(child):
            return
        time.sleep(0.05)
    pytest.fail("a process of the build is still running")


def ended(process: int) -> bool:
    """Whether a process is gone, or waits for nothing but to be asked how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_command_returns_its_output_and_its_exit_status(tmp_path):
    done = run_group(["sh", "-c", "printf 'caf\\351'; echo wrong >&2; exit 3"], dict(os.environ), tmp_path)
    assert (done.stdout, done.stderr, done.returncode) == ("caf\ufffd", "wrong\n", 3)


def build(folder: Path) -> Path:
    (folder / "driver.cpp").write_text(DRIVER)
    (folder / "one.v").write_text("module one(input d, output q); assign q = ~d; endmodule\n")
    return verilator.build_library([folder / "one.v"], folder / "driver.cpp", "one", folder)
