"""ONNX networks made in tests, in float and quantized by onnxruntime."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

FORMATS = {"qdq": QuantFormat.QDQ, "qoperator": QuantFormat.QOperator}
TYPES = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8}


class Maker:
    """Collects nodes and weights of a network with one input ``x``; `write` saves it."""

    def __init__(self, shape, seed=0):
        self.shape, self.rng = list(shape), np.random.default_rng(seed)
        self.nodes, self.weights, self.last = [], [], "x"

    def weight(self, *shape, scale=None):
        """Add random weights; the last dimensions are those that are summed over."""
        values = self.rng.normal(size=shape) * (scale if scale is not None else np.prod(shape[1:]) ** -0.5)
        return self.constant(values.astype(np.float32))

    def constant(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, kind, *inputs, outputs=1, **attributes):
        """Add a node; without inputs in front it reads the last result. Returns the name of its result."""
        names = [f"{kind.lower()}{len(self.nodes)}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        self.last = names[0]
        return self.last if outputs == 1 else names

    def write(self, path: Path) -> Path:
        graph = helper.make_graph(
            self.nodes, "network", [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, ["rows", "columns"])], self.weights,
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        checker.check_model(model)
        save(model, path)
        return path


class _Data(CalibrationDataReader):
    def __init__(self, shape, count=8):
        rng = np.random.default_rng(7)
        self.left = [{"x": rng.normal(size=shape).astype(np.float32)} for _ in range(count)]

    def get_next(self):
        return self.left.pop() if self.left else None


def quantized(maker: Maker, folder: Path, form="qdq", activations="int8", weights="int8", per_channel=False) -> Path:
    """Save a network and quantize it; returns the file."""
    source = maker.write(folder / "float.onnx")
    prepared, target = folder / "prepared.onnx", folder / f"{form}.onnx"
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared), str(target), _Data(maker.shape), quant_format=FORMATS[form], activation_type=TYPES[activations],
        weight_type=TYPES[weights], per_channel=per_channel,
        # Without VNNI, onnxruntime's sums of uint8 times int8 saturate at 16 bits: weights of 7 bits avoid it.
        reduce_range=(activations, weights) == ("uint8", "int8"),
    )  # fmt: skip
    return target


def dense(shape=(3, 20)) -> Maker:
    """Three dense layers, one with a bias, as Gemm and MatMul."""
    made = Maker(shape)
    made.node("Gemm", "x", made.weight(24, 20), made.weight(24, scale=0.1), transB=1)
    made.node("Relu", made.last)
    made.node("MatMul", made.last, made.constant(made.rng.normal(size=(24, 16)).astype(np.float32) / 5))
    made.node("Gemm", made.last, made.weight(10, 16), made.weight(10, scale=0.1), transB=1)
    return made


def convolutions() -> Maker:
    """Paddings on each side alone, strides, dilations, groups, depthwise, automatic padding; a pooling and a Gemm."""
    made = Maker((2, 6, 11, 9))
    kinds = [
        (8, 1, (3, 3), {"pads": [1, 1, 1, 1]}), (8, 1, (3, 2), {"pads": [2, 0, 0, 1], "strides": [2, 1]}),
        (8, 8, (3, 3), {"pads": [1, 1, 1, 1]}), (12, 2, (1, 1), {}), (12, 12, (2, 2), {"auto_pad": "SAME_UPPER"}),
        (12, 1, (2, 2), {"auto_pad": "SAME_LOWER", "strides": [1, 2]}),
        (9, 3, (2, 3), {"dilations": [2, 1], "pads": [0, 2, 1, 0]}), (16, 1, (1, 1), {"strides": [2, 2]}),
    ]  # fmt: skip
    channels = 6
    for place, (n, groups, kernel, options) in enumerate(kinds):
        weight, bias = made.weight(n, channels // groups, *kernel), made.weight(n, scale=0.1)
        made.node("Conv", made.last, weight, bias, group=groups, kernel_shape=kernel, **options)
        if place % 3 == 0:
            made.node("Relu", made.last)
        channels = n
    made.node("GlobalAveragePool", made.last)
    made.node("Flatten", made.last)
    made.node("Gemm", made.last, made.weight(10, channels), made.weight(10, scale=0.1), transB=1)
    return made


def transformer(tokens=5, width=16, heads=2) -> Maker:
    """A block: norm, attention of two heads, norm, feed-forward, both with a residual."""
    made = Maker((tokens, width))

    def norm(x):
        return made.node("LayerNormalization", x, made.constant(np.ones(width, np.float32)),
                         made.constant(np.zeros(width, np.float32)), axis=-1)  # fmt: skip

    def linear(x, n, k):
        product = made.node("MatMul", x, made.constant((made.rng.normal(size=(k, n)) * k**-0.5).astype(np.float32)))
        return made.node("Add", product, made.weight(n, scale=0.1))

    def by_head(x, order):
        split = made.node("Reshape", x, made.constant(np.array([tokens, heads, width // heads])))
        return made.node("Transpose", split, perm=order)

    normed = norm("x")
    q, k, v = (linear(normed, width, width) for _ in range(3))
    scores = made.node("MatMul", by_head(q, [1, 0, 2]), by_head(k, [1, 2, 0]))
    scaled = made.node("Mul", scores, made.constant(np.float32((width // heads) ** -0.5)))
    mixed = made.node("MatMul", made.node("Softmax", scaled, axis=-1), by_head(v, [1, 0, 2]))
    flat = made.node("Transpose", mixed, perm=[1, 0, 2])
    flat = made.node("Reshape", flat, made.constant(np.array([tokens, width])))
    x = made.node("Add", "x", linear(flat, width, width))
    hidden = made.node("Relu", linear(norm(x), 4 * width, width))
    made.node("Add", x, linear(hidden, width, 4 * width))
    return made
