"""The command: what it prints, and that a mistake is one line and exit status 2."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tilewright.flows.fpga import Area, FpgaFlow, ModuleAreas, Placement
from tilewright_sim.cli import main as cli
from tilewright_sim.cli.main import COMMANDS

TILEWRIGHT = Path(sys.executable).with_name("tilewright")


def tilewright(
    *arguments: str, folder: Path, seconds: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TILEWRIGHT, *arguments],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["generate", "tile", "--preset", "smal"], "nearest that works: small"),
        (["generate", "tile", "--set", "rows=65"], "rows = 65: must be 1 to 64; nearest that works: 64"),
        (["generate", "tile", "--set", "rows"], "FIELD=VALUE"),
        (["generate", "tile", "--set", "dot=3"], "dot = 3: must divide rows = 8"),
        (["generate", "tile", "--config", "missing.toml"], "cannot read missing.toml: No such file"),
        (["generate", "tile", "--config", "broken.toml"], "broken.toml is not valid TOML"),
        (["generate", "tile", "--config", "unknown.toml"], "foo = 1: there is no such field"),
        (["generate", "tile", "-o", "file"], "cannot write file"),
        (["generate", "tyle"], "'tile'"),
        (["generate"], "CORE"),
        (["area", "tile", "--targt", "ecp5"], "--target"),
        (["area", "tile", "--target", "asic"], "for --target asic"),
        (["presets", "--schema"], "needs a CORE"),
        (["bench", "tile", "--docs", "pages"], "it does not have the marks <!-- bench tile --> and <!-- end tile -->"),
        (
            ["bench", "dma", "--docs", "pages"],
            "dma.md: No such file or directory; --docs takes the folder docs/results",
        ),
        (["bench", "gemm", "--docs", "pages"], "gemm.md: it is not UTF-8"),
        (["demo", "--images", "451"], "451"),
        (["demo", "--board-sim", "--preset", "nano"], "a board has its own"),
        (["report", "tile", "--target", "ecp5", "--freq", "180"], "is checked by place and route: add --seeds 1"),
        (["report", "tile", "--target", "xc7", "--freq", "180"], "the target xc7 has no timing"),
        (["bitstream", "--board", "icebreaker", "-o", "file"], "cannot write file: file is a file"),
        (["bitstream", "--board", "icebreaker", "--set", "clock_hz=12_012_345"], "the nearest is clock_hz = "),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(here, arguments, says, tmp_path):
    (tmp_path / "broken.toml").write_text("rows = = 3")
    (tmp_path / "unknown.toml").write_text("[tile]\nfoo = 1")
    (tmp_path / "file").write_text("text")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "tile.md").write_text("text")
    (tmp_path / "pages" / "gemm.md").write_bytes(b"\xff")
    before = sorted(tmp_path.rglob("*"))
    status, output, message = here(*arguments, folder=tmp_path)
    assert (status, output) == (2, "")
    assert len(message.splitlines()) == 1
    assert message.startswith("tilewright: ")
    assert says in message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_compiler_is_named_with_its_package(tmp_path):
    done = tilewright("demo", "--images", "1", folder=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "tilewright: g++ is missing, which Verilator needs: run `apt-get install g++`\n"


def test_generate_takes_preset_then_file_then_settings(tmp_path):
    (tmp_path / "my.toml").write_text("[tile]\nrows = 2\ncols = 3\ndot = 2\n")
    done = tilewright(
        "generate", "tile", "--preset", "nano", "--config", "my.toml", "--set", "cols=5", "-o", "out", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "tile.sdc", "tile.v"]
    config = json.loads((tmp_path / "out" / "config.json").read_text())["config"]
    assert (config["rows"], config["cols"], config["dot"], config["multiplier"]) == (2, 5, 2, "infer")


def test_area_as_json_counts_in_total_and_per_multiplier(tmp_path):
    done = tilewright(
        "area", "tile", "--preset", "nano", "--set", "multiplier=dsp", "--target", "ecp5", "--json", folder=tmp_path
    )
    report = json.loads(done.stdout)
    assert report["total"]["dsp"] == 16
    assert report["per_multiplier"]["dsp"] == 1


def test_the_list_of_commands_imports_none_of_them(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = tilewright("--help", folder=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 0.5


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_list_says_and_is_called_so(name):
    assert COMMANDS[name].load().name == name


def test_the_schema_describes_every_field(tmp_path):
    schema = json.loads(tilewright("presets", "tile", "--schema", folder=tmp_path).stdout)
    assert all("description" in field for field in schema["properties"].values())
    assert schema["properties"]["rows"]["maximum"] == 64


def test_fmax_prints_every_seed_and_the_best(monkeypatch):
    monkeypatch.setattr(FpgaFlow, "placements", lambda _, seeds: (Placement(n, 100.0 + 7 * n % 5, []) for n in seeds))
    done = CliRunner().invoke(cli.cli, ["fmax", "tile", "--seeds", "4"])
    assert done.stdout.splitlines() == [
        "seed 1: 102.0 MHz",
        "seed 2: 104.0 MHz",
        "seed 3: 101.0 MHz",
        "seed 4: 103.0 MHz",
        "best: 104.0 MHz",
    ]


def test_area_is_that_of_the_target(monkeypatch):
    asked = []

    def areas(flow):
        asked.append((flow.core.name, flow.config.data_bits, flow.family))
        return ModuleAreas(Area(lut4=1234, carry=5, ff=6, dsp=7, bram=8, multipliers=0), 0, [])

    monkeypatch.setattr(FpgaFlow, "areas", areas)
    done = CliRunner().invoke(cli.cli, ["area", "dma-reader", "--set", "data_bits=128", "--target", "ice40"])
    assert asked == [("dma-reader", 128, "ice40")]
    assert "1,234" in done.stdout


def test_generate_for_ecp5_writes_models_of_the_primitives(tmp_path):
    done = tilewright("generate", "dma-reader", "--target", "ecp5", "-o", "out", folder=tmp_path)
    files = ["config.json", "dma_reader.sdc", "dma_reader.v", "ecp5_models.v"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    assert len(done.stdout.splitlines()) == 4
    assert "CCU2C" in (tmp_path / "out" / "dma_reader.v").read_text()


@pytest.mark.parametrize("arguments", [[], ["generate"], ["presets", "--schema"]])
def test_a_command_without_what_it_needs_fails(here, arguments, tmp_path):
    assert here(*arguments, folder=tmp_path)[0] == 2


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1", "COLUMNS": "0"},
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
        {"COLUMNS": "²", "LINES": "²"},
        {"COLUMNS": "-1", "LINES": "many"},
        {"COLUMNS": "9" * 30},
        {"COLUMNS": "1"},
        {"TERM": "no-such-terminal", "NO_COLOR": "1", "FORCE_COLOR": "1"},
    ],
    ids=repr,
)
def test_a_table_is_printed_in_any_environment(environment, tmp_path):
    done = subprocess.run(
        [TILEWRIGHT, "presets", "accelerator"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"rows" in done.stdout or environment.get("COLUMNS") == "1"


@pytest.mark.parametrize(
    ("redirection", "status", "says"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
        (">/dev/full", 2, "tilewright: [Errno 28] No space left on device"),
        ("| true", 1, ""),
    ],
)
def test_output_that_cannot_be_written_is_no_traceback(redirection, status, says, tmp_path):
    command = f"set -o pipefail; {TILEWRIGHT} presets {redirection}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (status, says)


def test_an_interrupt_is_one_line_and_status_130(capsys, monkeypatch):
    @click.command()
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["tilewright"])
    with pytest.raises(SystemExit) as ended:
        cli.run(interrupted)
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == "tilewright: interrupted"
