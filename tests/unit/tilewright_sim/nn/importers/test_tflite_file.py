"""TFLite files that cannot be run: one line says why, and nothing else happens."""

import numpy as np
import pytest

from tilewright.base import TilewrightError
from tilewright_sim.nn.networks import Network

pytest.importorskip("ai_edge_litert.schema_py_generated")
from support.networks import golden_chip, tiny_tflite
from support.tflite_files import FileMaker


def load(data, folder):
    path = folder / "network.tflite"
    path.write_bytes(data)
    return Network.load(path)


def refused(data, folder, words):
    with pytest.raises(TilewrightError, match=words) as caught:
        load(data, folder)
    assert "\n" not in str(caught.value)
    assert "network.tflite" in str(caught.value)


def dense(dtype="int8", **changes):
    """A file with one dense layer."""
    maker = FileMaker()
    quantity = () if dtype == "float32" else (0.5, 0)
    x = maker.tensor(changes.get("x", (1, 8)), dtype, *quantity)
    w = maker.tensor(changes.get("w", (4, 8)), dtype, *quantity, value=changes.get("value", np.zeros((4, 8))))
    y = maker.tensor(changes.get("y", (1, 4)), dtype, *quantity)
    maker.inputs, maker.outputs = [x], [y]
    maker.operator(changes.get("name", "FULLY_CONNECTED"), changes.get("inputs", [x, w]), changes.get("outputs", [y]),
                   kind="FullyConnectedOptions", fusedActivationFunction=changes.get("activation", 0))  # fmt: skip
    return maker


def test_an_operator_that_is_not_supported_is_named_with_its_index_and_what_to_do(tmp_path):
    refused(dense(name="UNPACK").pack(), tmp_path, r"operator 0 \(UNPACK\): it is not supported \(1 of 1 .* replace it")
    refused(dense(activation=4).pack(), tmp_path, "fused activation function 4 is not supported")


def test_float_networks_are_refused_with_the_way_to_quantize_them(tmp_path):
    refused(dense("float32").pack(), tmp_path, r"is float32, .* quantize .* representative_dataset")
    refused(dense("int16").pack(), tmp_path, "is int16, .* quantize")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": (1, 9)}, r"input is \[1, 9\] and its weights are \[4, 8\]"),
        ({"y": (1, 5)}, r"result is \[1, 5\] in the file, 1 × 4 by its inputs"),
        ({"x": (1 << 16, 1 << 16)}, "shape .* at most"),
        ({"x": (-1, 8)}, "shape"),
        ({"w": (4, 9)}, "has a buffer of 32 bytes"),
        ({"w": (1 << 30, 8)}, "shape .* at most"),
        ({"inputs": [0, 77]}, "names a tensor that the file does not have"),
        ({"inputs": [0]}, "input 1 is missing"),
        (
            {"inputs": [2, 1], "y": (1, 8), "w": (8, 8), "value": np.zeros((8, 8))},
            "reads tensor t2, which nothing before it computes",
        ),
        ({"outputs": []}, "no output"),
    ],
)
def test_sizes_that_lie_and_circles_are_refused(changes, words, tmp_path):
    refused(dense(**changes).pack(), tmp_path, words)


def test_files_that_are_not_networks_are_refused(tmp_path):
    for data in (b"", b"TFL3", b"\0\0\0\0TFL3", b"PK\3\4" * 100, b"\xff" * 4 + b"TFL3" + b"\xff" * 100):
        refused(data, tmp_path, "TFLite file|damaged|no graph")
    with pytest.raises(TilewrightError, match=r"give a \.tflite or \.onnx file"):
        Network.load(tmp_path / "x.txt")
    with pytest.raises(TilewrightError, match="no such file"):
        Network.load(tmp_path / "x.tflite")


def test_truncated_files_are_refused_or_complete(tmp_path):
    whole = tiny_tflite()
    for size in [*range(8, len(whole) - 64, 97), *range(8, 200, 5)]:
        with pytest.raises(TilewrightError) as caught:
            load(whole[:size], tmp_path)
        assert "\n" not in str(caught.value)


def test_random_damage_gives_a_message_or_a_network(tmp_path):
    """Of 150 files with some random bytes, each is refused in one line or runs."""
    whole, rng, outcomes = tiny_tflite(), np.random.default_rng(0), []
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(8, len(data), rng.integers(1, 6)):
            data[place] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        try:
            network = load(bytes(data), tmp_path)
            inputs = [np.zeros(tensor.shape, tensor.dtype) for tensor in network.inputs]
            network.run(golden_chip(), *inputs)
            outcomes.append("")
        except TilewrightError as error:
            outcomes.append(str(error))
    assert 10 < outcomes.count("") < 145
    assert not [message for message in outcomes if "\n" in message]
