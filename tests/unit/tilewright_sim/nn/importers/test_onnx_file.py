"""ONNX files that cannot be run: one line says why, and nothing else happens."""

import numpy as np
import pytest
from support.networks import golden_chip

from tilewright.base import TilewrightError
from tilewright_sim.nn.networks import Network

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402  # only if it is there

FLOAT, INT8 = TensorProto.FLOAT, TensorProto.INT8


def model(nodes, inputs, weights=(), outputs=("y",)):
    given = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    results = [helper.make_tensor_value_info(name, INT8, ["a", "b"]) for name in outputs]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in dict(weights).items()]
    graph = helper.make_graph(nodes, "network", given, results, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def matmul(**changes):
    """A file with one QLinearMatMul [2, 4] · [4, 3]."""
    scales = {"s": np.float32(0.1), "y_s": np.float32(0.5)}
    weights = scales | {"z": np.int8(3), "zero": np.int8(0), "b": np.ones((4, 3), np.int8)} | changes.get("weights", {})
    names = changes.get("names", ["x", "s", "z", "b", "s", "zero", "y_s", "z"])
    node = helper.make_node("QLinearMatMul", names, ["y"])
    return model([*changes.get("before", []), node], {"x": (INT8, changes.get("x", [2, 4]))}, weights)


def load(data, folder):
    path = folder / "network.onnx"
    path.write_bytes(data if isinstance(data, bytes) else data.SerializeToString())
    return Network.load(path)


def refused(data, folder, words):
    with pytest.raises(TilewrightError, match=words) as caught:
        load(data, folder)
    assert "\n" not in str(caught.value)
    assert "network.onnx" in str(caught.value)


def node(kind, inputs, **attributes):
    return helper.make_node(kind, inputs, ["y"], **attributes)


def test_products_in_float_are_refused_with_the_way_to_quantize_them(tmp_path):
    weights = {"w": np.ones((4, 3), np.float32)}
    for kind in ("MatMul", "Gemm"):
        data = model([node(kind, ["x", "w"])], {"x": (FLOAT, [2, 4])}, weights)
        refused(data, tmp_path, rf"operator 0 \({kind}\): it multiplies in float, .*quantize_static")


def test_other_products_are_named_with_their_index_and_what_to_do(tmp_path):
    relu = helper.make_node("Relu", ["x"], ["x1"])
    weights = {"w": np.ones((1, 1, 2, 2), np.float32)}
    data = model([relu, node("ConvTranspose", ["x1", "w"])], {"x": (FLOAT, [1, 1, 3, 3])}, weights)
    refused(data, tmp_path, r"operator 1 \(ConvTranspose\): this product is not supported: replace it")
    loop = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r"])], "b", [], [helper.make_tensor_value_info("r", 1, None)]
    )
    choice = helper.make_node("If", ["c"], ["y"], then_branch=loop, else_branch=loop)
    data = model([choice], {"x": (FLOAT, [1]), "c": (TensorProto.BOOL, [])})
    refused(data, tmp_path, "control flow|not an ONNX file")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": [2, 5]}, r"do not fit|do not match|[Ii]ncompatible"),
        ({"x": [1 << 20, 1 << 20]}, "at most"),
        ({"x": [0, 4]}, "shape"),
        ({"names": ["x", "s", "z", "b", "s", "zero", "y_s", "nothing"]}, "nothing|not an ONNX file"),
        ({"weights": {"b": np.ones((4, 3), np.int32)}}, "int8|not an ONNX file|shapes do not fit"),
    ],
)
def test_shapes_and_types_that_do_not_fit_are_refused(changes, words, tmp_path):
    refused(matmul(**changes), tmp_path, words)


def test_numbers_that_no_requantization_has_are_refused_when_it_runs(tmp_path):
    for name, value in (("s", np.float32(np.nan)), ("y_s", np.float32(0)), ("z", np.ones(2, np.int8))):
        with pytest.raises(TilewrightError, match=r"scales must be|only one"):
            load(matmul(weights={name: value}), tmp_path).run(golden_chip(), np.zeros((2, 4), np.int8))


def test_truncated_and_damaged_files_give_one_line_or_a_network(tmp_path):
    whole = matmul().SerializeToString()
    outcomes, files = [], [whole[:size] for size in range(0, len(whole) - 1, 7)]
    rng = np.random.default_rng(0)
    for _ in range(100):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 4)):
            data[place] = rng.integers(256)
        files.append(bytes(data))
    for data in files:
        try:
            load(data, tmp_path).run(golden_chip(), np.zeros((2, 4), np.int8))
            outcomes.append("")
        except TilewrightError as error:
            outcomes.append(str(error))
    assert 3 < outcomes.count("") < len(files) / 2
    assert not [message for message in outcomes if "\n" in message]


def test_weights_of_nine_bits_are_exact(tmp_path):
    """Of uint8 with a zero point in the middle of nothing: the difference has 9 bits."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (5, 7)).astype(np.uint8), rng.integers(0, 256, (7, 3)).astype(np.uint8)
    b[0], b[1] = 0, 255
    zeros = {"a_z": np.uint8(200), "b_z": np.array([0, 255, 100], np.uint8)}
    data = model(
        [node("MatMulInteger", ["x", "b", "a_z", "b_z"])], {"x": (TensorProto.UINT8, [5, 7])}, zeros | {"b": b}
    )
    data.graph.output[0].type.tensor_type.elem_type = TensorProto.INT32
    result = load(data, tmp_path).run(golden_chip(), a, check=True)
    want = (a.astype(int) - 200) @ (b.astype(int) - zeros["b_z"].astype(int))
    assert np.array_equal(result.outputs[0], want)
    assert result.layers[0].different == 0
