"""Hundreds of odd invocations of every command: each mistake is one line and status 2, and leaves nothing behind.

Run in this process, as `main` runs them, up to where real work would begin: that raises `BegunError`.
"""

import importlib
import io
import os
import struct
import sys
import warnings
import zipfile
from pathlib import Path

import click
import numpy as np
import pytest

from tilewright.base import files
from tilewright_sim.cli import main as cli

LONG = "x" * 5000
ODD_TEXT = ["", " ", "\x1b[31mred\x07", LONG, "é²\u202e", "\udcff", "-", "nan", "[" * 2000, "../..", "*"]
ODD_NUMBERS = ["", "nan", "inf", "-inf", "-1", "1e-320", "1e400", "9" * 5000, "0x10", "²", "1_0", "\x1b[0m", "1.5.2"]
ODD_FILES = [
    "", "missing.npy", "folder", "empty", "text.npy", "cut.npy", "header.npy", "huge.npy", "digits.npy", "zip.npz",
    "cutzip.npz", "complex.npy", "dates.npy", "strings.npy", "object.npy", "struct.npy", "nested.toml", "latin.toml",
    "nested.json", "/dev/null", "/dev/full", "folder/nowhere/x", LONG, "link", "loop", "nested.npy", "ok.npy/x",
]  # fmt: skip


class BegunError(Exception):
    """Real work would begin now."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with files of many kinds."""
    path = tmp_path_factory.mktemp("odd")
    good = io.BytesIO()
    np.save(good, np.ones((4, 8), np.int8))
    whole = good.getvalue()
    header = b"{'descr': '|i1', 'fortran_order': False, 'shape': (%s,), }"

    def npy(shape):
        text = header % shape
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text

    contents = {
        "ok.npy": whole, "empty": b"", "text.npy": b"hello", "cut.npy": whole[:-5], "header.npy": whole[:40],
        "huge.npy": npy(b"1" + b"0" * 15), "digits.npy": npy(b"9" * 60), "latin.toml": b"[tile]\nrows = \xff",
        "nested.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 5000) + b"(" * 5000,
        "nested.toml": b"x = " + b"[" * 2000, "nested.json": b"[" * 100_000, "bad.toml": b"[tile", "a.toml": b"x = 1\n",
    }  # fmt: skip
    for name, content in contents.items():
        (path / name).write_bytes(content)
    for name, values in {
        "complex": np.ones((4, 8), complex), "dates": np.zeros((4, 8), "M8[s]"), "strings": np.full((4, 8), "a"),
        "struct": np.zeros((4, 8), [("a", "i1")]), "float": np.ones((4, 8)),
    }.items():  # fmt: skip
        np.save(path / f"{name}.npy", values)
    np.save(path / "rows.npy", np.ones((4, 8), np.float32))
    np.save(path / "object.npy", np.array([[None]]), allow_pickle=True)
    with zipfile.ZipFile(path / "zip.npz", "w") as archive:
        archive.writestr("a.npy", whole)
    (path / "cutzip.npz").write_bytes((path / "zip.npz").read_bytes()[:60])
    (path / "folder").mkdir()
    (path / "link").symlink_to("gone/there")
    (path / "loop").symlink_to("loop")
    return path


WORK = [
    ("tilewright_sim.cli.generate", ["core_files"]),
    ("tilewright_sim.cli.implement", ["FpgaFlow"]),
    ("tilewright_sim.cli.bitstream", ["build_bitstream", "program", "loader_command"]),
    ("tilewright_sim.cli.gemm", ["Simulator", "gemm_on_board", "estimate"]),
    ("tilewright_sim.cli.vector", ["Simulator"]),
    ("tilewright_sim.cli.estimate", ["estimate"]),
    ("tilewright_sim.cli.scale", ["_predict"]),
    ("tilewright_sim.cli.report", ["measure"]),
    ("tilewright_sim.cli.board", ["BoardSimulator"]),
    ("tilewright_sim.cli.bench", ["board_demo", "digits_demo"]),
    ("tilewright_sim.cli.explore", ["_run"]),
    ("tilewright_sim.cli.llm", ["Simulator", "fetch"]),
    ("tilewright_sim.cli.llm_model", ["load_model"]),
    ("tilewright_sim.soc", ["simulate", "build_for_board"]),
]
"""What is replaced, so that nothing is simulated or synthesized."""

BASES = {
    "generate": ["generate", "tile"], "area": ["area", "tile"], "fmax": ["fmax", "tile"], "presets": ["presets"],
    "bitstream": ["bitstream", "--board", "icebreaker"], "program": ["program", "--board", "icebreaker", "--dry-run"],
    "gemm": ["gemm"], "gemm files": ["gemm", "ok.npy", "ok.npy"], "estimate": ["estimate", "4x4x4"],
    "scale": ["scale", "--gemm", "4x4x4"], "registers": ["registers"], "completion": ["completion"],
    "report": ["report", "tile", "--target", "ecp5-25k"],
    "report power": ["report", "tile", "--target", "asic", "--liberty", "ok.npy", "--power"],
    "explore": ["explore", "tile", "--sweep", "dot=1,2"], "llm": ["llm", "hello", "--model", "ok.npy"],
    "perplexity": ["model", "perplexity", "--model", "ok.npy"], "fetch": ["model", "fetch"],
    "board-sim": ["board-sim", "--board", "icebreaker"], "demo": ["demo"], "bench": ["bench"],
    "vector": ["vector", "SOFTMAX", "--set", "vector_lanes=4"],
    "vector files": ["vector", "add", "--x", "rows.npy", "--y", "rows.npy", "--set", "vector_lanes=4"],
    "soc": ["soc", "--sim"], "soc board": ["soc", "--board", "ulx3s-85f"],
}  # fmt: skip


def command_of(words):
    command = cli.cli.get_command(None, words[0])
    return command.commands[words[1]] if isinstance(command, click.Group) else command


def odd_values(param):
    kind = param.type
    if isinstance(kind, click.Path):
        return ODD_FILES
    if isinstance(kind, click.types.IntParamType | click.types.FloatParamType):
        return ODD_NUMBERS
    return ODD_TEXT


def invocations():
    for name, words in BASES.items():
        command = command_of(words)
        for param in command.params:
            if isinstance(param, click.Option) and not param.is_flag:
                for value in odd_values(param):
                    yield name, [*words, param.opts[0], *([value] * param.nargs)]
            elif isinstance(param, click.Argument):
                for value in odd_values(param)[:12]:
                    yield (
                        name,
                        [words[0], *(words[1:2] if words[0] == "model" else []), *([value] * max(param.nargs, 1))],
                    )
        yield name, [*words, "--no-such-option"]
        yield name, [*words, "too", "many", "more", "words"]
    for setting in ("rows", "=", "rows=", "=3", "rows=²", "rows=1e9", f"rows={'9' * 5000}", f"{LONG}=1",
                    "rows=" + "[" * 2000,
                    "rows=nan", "rows=true", "multiplier=\x1b[31m", "dot=3", "no_such=1"):  # fmt: skip
        for words in (["generate", "tile"], ["gemm"], ["bitstream", "--board", "icebreaker"]):
            yield "set", [*words, "--set", setting]
    for file in (
        "nested.toml",
        "latin.toml",
        "bad.toml",
        "a.toml",
        "folder",
        "/dev/null",
        "missing.toml",
        "link",
        "loop",
    ):
        for words in (
            ["generate", "tile"],
            ["gemm"],
            ["estimate", "1x1x1"],
            ["scale", "--gemm", "1x1x1"],
            ["registers"],
            ["explore", "tile"],
        ):
            yield "config", [*words, "--config", file]
    yield from (("contradiction", words) for words in CONTRADICTIONS)


CONTRADICTIONS = [
    ["gemm", "--waveform-cycles", "0:10"], ["gemm", "--waveform", "w.fst", "--waveform-cycles", "10:2"],
    ["gemm", "--waveform", "w.fst", "--waveform-cycles", f"{'9' * 5000}:"], ["gemm", "--baud", "9600"],
    ["gemm", "--port", "/dev/null", "--trace", "t.json"], ["gemm", "--port", "/dev/null", "--latency", "3"],
    ["gemm", "ok.npy"], ["gemm", "ok.npy", "ok.npy", "--random", "4x4x4"], ["gemm", "-p", ""], ["gemm", "--random", ""],
    ["gemm", "ok.npy", "ok.npy", "--save", "c.npy", "--trace", "c.npy"],
    ["gemm", "ok.npy", "ok.npy", "--save", "ok.npy"],
    ["gemm", "ok.npy", "ok.npy", "--seed", "3"], ["gemm", "--zero-point", "3"], ["gemm", "--stall", "1"],
    ["gemm", "--bandwidth", "0"], ["gemm", "float.npy", "ok.npy"], ["gemm", "--scale", "complex.npy"],
    ["gemm", "--bias", "cut.npy"], ["report", "tile", "--matrices", "ok.npy", "ok.npy"],
    ["report", "tile", "--latency", "3"], ["report", "tile", "--data", "zeros"],
    ["report", "tile", "--liberty", "ok.npy"], ["scale", "--transformer", "gpt2", "--queue", "3"],
    ["gemm", "--scale", "1", "--result", "int32"],
    ["estimate", "1x1x1", "--bandwidth", "1e-320"], ["explore", "tile", "--sweep", "dot=1", "--seeds", "3"],
    ["explore", "tile"], ["explore", "dma-reader"], ["scale", "--gemm", "4x4x4", "--core-report", "nested.json"],
    ["demo", "--board-sim", "--preset", "small"], ["generate", "nothing"], ["nothing"], [LONG], ["\x1b[31m"],
    ["soc"], ["soc", "--sim", "--board", "ulx3s-85f"], ["soc", "--board", "icebreaker"],
    ["soc", "--sim", "--seeds", "2"], ["soc", "--sim", "--no-build"],
    ["soc", "--board", "ulx3s-85f", "--no-build", "--seeds", "2"],
    ["soc", "--sim", "-o", "ok.npy"], ["soc", "--board", "orangecrab-85f", "--preset", "nan"],
    ["vector", "COPY"], ["vector", "COPY", "4x4x4"], ["vector", "COPY", "--set", "vector_lanes=3"],
    ["vector", "ADD", "--x", "rows.npy", "--set", "vector_lanes=4"], ["vector", "SOFTMAX", "--set", "vector_lanes=32"],
    ["vector", "COPY", "--x", "float.npy", "--set", "vector_lanes=4"], ["vector", "COPY", "--limit", "3"],
    ["gemm", "--trace", "folder"], ["generate", "tile", "-o", "ok.npy"], ["generate", "tile", "-o", "ok.npy/deeper"],
]  # fmt: skip


def cases():
    return list(invocations())


@pytest.fixture
def no_work(monkeypatch):
    def begin(*_, **__):
        raise BegunError

    for module, names in WORK:
        for name in names:
            monkeypatch.setattr(importlib.import_module(module), name, begin)
    bench = importlib.import_module("tilewright_sim.cli.bench")
    monkeypatch.setattr(bench, "BENCHES", dict.fromkeys(bench.BENCHES, begin))


def listing(folder):
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize("name", [*BASES, "set", "config", "contradiction"])
def test_each_is_one_line_and_status_2_and_leaves_nothing(name, folder, no_work, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = listing(folder)
    tried = 0
    for group, words in invocations():
        if group != name:
            continue
        tried += 1
        status, begun = None, False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                cli.run(cli.cli, words)
        except SystemExit as ended:
            status = ended.code
        except BegunError:
            begun = True
        out, err = capsys.readouterr()
        shown = [word[:40] for word in words]
        if begun or status == 0:
            continue
        assert status == 2, (shown, status, err[-300:])
        if out == "" and err.startswith("Usage"):
            continue  # a group without a command shows its help
        lines = err.splitlines()
        assert len(lines) == 1, (shown, err[-600:])
        assert lines[0].startswith("tilewright: "), (shown, err)
        assert len(lines[0]) < 1000, shown
        assert lines[0].isprintable(), (shown, err)
        assert out == "", (shown, out)
        assert listing(folder) == before, shown
    assert tried >= 10 or name in ("contradiction",)


def test_the_campaign_is_large():
    assert len(cases()) > 667


def test_odd_paths_are_written_or_refused_as_a_whole(tmp_path):
    """Links stay links, FIFOs and devices are written into, folders are refused."""
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    files.write_files(tmp_path, {"link": "new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"
    (tmp_path / "dangling").symlink_to("later")
    files.write_files(tmp_path, {"dangling": "made"})
    assert (tmp_path / "later").read_text() == "made"
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    files.write_files(tmp_path, {"fifo": "through"})
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    before = os.stat("/dev/null").st_rdev
    files.write_files(Path("/dev"), {"null": "nothing"})
    assert os.stat("/dev/null").st_rdev == before
    with pytest.raises(files.TilewrightError, match="cannot write /dev/full: No space left"):
        files.write_files(Path("/dev"), {"full": "x"})
    (tmp_path / "folder").mkdir()
    with pytest.raises(files.TilewrightError, match="it is a folder"):
        files.write_files(tmp_path, {"other": "x", "folder": "y"})
    assert not (tmp_path / "other").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_ascii_terminals_and_closed_streams_are_no_tracebacks(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "²")
    with pytest.raises(SystemExit) as ended:
        cli.run(cli.cli, ["presets", "tile"])
    assert ended.value.code == 0
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        cli.run(cli.cli, ["presets", "tile"])
    assert ended.value.code == 0
