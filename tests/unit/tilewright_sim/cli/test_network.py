"""The commands ``model run`` and ``estimate --network`` refuse what they cannot do before anything is compiled."""

import numpy as np
import pytest
from click.testing import CliRunner

from tilewright.base import TilewrightError
from tilewright_sim.cli.main import cli

pytest.importorskip("ai_edge_litert.schema_py_generated")
from support.networks import tiny_tflite


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "tiny.tflite").write_bytes(tiny_tflite())
    np.save(tmp_path / "flat.npy", np.zeros(3, np.int8))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tilewright_sim.cli.network.Simulator", None)  # nothing may run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("model run no.tflite", "cannot read no.tflite: there is no such file"),
        ("model run flat.npy", "give a .tflite or .onnx file"),
        ("model run tiny.tflite --input flat.npy", "input t0 must be [1, 6, 5, 3], this is [3]"),
        ("model run tiny.tflite --input flat.npy --input flat.npy", "has 1 inputs, 2 were given"),
        ("model run tiny.tflite --input flat.npy --seed 3", "--seed has an effect only without --input"),
        ("model run tiny.tflite --save tiny.tflite", "NETWORK and --save are the same file"),
        ("model run tiny.tflite --html no/such/folder.html", "no/such"),
        ("model run tiny.tflite --set rows=3", "rows"),
        ("estimate", "give either a shape, MxNxK, or --network"),
        ("estimate 8x8x8 --network tiny.tflite", "give either a shape, MxNxK, or --network"),
        ("estimate --network tiny.tflite --queue 2", "--queue has an effect only with a shape"),
        ("estimate --network flat.npy", "give a .tflite or .onnx file"),
    ],
)
def test_refusals(words, message):
    result = CliRunner().invoke(cli, words.split())
    assert isinstance(result.exception, TilewrightError) or result.exit_code == 2, result.exception
    assert message in f"{result.output} {result.exception}"
