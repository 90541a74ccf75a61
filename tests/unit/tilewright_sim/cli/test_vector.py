"""The command vector: mistakes are one line before anything is compiled; reports, files and a difference."""

import json

import numpy as np
import pytest

from tilewright.accelerator.registers import counter_names
from tilewright_sim.cli import vector as command
from tilewright_sim.host import VectorResult
from tilewright_sim.models import vector as golden

LANES = ["--set", "vector_lanes=4"]


class FakeSimulator:
    """The golden model; ``wrong`` flips a bit of the first result."""

    wrong = False

    def __init__(self, config, **_):
        self.config = config

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def vector(self, operation, x, y=None, *, scalar, scalar2, limit, causal, window, result):
        factors = scalar or (1.0 if operation in ("SCALE", "SOFTMAX") else 0.0), scalar2 or 1 / x.shape[1]
        c = golden.run(operation, x, y, *factors, limit=limit, causal=causal, window=window)
        c = golden.to_bf16(c) if result == "bf16" else c
        if self.wrong:
            c.reshape(-1).view(np.uint8)[0] ^= 1
        return VectorResult(1000, dict.fromkeys(counter_names(vector=True), 10), 0.0, 1, 0.5, c)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(command, "Simulator", FakeSimulator)
    return FakeSimulator


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["COPY"], "add --set vector_lanes=4"),
        (["COPY", "--preset", "giant"], "add --set vector_lanes=16"),
        (["NOTHING", *LANES], "'NOTHING' is not one of"),
        (["COPY", "4", *LANES], "write it as MxN, for example 64x576"),
        (["COPY", "4x4x4", *LANES], "write it as MxN"),
        (["COPY", "9999999x9999", *LANES], "1 to 67,108,864 elements"),
        (["COPY", "2x70000", *LANES], "a row of x has 70000 elements"),
        (["ROTATE_HALVES", "2x12", *LANES], "n = 12: a power of 2"),
        (["COPY", "--causal", *LANES], "--causal has an effect only with SOFTMAX"),
        (["COPY", "--window", "3", *LANES], "--window has an effect only with SOFTMAX"),
        (["ARGMAX", "--result", "bf16", *LANES], "--result has an effect only"),
        (["SOFTMAX", "--scalar", "-1", *LANES], "must be positive with SOFTMAX"),
        (["SOFTMAX", "--limit", "0", *LANES], "0 is not in the range"),
        (["COPY", "4x4", "--x", "x.npy", *LANES], "either --x or MxN"),
        (["ADD", "--x", "x.npy", *LANES], "ADD needs --y"),
        (["COPY", "--x", "x.npy", "--y", "x.npy", *LANES], "COPY has no operand y: leave out --y"),
        (["ADD", "--y", "x.npy", *LANES], "--y has an effect only with --x"),
        (["ADD", "--x", "x.npy", "--y", "wide.npy", *LANES], "y is [3, 5]: must be [3, 4] or [1, 4]"),
        (["COPY", "--x", "double.npy", *LANES], "x is float64: it must be float32 or int32 or uint16"),
        (["COPY", "--x", "x.npy", "--seed", "1", *LANES], "--seed has an effect only"),
        (["COPY", "--x", "x.npy", "--save", "x.npy", *LANES], "are the same file"),
        (["COPY", "--waveform-cycles", "1:2", *LANES], "--waveform-cycles has an effect only with --waveform"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(here, arguments, says, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "Simulator", None)  # nothing is compiled before it is found
    np.save(tmp_path / "x.npy", np.ones((3, 4), np.float32))
    np.save(tmp_path / "wide.npy", np.ones((3, 5), np.float32))
    np.save(tmp_path / "double.npy", np.ones((3, 4)))
    monkeypatch.chdir(tmp_path)
    status, out, err = here("vector", *arguments)
    assert (status, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_a_report(here, fake):
    status, out, _ = here("vector", "rms_norm", "8x50", *LANES)
    assert status == 0
    assert "RMS_NORM of x[8, 50] float32: 1,000 cycles\n0.40 elements per cycle, 125.0 cycles per row" in out
    assert "all 400 results, float32, equal the golden model's bit for bit" in out
    status, out, _ = here("vector", "SOFTMAX", "8x50", "--x-type", "int32", "--result", "bf16", "--limit", "3",
                                "--causal", "--window", "2", "--scalar", "0.1", "--json", *LANES)  # fmt: skip
    figures = json.loads(out)
    assert status == 0
    assert (figures["m"], figures["n"], figures["x_type"], figures["result"]) == (8, 50, "int32", "bf16")
    assert figures["cycles_per_row"] == 125
    status, out, _ = here("vector", "ARGMAX", "8x50", "--x-type", "bf16", *LANES)
    assert "all 8 results, int32" in out


def test_files_in_and_out(here, fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = np.arange(12, dtype=np.float32).reshape(3, 4), np.arange(4, dtype=np.uint16)
    np.save("x.npy", x)
    np.save("y.npy", y)
    assert here("vector", "ADD", "--x", "x.npy", "--y", "y.npy", "--save", "c.npy", *LANES)[0] == 0
    assert np.array_equal(np.load("c.npy"), golden.run("ADD", x, y))


@pytest.mark.parametrize("operation", ["COPY", "ARGMAX"])
def test_a_difference_is_exit_status_1(here, fake, monkeypatch, operation):
    monkeypatch.setattr(fake, "wrong", True)
    status, out, err = here("vector", operation, "3x4", *LANES)
    assert (status, out) == (1, "")
    assert "1 of" in err
    assert "results differ from the golden model's, the first at [0, 0]" in err
