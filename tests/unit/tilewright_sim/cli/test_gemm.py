"""The commands gemm and estimate: mistakes are one line, results are files, tables and JSON."""

import json

import click
import numpy as np
import pytest
from click.testing import CliRunner
from unit.tilewright_sim.cli.test_main import tilewright

from tilewright.accelerator.contract import AcceleratorConfig, Operation
from tilewright.base import TilewrightError
from tilewright_sim.cli import main
from tilewright_sim.host import GemmResult
from tilewright_sim.models.block_gemm import block_gemm
from tilewright_sim.models.cycles import Bus, Gemm, VectorJob, estimate


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gemm", "A.npy"], "two matrices are needed"),
        (["gemm", "A.npy", "B.npy", "--random", "2x2x2"], "not both"),
        (["gemm", "missing.npy", "B.npy"], "cannot read missing.npy"),
        (["gemm", "text.npy", "B.npy"], "text.npy is not a .npy file"),
        (["gemm", "object.npy", "B.npy"], "object.npy holds object"),
        (["gemm", "float.npy", "B.npy"], "float.npy is float32: it must be int8"),
        (["gemm", "cube.npy", "B.npy"], "it must be a matrix"),
        (["gemm", "A.npy", "wide.npy"], "A.npy is [4, 8] and wide.npy [3, 9]"),
        (["gemm", "A.npy", "B.npy", "--save", "nowhere/C.npy"], "there is no folder nowhere"),
        (["gemm", "A.npy", "B.npy", "--save", "folder"], "folder"),
        (["gemm", "A.npy", "B.npy", "--bias", "A.npy"], "bias is int8 [4, 8]"),
        (["gemm", "A.npy", "B.npy", "--scale", "nan"], "a scale must be"),
        (["gemm", "A.npy", "B.npy", "--scale", "missing.npy"], "cannot read missing.npy"),
        (["gemm", "A.npy", "B.npy", "--zero-point", "3"], "--zero-point needs an int8 result"),
        (["gemm", "A.npy", "B.npy", "--result", "int8", "--zero-point", "300"], "300 is not in the range"),
        (["gemm", "--random", "4x4"], "write it as MxNxK"),
        (["gemm", "--random", "0x4x4"], "write it as MxNxK"),
        (["gemm", "--random", "9999999x9999999x4"], "1 to 268,435,456 elements"),
        (["gemm", "--latency", "-1"], "-1 is not in the range"),
        (["gemm", "--bandwidth", "2"], "2.0 is not in the range"),
        (["gemm", "--stall", "1.5"], "1.5 is not in the range"),
        (["gemm", "--waveform-cycles", "x", "--waveform", "w.fst"], "FROM:TO"),
        (["gemm", "--preset", "smal"], "nearest that works: small"),
        (["gemm", "--set", "rows=3"], "rows = 3"),
        (["estimate", "1x2"], "MxNxK"),
        (["estimate", "0x2x3"], "0x2x3"),
        (["estimate", "1x1x99999"], "K = 99999: must be 1 to 16384"),
        (["estimate", "1x1x1", "--bandwidth", "0"], "0.0 is not in the range"),
        (["estimate", "1x1x1", "--vector", "ADD:1x1"], "give either a shape, MxNxK, or --network, or --vector"),
        (["estimate", "--vector", "SOFTMX:1x1"], "SOFTMX:1x1: write it as OPERATION:MxN, for example SOFTMAX:9x100"),
        (["estimate", "--vector", "SOFTMAX:9x"], "9x: write it as MxN"),
        (["estimate", "--vector", "SOFTMAX:9x9"], "vector_lanes = 0: this configuration has no vector engine"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(here, arguments, says, tmp_path):
    for name, values in {
        "A": np.zeros((4, 8), np.int8),
        "B": np.zeros((3, 8), np.int8),
        "wide": np.zeros((3, 9), np.int8),
        "float": np.full((4, 8), np.nan, np.float32),
        "cube": np.zeros((2, 2, 2), np.int8),
        "object": np.array([None, "x"], dtype=object),
    }.items():
        np.save(tmp_path / f"{name}.npy", values)
    (tmp_path / "text.npy").write_text("text")
    (tmp_path / "folder").mkdir()
    status, output, message = here(*arguments, folder=tmp_path)
    assert (status, output) == (2, "")
    assert len(message.splitlines()) == 1
    assert message.startswith("tilewright: ")
    assert says in message


BLOCKS = ["--preset", "base", *(word for setting in (
    "rows=32", "cols=8", "dot=32", "a_format=q8_e5m3", 'b_formats=["q4_1","q8_0"]', "chunk_words=16",
) for word in ("--set", setting))]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gemm", "--bias", "bias.npy"], "--bias has an effect only where operands are int8"),
        (["gemm", "--scale", "0.1"], "--scale has an effect only where operands are int8"),
        (["gemm", "--result", "int8"], "--result has an effect only where operands are int8"),
        (["gemm", "--b-format", "q4_0"], "b_format = 'q4_0': b_formats of this configuration are q4_1, q8_0"),
        (["gemm", "--random", "4x4x16384"], "K = 16384: block formats need one descriptor; nearest that works: 16383"),
        (["gemm", "int8.npy", "int8.npy"], "int8.npy is int8 [4, 32]: it must be a matrix of floats"),
        (["gemm", "nan.npy", "nan.npy"], "values that are not finite: q8_e5m3 cannot hold them"),
        (["gemm", "narrow.npy", "wide.npy"], "narrow.npy is [4, 32] and wide.npy [4, 33]"),
        (["estimate", "4x4x64", "--result", "int8"], "--result has an effect only where operands are int8"),
        (["estimate", "4x4x64", "--b-format", "q8"], "b_format = 'q8': b_formats of this configuration are"),
        (["scale", "--gemm", "4x4x4"], "a_format = 'q8_e5m3': the model of many cores takes int8 alone"),
    ],
)
def test_what_block_formats_cannot_do_is_refused_before_anything_is_written(arguments, says, tmp_path, monkeypatch):
    np.save(tmp_path / "int8.npy", np.zeros((4, 32), np.int8))
    np.save(tmp_path / "nan.npy", np.full((4, 32), np.nan))
    np.save(tmp_path / "narrow.npy", np.zeros((4, 32)))
    np.save(tmp_path / "wide.npy", np.zeros((4, 33)))
    before = sorted(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main.cli, [*arguments, *BLOCKS], standalone_mode=False)
    assert isinstance(done.exception, TilewrightError | click.UsageError)
    message = getattr(done.exception, "message", str(done.exception))
    assert says in message
    assert "\n" not in message
    assert sorted(tmp_path.iterdir()) == before


def test_estimate_takes_the_format_of_b(tmp_path):
    config = AcceleratorConfig.preset("base").replace(
        rows=32, cols=8, dot=32, a_format="q8_e5m3", b_formats=("q4_1", "q8_0"), chunk_words=16
    )
    for number, more in enumerate(([], ["--b-format", "q8_0"])):
        done = CliRunner().invoke(main.cli, ["estimate", "1x64x1024", *BLOCKS, *more, "--json"])
        want = estimate(config, [Gemm(m=1, n=64, k=1024, requant=False, b_format=number)])
        assert json.loads(done.stdout)["cycles"] == want.cycles


def test_estimate_takes_int8_beside_block_formats():
    beside = ["--set", 'b_formats=["q4_1","int8"]', "--set", "unaligned=true"]
    more = ["--b-format", "int8", "--result", "int8", "--json"]
    done = CliRunner().invoke(main.cli, ["estimate", "9x64x1000", *BLOCKS, *beside, *more])
    config = AcceleratorConfig.preset("base").replace(
        rows=32, cols=8, dot=32, a_format="q8_e5m3", b_formats=("q4_1", "int8"), chunk_words=16, unaligned=True
    )
    want = estimate(config, [Gemm(m=9, n=64, k=1000, requant=True, b_format=1)])
    assert json.loads(done.stdout)["cycles"] == want.cycles
    plain = config.replace(a_format="int8", b_formats=("int8",))
    assert want.bus_cycles == estimate(plain, [Gemm(m=9, n=64, k=1000, requant=True)]).bus_cycles


class Golden:
    """A simulator whose products are the golden model's, with some bits of the first result flipped."""

    flipped = 0

    def __init__(self, config, **memory):
        self.config = config

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        pass

    def block_gemm(self, a, b, progress):
        c = block_gemm(a.blocks(), b.blocks())
        c.view(np.uint32)[0, 0] ^= self.flipped
        return GemmResult(100, {"cycles": 100}, 0.5, 1, 0.1, c)


def test_gemm_multiplies_floats_in_block_formats_and_compares_every_bit(tmp_path, monkeypatch):
    monkeypatch.setattr("tilewright_sim.cli.gemm.Simulator", Golden)
    a, b = (np.random.default_rng(1).standard_normal((rows, 40)) for rows in (3, 5))
    files = [str(tmp_path / f"{name}.npy") for name in "ABC"]
    np.save(files[0], a)
    np.save(files[1], b)
    arguments = ["gemm", *files[:2], "--save", files[2], "--b-format", "q8_0", *BLOCKS, "--json"]
    figures = json.loads(CliRunner().invoke(main.cli, arguments, standalone_mode=False).stdout)
    assert (figures["a_format"], figures["b_format"], figures["result"]) == ("q8_e5m3", "q8_0", "float32")
    assert np.abs(np.load(files[2]) - a @ b.T).max() < 0.2
    monkeypatch.setattr(Golden, "flipped", 1)
    done = CliRunner().invoke(main.cli, ["gemm", "--random", "2x3x40", *BLOCKS], standalone_mode=False)
    assert "1 of 6 results differ from the golden model's" in str(done.exception)


def test_a_missing_compiler_is_named(tmp_path):
    done = tilewright("gemm", folder=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 2
    assert (
        done.stderr.splitlines()[-1] == "tilewright: g++ is missing, which Verilator needs: run `apt-get install g++`"
    )


def test_estimate_prints_cycles_and_their_lower_bound(here):
    arguments = ["estimate", "512x512x512", "--result", "int8", "--preset", "base", "--latency", "64"]
    want = estimate(AcceleratorConfig.preset("base"), [Gemm(m=512, n=512, k=512)], Bus(latency=64))
    (_, plain, _), (_, as_json, _) = (here(*arguments, *more) for more in ([], ["--json"]))
    assert f"{want.cycles:,} cycles" in plain
    assert "set by the multipliers: efficiency" in plain
    assert json.loads(as_json)["cycles"] == want.cycles


def test_estimate_takes_operations_of_the_vector_engine():
    config = AcceleratorConfig.preset("small", vector_lanes=4)
    jobs = [VectorJob(operation=Operation.SOFTMAX, m=9, n=100), VectorJob(operation=Operation.ADD, m=1, n=576)]
    want = estimate(config, jobs * 2, Bus(latency=64))
    arguments = ["--vector", "softmax:9x100", "--vector", "ADD:1x576", "--queue", "2", "--latency", "64"]
    plain, as_json = (
        CliRunner().invoke(main.cli, ["estimate", *arguments, "--set", "vector_lanes=4", *more])
        for more in ([], ["--json"])
    )
    assert f"{want.cycles:,} cycles, vector lanes busy" in plain.output
    assert "set by the vector lanes: efficiency" in plain.output
    assert json.loads(as_json.output)["vector_cycles"] == want.vector_cycles


def test_gemm_multiplies_files_and_shows_where_the_time_went(tmp_path):
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-128, 128, shape, dtype=np.int8) for shape in ((9, 20), (7, 20)))
    np.save(tmp_path / "A.npy", a)
    np.save(tmp_path / "B.npy", b)
    done = tilewright("gemm", "A.npy", "B.npy", "--save", "C", "--json", "--trace", "run.json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "C"), a.astype(int) @ b.T.astype(int))
    figures = json.loads(done.stdout)
    assert (figures["m"], figures["n"], figures["k"], figures["result"]) == (9, 7, 20, "int32")
    assert figures["counters"]["cycles"] == figures["cycles"]
    events = json.loads((tmp_path / "run.json").read_text())["traceEvents"]
    lanes = {event["args"]["name"]: event["tid"] for event in events if event["name"] == "thread_name"}
    assert set(lanes) == {"load a", "load b", "execute", "store", "bus AR", "bus R", "bus AW", "bus W", "bus B"}
    reads = sum(event["dur"] for event in events if event["tid"] == lanes["bus R"] and event["name"] == "transfer")
    assert reads == figures["counters"]["read_words"]


def test_gemm_without_arguments_runs_a_small_example_and_lists_more(tmp_path):
    done = tilewright("gemm", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "C[64, 64] int32, K = 64:" in done.stdout
    assert "all 4,096 results equal numpy's" in done.stdout
    assert "where the time went" in done.stdout
    assert "--random 512x512x512" in done.stdout


def test_the_regression_is_written_for_block_formats_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ["generate", "accelerator", "--testbench", "--output", "b", *BLOCKS]
    done = CliRunner().invoke(main.cli, command, standalone_mode=False)
    assert done.exception is None
    assert ".SCALED(1), .B_FORMATS(2), " in (tmp_path / "b" / "accelerator_checks.sv").read_text()
