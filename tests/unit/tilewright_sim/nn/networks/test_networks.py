"""Whole networks on the golden chip, layer by layer against LiteRT's default kernels."""

from dataclasses import replace

import numpy as np
import pytest
from support.networks import MLPERF_TINY, SMALL, draw, golden_chip, tiny_tflite, wake_words

from tilewright.accelerator.registers import FLAGS
from tilewright.base import TilewrightError
from tilewright_sim.models.cycles import Bus
from tilewright_sim.models.cycles.queue_model import QueueModel
from tilewright_sim.nn.graph import GraphError
from tilewright_sim.nn.networks import Network, Session, network_figures

pytest.importorskip("ai_edge_litert.interpreter")
REAL = [pytest.param(path, id=path.stem) for path in [*MLPERF_TINY, *wake_words()]]
KINDS = ("random", "corners")


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_tflite())
    return Network.load(path)


def runs(network, exact, kinds=KINDS, config=SMALL):
    """Values compared, values that differ, and the largest difference, over several runs of one session."""
    graph = network.graph.on_host() if exact else network.graph
    rng = np.random.default_rng(1)
    with Session(graph, golden_chip(config), check=True) as session:
        results = [session.run([draw(rng, tensor, kind) for tensor in network.inputs]) for kind in kinds]
    layers = [layer for result in results for layer in result.layers]
    return (
        sum(layer.compared for layer in layers), sum(layer.different for layer in layers),
        max(layer.largest for layer in layers),
    )  # fmt: skip


@pytest.mark.skipif(not REAL, reason="no networks: neither pymicro-wakeword nor ../shared/models/mlperf_tiny")
@pytest.mark.parametrize("path", REAL)
def test_every_layer_of_real_networks_equals_litert(path):
    """With the sums scaled on the host: bit-equal, in the state that earlier runs left."""
    compared, different, _ = runs(Network.load(path), exact=True)
    assert compared > 3000
    assert different == 0


@pytest.mark.long
@pytest.mark.skipif(not REAL, reason="no networks: neither pymicro-wakeword nor ../shared/models/mlperf_tiny")
@pytest.mark.parametrize("path", REAL)
def test_one_rounding_differs_by_one_in_a_few_of_a_million(path):
    """Scaled by the accelerator: XNNPACK's float32 rounds ties to even, and its products to 24 bits."""
    kinds = ("random", "corners", "low", "high", "random")
    compared, different, largest = runs(Network.load(path), exact=False, kinds=kinds)
    assert different <= max(compared * 5e-6, 1)
    assert largest <= 1
    assert runs(Network.load(path), exact=True, kinds=kinds)[1] == 0


def test_a_tiny_network_is_equal_either_way(tiny):
    assert runs(tiny, exact=False)[1:] == (0, 0)
    assert runs(tiny, exact=True)[1:] == (0, 0)


def test_products_wait_for_the_host_only_where_they_must(tiny, monkeypatch):
    """The convolution of 1 × 1 reads the depthwise one's result in memory; the others need patches from the host."""
    chip, sent = golden_chip(), []
    submit = chip.submit
    monkeypatch.setattr(chip, "submit", lambda descriptors: sent.append(list(descriptors)) or submit(descriptors))
    result = tiny.run(chip, draw(np.random.default_rng(0), tiny.inputs[0]))
    assert [run.descriptors for run in result.submissions] == [1, 2, 1]
    fence = 1 << FLAGS["FENCE_A"][0]
    assert [[bool(one.flags & fence) for one in some] for some in sent] == [[False], [False, True], [False]]
    assert [layer.where for layer in result.layers] == [
        "accelerator", "accelerator", "accelerator", "host", "host", "host", "accelerator", "host",
    ]  # fmt: skip
    exact = tiny.run(golden_chip(), draw(np.random.default_rng(0), tiny.inputs[0]), exact=True)
    assert [run.descriptors for run in exact.submissions] == [1, 1, 1, 1]


IMAGES = SMALL.replace(convolution=True)
"""The accelerator reads the patches of images."""


def test_convolutions_without_copies_of_patches(tiny):
    """Three of one submission, whose images stay in the device's memory."""
    assert runs(tiny, exact=False, config=IMAGES)[1:] == (0, 0)
    assert runs(tiny, exact=True, config=IMAGES)[1:] == (0, 0)
    result = tiny.run(golden_chip(IMAGES), draw(np.random.default_rng(0), tiny.inputs[0]))
    assert [run.descriptors for run in result.submissions] == [3, 1]
    guess = tiny.estimate(IMAGES, Bus(latency=16))
    assert guess.submissions == 2


@pytest.mark.skipif(not MLPERF_TINY, reason="no networks beside the checkout")
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in MLPERF_TINY])
def test_convolutions_of_real_networks_without_copies_of_patches(path):
    _, different, largest = runs(Network.load(path), exact=False, kinds=("random",), config=IMAGES)
    assert different <= 3
    assert largest <= 1


def test_a_batch_runs_one_after_the_other(tiny):
    rng = np.random.default_rng(0)
    x = np.concatenate([draw(rng, tiny.inputs[0]) for _ in range(3)])
    together = tiny.run(golden_chip(), x)
    alone = [tiny.run(golden_chip(), one[None]).outputs[0] for one in x]
    assert together.runs == 3
    assert np.array_equal(together.outputs[0], np.concatenate(alone))
    assert together.cycles == 3 * tiny.run(golden_chip(), x[:1]).cycles


@pytest.mark.skipif(not wake_words(), reason="no pymicro-wakeword")
def test_variables_keep_their_values_from_run_to_run_of_a_session():
    network = Network.load(wake_words()[0])
    x = draw(np.random.default_rng(3), network.inputs[0])
    read = [number for node in network.graph.nodes if node.operator == "CONCATENATION" for number in node.outputs]
    graph = replace(network.graph, outputs=[*network.graph.outputs, *read])
    with Session(graph, golden_chip()) as session:
        first, second = (session.run([x]) for _ in range(2))
    again = network.run(golden_chip(), x)
    assert read
    assert np.array_equal(first.outputs[0], again.outputs[0])
    for number, before, after in zip(graph.outputs, first.outputs, second.outputs, strict=True):
        assert number not in read or not np.array_equal(before, after), graph.tensors[number].name
    assert len(second.layers) == len(first.layers)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((1, 6, 5, 2), np.int8), r"must be \[1, 6, 5, 3\], this is \[1, 6, 5, 2\]"),
        (np.zeros((1, 6, 5, 3), np.float32), r"must be int8, this is float32: quantize it, round\(x / 0.03\) \+ -5"),
        (np.full((1, 6, 5, 3), 200), "must be int8, this is int64"),
        (np.zeros((0, 6, 5, 3), np.int8), "1 or more"),
        (np.zeros(()), "must be"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(tiny, x, words):
    with pytest.raises(TilewrightError, match=words):
        tiny.run(golden_chip(), x)
    with pytest.raises(GraphError, match="has 1 inputs, 2 were given"):
        tiny.run(golden_chip(), x, x)


def test_an_estimate_has_the_layers_and_submissions_of_a_run(tiny):
    result = tiny.run(golden_chip(), draw(np.random.default_rng(0), tiny.inputs[0]))
    guess = tiny.estimate(SMALL, Bus(latency=16))
    assert [(one.node.index, one.where) for one in guess.layers] == [
        (one.node.index, one.where) for one in result.layers
    ]
    assert guess.submissions == len(result.submissions)
    assert all((layer.cycles > 0) == (layer.where == "accelerator") for layer in guess.layers)
    assert tiny.estimate(SMALL, Bus(latency=64)).cycles > guess.cycles
    assert tiny.estimate(SMALL, Bus(latency=16), exact=True).submissions == guess.submissions + 1


def test_what_bounds_a_layer_is_found_without_modelling_its_cycles(tiny, monkeypatch):
    result = tiny.run(golden_chip(), draw(np.random.default_rng(0), tiny.inputs[0]))
    monkeypatch.setattr(QueueModel, "run", None)
    layers = network_figures(tiny.graph, SMALL, Bus(latency=16), result)["layers"]
    assert {layer["where"] for layer in layers if "bound" in layer} == {"accelerator"}


def test_a_layer_that_litert_cannot_be_given_leaves_the_others_as_they_are(tiny, monkeypatch):
    """The reference writes each layer into a file of its own, out of tensors that all layers share."""
    reference = tiny.graph.reference()

    def refuse(self, builder):
        raise ValueError("no")

    before = [tensor.buffer for tensor in reference._model.subgraphs[0].tensors]
    monkeypatch.setattr(type(reference._model), "Pack", refuse)
    with pytest.raises(ValueError, match="no"):
        reference._alone(tiny.graph.nodes[0])
    assert [tensor.buffer for tensor in reference._model.subgraphs[0].tensors] == before
