"""The command ``explore``: its files, its errors, and that neither Ctrl-C nor a dead worker loses a result."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.flows.fpga import Area, FpgaFlow, ModuleAreas
from tilewright_sim.cli import explore as explore_cli
from tilewright_sim.cli import main as cli
from tilewright_sim.explore.cycles import use
from tilewright_sim.models.cycles import Bus
from tilewright_sim.workers import Outcome

BIN = Path(sys.executable).parent
# Something like a second for each point, of the cycle model alone.
POINTS = 6
SLOW = ["accelerator", "-p", "small", "--set", "panel_words=256", "--shape", "64x256x256", "--measure", "cycles",
        "--sweep", "id_bits=" + ",".join(map(str, range(1, POINTS + 1))), "-o", "out"]  # fmt: skip
TILES = ["tile", "-p", "nano", "--sweep", "dot=1,2,4,3", "--measure", "cycles", "-o", "out"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder to work in, with a cache of its own."""
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def in_process(monkeypatch):
    """Measure here instead of on workers; returns the numbers of the points that were measured."""
    asked = []

    def run_tasks(_, tasks, done, measure, total):
        assert total >= len(tasks)
        for number, task in tasks.items():
            asked.append(number)
            done(number, measure(task))

    monkeypatch.setattr(explore_cli, "cluster", lambda *_: open(os.devnull))  # noqa: SIM115  # any context
    monkeypatch.setattr(explore_cli, "run_tasks", run_tasks)
    return asked


@pytest.fixture
def heeds_interrupt():
    """A shell starts what it runs in the background with the interrupt ignored, these tests too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def explore(*arguments: str):
    return CliRunner().invoke(cli.cli, ["explore", *arguments], standalone_mode=False)


def lines(home: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((home / "out" / "points.csv").read_text().splitlines()))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tile"], "nothing to sweep"),
        (["tile", "--sweep", "row=4"], "there is no field row"),
        (["tile", "--sweep", "dot=3,5", "--set", "rows=8"], "no point of the sweep can be built"),
        (["tile", "--sweep", "dot=1", "--measure", "speed"], "'speed' is not one of area, fmax, energy, cycles"),
        (["tile", "--sweep", "dot=1", "--target", "ecp6"], "--target ecp6: must be one of"),
        (["tile", "--sweep", "dot=1", "--target", "asic"], "--liberty"),
        (["tile", "--sweep", "dot=1", "--target", "asic", "--liberty", "no.lib"], "cannot read no.lib"),
        (["tile", "--sweep", "dot=1", "--target", "asic", "--liberty", "file"], "file"),
        (["tile", "--sweep", "dot=1", "--target", "xc7", "--measure", "fmax"], "no place and route for xc7"),
        (["tile", "--sweep", "dot=1", "--measure", "energy"], "--target asic and --liberty FILE"),
        (["tile", "--sweep", "dot=1", "--shape", "8x8"], "write it as MxNxK"),
        (["tile", "--sweep", "dot=1", "--shape", "8x0x8"], "write it as MxNxK"),
        (["tile", "--sweep", "dot=1", "--freq", "nan"], "nan is not a finite number"),
        (["tile", "--sweep", "dot=1", "--bandwidth", "2"], "2.0 is not in the range"),
        (["tile", "--sweep", "dot=1", "-c", "no.toml"], "cannot read no.toml"),
        (["tile", "--sweep", "dot=1", "-o", "file"], "cannot write file: file is a file"),
        (["dma-reader", "--sweep", "data_bits=64"], "'dma-reader'"),
    ],
)
def test_a_mistake_writes_nothing(arguments, says, home, in_process):
    (home / "file").write_text("")
    done = explore(*arguments)
    assert says in str(getattr(done.exception, "message", done.exception))
    assert sorted(path.name for path in home.iterdir()) == ["file"]


@pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:9", "nonsense://x"])
def test_an_unreachable_scheduler_is_a_mistake_of_one_line(scheduler, home, monkeypatch):
    monkeypatch.setattr("tilewright_sim.workers._PATIENCE", 0.2)
    (home / "out").mkdir(exist_ok=True)
    (home / "out" / "points.csv").write_text("earlier")
    done = explore(*TILES, "--scheduler", scheduler, "--output", str(home / "out"))
    assert {path.name: path.read_text() for path in (home / "out").iterdir()} == {"points.csv": "earlier"}
    assert isinstance(done.exception, TilewrightError)
    assert f"no Dask scheduler at {scheduler}" in str(done.exception)


def test_points_are_measured_once_and_kept(home, in_process):
    assert explore(*TILES).return_value == 0
    assert in_process == [1, 2, 3]
    assert [line["status"] for line in lines(home)] == ["measured"] * 3 + ["skipped"]
    assert explore(*TILES).return_value == 0
    assert in_process == [1, 2, 3]
    assert explore(*TILES, "--fresh").return_value == 0
    assert in_process == [1, 2, 3] * 2
    exploration = json.loads((home / "out" / "points.json").read_text())
    assert [point["number"] for point in exploration["points"]] == [1, 2, 3]
    assert exploration["skipped"][0]["nearest"] == 2
    assert "100 MHz, as none was given" in exploration["about"]


def test_a_failing_point_does_not_affect_others(home, in_process, monkeypatch):
    monkeypatch.setattr(
        explore_cli, "measure", lambda task: Outcome({} if task.config.dot == 2 else {"cycles": []}, "no")
    )
    assert explore(*TILES).return_value == 1
    assert [line["status"] for line in lines(home)] == ["measured", "failed", "measured", "skipped"]


@pytest.mark.parametrize(("rows", "states"), [("2,8,16", ["measured", "failed", "failed"]), ("8,16", ["failed"] * 2)])
def test_a_point_that_does_not_fit_says_by_how_much(rows, states, home, in_process, monkeypatch):
    def areas(flow):
        total = Area(lut4=1000 * flow.config.rows, carry=0, ff=9, dsp=0, bram=0, multipliers=4)
        return ModuleAreas(total, 0, [])

    monkeypatch.setattr(FpgaFlow, "areas", areas)
    fixed = ["--set", "cols=4", "--set", "dot=2", "--target", "ice40-up5k", "-o", "out"]
    assert explore("tile", "--sweep", f"rows={rows}", *fixed, "--measure", "area,cycles").return_value == 1
    found = lines(home)
    assert [line["status"] for line in found] == states
    assert "does not fit ice40-up5k" in found[-1]["reason"]
    assert "16,000 LUT4 of 5,280 (10,720 too many)" in found[-1]["reason"]
    page = (home / "out" / "explore.html").read_text(encoding="utf-8")
    assert "10,720 too many" in page
    points = json.loads((home / "out" / "points.json").read_text())["points"]
    assert [point["status"] for point in points] == states


def test_an_interrupt_writes_the_results_so_far_and_the_next_run_continues(home, in_process, monkeypatch):
    right = explore_cli.measure

    def interrupted(task):
        if task.config.dot == 4:
            raise KeyboardInterrupt
        return right(task)

    monkeypatch.setattr(explore_cli, "measure", interrupted)
    assert explore(*TILES).return_value == 130
    assert [line["status"] for line in lines(home)] == ["measured", "measured", "unfinished", "skipped"]
    monkeypatch.setattr(explore_cli, "measure", right)
    assert explore(*TILES).return_value == 0
    assert in_process == [1, 2, 3, 3]


def started(*command: str, **options) -> subprocess.Popen:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


def wait_until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def cached(home: Path) -> int:
    return len(list((home / "cache").rglob("*.json")))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command_alone_is_an_interrupt(sent, home, in_process, heeds_interrupt, monkeypatch):
    monkeypatch.setattr(explore_cli, "measure", lambda _: os.kill(os.getpid(), sent) or Outcome({"cycles": []}))
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert explore(*TILES).return_value == 130
    assert "unfinished" in {line["status"] for line in lines(home)}
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_ctrl_c_in_a_terminal_keeps_what_is_measured_and_leaves_no_process(home, heeds_interrupt):
    sweep = started(BIN / "tilewright", "explore", *SLOW, "--jobs", "1", start_new_session=True)
    wait_until(lambda: cached(home) >= 2)
    family = [psutil.Process(sweep.pid), *psutil.Process(sweep.pid).children(recursive=True)]
    os.killpg(sweep.pid, signal.SIGINT)  # as a terminal does: to all of them
    assert sweep.wait(timeout=30) == 130
    states = [line["status"] for line in lines(home)]
    assert states.count("measured") == cached(home) < POINTS
    assert set(states) == {"measured", "unfinished"}
    assert (home / "out" / "explore.html").stat().st_size > 1e6
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive


def test_a_worker_that_is_killed_half_way_loses_nothing(home):
    """A scheduler, two workers and the sweep, each a process of its own."""
    address = home / "scheduler.json"
    dask = (sys.executable, "-m", "dask")
    processes = [started(*dask, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(address))]
    try:
        wait_until(address.exists)
        worker = (*dask, "worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-nanny", "--no-dashboard")
        processes += [started(*worker, cwd=home) for _ in range(2)]
        scheduler = json.loads(address.read_text())["address"]
        sweep = started(BIN / "tilewright", "explore", *SLOW, "--scheduler", scheduler)
        processes.append(sweep)
        wait_until(lambda: cached(home) >= 2)
        processes[1].kill()
        assert cached(home) < POINTS - 1
        assert sweep.wait(timeout=60) == 0
    finally:
        for process in processes:
            process.kill()
            process.wait()
    config = AcceleratorConfig(**AcceleratorConfig.preset_values("small") | {"panel_words": 256})
    want = use(config, (64, 256, 256), Bus(latency=64)).cycles
    assert [(line["status"], line["cycles 64x256x256"]) for line in lines(home)] == [("measured", str(want))] * POINTS
