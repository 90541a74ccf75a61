"""Networks from files on the generated Verilog: the command, its outputs, cycles and estimates."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from support.networks import MLPERF_TINY, draw, tiny_tflite, wake_words

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.cli.main import cli
from tilewright_sim.host import Simulator
from tilewright_sim.models.cycles import Bus
from tilewright_sim.nn.networks import Network

pytest.importorskip("ai_edge_litert.interpreter")
NANO = ["--preset", "nano", "--latency", "16"]
MARGIN = 0.03
"""Of the estimate, as documented."""


def tilewright(*words):
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_tflite())
    return path


def test_a_network_runs_on_the_verilog_and_every_layer_equals_litert(tiny, tmp_path):
    x = draw(np.random.default_rng(0), Network.load(tiny).inputs[0])
    np.save(tmp_path / "x.npy", np.concatenate([x, x]))
    files = {name: tmp_path / name for name in ("y.npy", "run.html", "run.json")}
    result = tilewright(
        "model", "run", tiny, "--input", tmp_path / "x.npy", "--check", "--save", files["y.npy"],
        "--html", files["run.html"], "--trace", files["run.json"], "--json", *NANO,
    )  # fmt: skip
    figures = json.loads(result.stdout)
    assert figures["different"] == 0
    assert figures["compared"] > 2000
    assert figures["runs"] == 2
    products = [layer for layer in figures["layers"] if layer["where"] == "accelerator"]
    assert sum(layer["cycles"] for layer in products) == figures["cycles"]
    assert all(0 < layer["utilisation"] <= 1 for layer in products)
    assert {layer["bound"] for layer in products} <= {"multipliers", "tile shape", "bus", "latency"}
    y = np.load(files["y.npy"])
    assert y.shape == (2, 10)
    assert np.array_equal(y[0], y[1])
    assert figures["outputs"][0]["first"] == y.reshape(-1)[:10].tolist()
    page = files["run.html"].read_text(encoding="utf-8")
    assert page.count("<tr") == 1 + len(figures["layers"])
    assert "http" not in page
    spans = [event for event in json.loads(files["run.json"].read_text())["traceEvents"] if event["ph"] == "X"]
    names = {event["name"] for event in spans}
    assert {"0: CONV_2D", "6: FULLY_CONNECTED", "BUSY"} <= names

    guess = json.loads(tilewright("estimate", "--network", tiny, "--json", *NANO).stdout)
    assert abs(2 * guess["cycles"] / figures["cycles"] - 1) < MARGIN
    table = tilewright("estimate", "--network", tiny, *NANO).stdout
    assert "DEPTHWISE_CONV_2D" in table
    assert f"{guess['cycles']:,} cycles estimated in 3 submissions" in table


@pytest.mark.long
@pytest.mark.skipif(not MLPERF_TINY, reason="no networks beside the checkout")
@pytest.mark.parametrize("latency", [0, 16])
def test_estimates_of_real_networks_are_within_three_percent(latency):
    paths = [*MLPERF_TINY, *wake_words()]
    with Simulator(AcceleratorConfig.preset("small"), latency=latency) as chip:
        for path in paths:
            network = Network.load(path)
            inputs = [draw(np.random.default_rng(0), tensor) for tensor in network.inputs]
            result = network.run(chip, *inputs, check=True)
            assert max(layer.largest for layer in result.layers) <= 1
            guess = network.estimate(chip.config, Bus(latency=latency)).cycles
            assert abs(guess / result.cycles - 1) < MARGIN, path
            if path.stem == "pretrainedResnet_quant":
                assert result.seconds < 10
