"""ONNX networks on the golden chip: the node tests of the format, and networks that onnxruntime quantized."""

import warnings

import numpy as np
import pytest
from support.networks import draw, golden_chip

from tilewright_sim.nn.networks import Network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from support.onnx_files import convolutions, dense, quantized, transformer  # noqa: E402  # only if they are there

NETWORKS = {"dense": dense, "convolutions": convolutions, "transformer": transformer}
INTEGER = {"QLinearMatMul", "MatMulInteger", "ConvInteger", "QLinearConv"}


def node_tests():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        cases = collect_testcases(None)
    return [case for case in cases if INTEGER & {node.op_type for node in case.model.graph.node}]


CASES = node_tests()


def test_the_node_tests_of_all_integer_products_are_there():
    assert {node.op_type for case in CASES for node in case.model.graph.node} >= INTEGER
    assert len(CASES) >= 12


@pytest.mark.parametrize("exact", [False, True], ids=["", "exact"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_node_test_of_onnx(case, exact, tmp_path):
    path = tmp_path / "case.onnx"
    path.write_bytes(case.model.SerializeToString())
    network = Network.load(path)
    for inputs, outputs in case.data_sets:
        result = network.run(golden_chip(), *inputs, exact=exact)
        assert [layer.where for layer in result.layers] == ["accelerator"]
        assert result.outputs[0].dtype == outputs[0].dtype
        assert np.array_equal(result.outputs[0], outputs[0])


@pytest.mark.parametrize(
    "kind", ["qdq int8 int8", "qdq uint8 int8", "qdq int8 int8 per channel", "qoperator uint8 uint8"]
)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_quantized_network(name, kind, tmp_path):
    """Exact: every product equals onnxruntime's. Scaled by the accelerator: by one, in few values.

    On x86, onnxruntime computes layers between DequantizeLinear and QuantizeLinear of int8 in float, with its errors.
    """
    in_float = kind.startswith("qdq int8")
    form, activations, weights, *channels = kind.split()
    path = quantized(NETWORKS[name](), tmp_path, form, activations, weights, bool(channels))
    network = Network.load(path)
    rng = np.random.default_rng(0)
    for _ in range(2):
        x = draw(rng, network.inputs[0])
        exact = network.run(golden_chip(), x, check=True, exact=True)
        assert sum(layer.different for layer in exact.layers) <= (3 if in_float else 0)
        assert max(layer.largest for layer in exact.layers) <= 1
        compared = [layer for layer in exact.layers if layer.compared]
        assert len(compared) == {"dense": 3, "convolutions": 9, "transformer": 8}[name]
        usual = network.run(golden_chip(), x, check=True)
        assert sum(layer.different for layer in usual.layers) <= 3
        assert max(layer.largest for layer in usual.layers) <= 1


def test_layers_without_a_host_operator_between_them_are_one_submission(tmp_path):
    network = Network.load(quantized(dense(), tmp_path))
    result = network.run(golden_chip(), draw(np.random.default_rng(0), network.inputs[0]))
    assert [run.descriptors for run in result.submissions] == [3]


def whole(path, x):
    options = onnxruntime.SessionOptions()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


@pytest.mark.parametrize("name", ["dense", "convolutions"])
def test_a_whole_network_equals_onnxruntime(name, tmp_path):
    path = quantized(NETWORKS[name](), tmp_path, "qoperator")
    network = Network.load(path)
    x = draw(np.random.default_rng(1), network.inputs[0])
    assert np.array_equal(network.run(golden_chip(), x, exact=True).outputs[0], whole(path, x))


def test_open_dimensions_are_one_and_several_run_one_after_the_other(tmp_path):
    maker = dense(shape=(1, 20))
    path = quantized(maker, tmp_path)
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, path)
    network = Network.load(path)
    assert network.inputs[0].shape == (1, 20)
    x = np.random.default_rng(0).normal(size=(4, 20)).astype(np.float32)
    result = network.run(golden_chip(), x)
    assert result.runs == 4
    assert result.outputs[0].shape == (4, 10)


@pytest.mark.parametrize("functions", [["Relu"], ["Clip"], ["Relu", "Clip"]], ids="-".join)
def test_activation_functions_are_joined_with_their_layer(functions, tmp_path):
    """With a zero point in the middle of the range, so that the limits are those of the functions."""
    helper, rng = onnx.helper, np.random.default_rng(0)
    constants = {
        "s": np.float32(0.05), "z": np.uint8(120), "w": rng.integers(0, 256, (8, 6)).astype(np.uint8),
        "y_s": np.float32(0.2), "y_z": np.uint8(100), "low": np.float32(-4), "high": np.float32(6),
    }  # fmt: skip
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"]),
        helper.make_node("MatMul", ["xf", "wf"], ["f0"]),
        *(
            helper.make_node(kind, [f"f{place}", *(["low", "high"] if kind == "Clip" else [])], [f"f{place + 1}"])
            for place, kind in enumerate(functions)
        ),
        helper.make_node("QuantizeLinear", [f"f{len(functions)}", "y_s", "y_z"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "network", [helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, [20, 8])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, [20, 6])],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    path = tmp_path / "network.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    network = Network.load(path)
    x = rng.integers(0, 256, (20, 8)).astype(np.uint8)
    result = network.run(golden_chip(), x, check=True)
    assert len(result.layers) == 1
    assert result.layers[0].largest <= 1
    low, high = 100 if "Relu" in functions else 80, 130 if "Clip" in functions else 255
    assert result.outputs[0].min() == low
    assert result.outputs[0].max() == high
