"""Read ONNX networks into a `Graph`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn.graph import Graph, Node, Product, Tensor

from .onnx_file import OnnxFile, OnnxOperator, read_onnx_file
from .onnx_products import PRODUCTS, Operands
from .onnx_qdq import JOINED, join_quantized
from .onnx_runtime import OnnxReference, OperatorRun

__all__ = ["read_onnx"]

_QUANTIZED = ("ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "com.microsoft.QGemm")
_OTHER_PRODUCTS = (
    "ConvTranspose", "DeformConv", "Einsum", "LSTM", "GRU", "RNN", "Attention", "com.microsoft.Attention",
    "com.microsoft.QAttention", "com.microsoft.MultiHeadAttention", "com.microsoft.DynamicQuantizeMatMul",
    "com.microsoft.MatMulIntegerToFloat", "com.microsoft.MatMulInteger16", "com.microsoft.DynamicQuantizeLSTM",
    "com.microsoft.FusedConv", "com.microsoft.FusedMatMul", "com.microsoft.FusedGemm", "com.microsoft.NhwcConv",
    "com.microsoft.MatMulNBits", "com.microsoft.QOrderedMatMul",
)  # fmt: skip
_HOW = (
    "it multiplies in float, the accelerator multiplies int8: quantize the network with "
    "onnxruntime.quantization.quantize_static, for example with activation_type = weight_type = QuantType.QInt8"
)
_VIEWS = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
_RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli")


def read_onnx(path: Path) -> Graph:
    """Read a network whose products are quantized to 8 bits; all other operators run in onnxruntime.

    Open dimensions of inputs are 1. Shapes of other tensors are found by computing the network once on zeros, without
    its products.

    Raises
    ------
    GraphError
        If it is not an ONNX file, or has products that are not quantized or not supported.
    """
    file = _folded(read_onnx_file(path))
    file = join_quantized(file)
    for one in file.operators:
        _check(one, file)
    used = [name for one in file.operators for name in (*one.inputs, *one.outputs) if name]
    names = list(dict.fromkeys([*file.inputs, *file.constants, *used]))
    numbers = {name: number for number, name in enumerate(names)}
    samples: dict[str, NDArray] = file.constants | {
        name: np.zeros(shape, dtype) for name, (shape, dtype) in file.inputs.items()
    }
    nodes = [_node(one, file, numbers, samples) for one in file.operators]
    products = {one.index: one for one, node in zip(file.operators, nodes, strict=True) if node.product}
    tensors = [_tensor(name, samples, file) for name in names]
    graph = Graph(
        source=str(path), tensors=tensors, nodes=nodes, inputs=[numbers[name] for name in file.inputs],
        outputs=[numbers[name] for name in file.outputs], reference_name="onnxruntime",
        reference=partial(OnnxReference, file, products, names),
        bit_equal=all(len(one.nodes) == 1 for one in products.values()),
    )  # fmt: skip
    graph.check()
    return graph


def _check(one: OnnxOperator, file: OnnxFile) -> None:
    if one.operator in JOINED and len(one.nodes) == 1:
        raise one.error(_HOW)
    if one.operator in _OTHER_PRODUCTS:
        raise one.error(
            f"this product is not supported: replace it in the network by one of {', '.join(_QUANTIZED)}, or by Conv, "
            "MatMul or Gemm between DequantizeLinear and QuantizeLinear"
        )


def _folded(file: OnnxFile) -> OnnxFile:
    """Return the file with constants in place of operators whose inputs are constants.

    DequantizeLinear stays, because a quantized layer may follow it.
    """
    kept: list[OnnxOperator] = []
    for one in file.operators:
        inputs = [name for name in one.inputs if name]
        fixed = all(name in file.constants for name in inputs) and one.operator not in (*_RANDOM, "DequantizeLinear")
        if not fixed or one.operator in (*PRODUCTS, *_OTHER_PRODUCTS):
            kept.append(one)
            continue
        values = OperatorRun(file, one)(file.constants)
        file.constants.update(zip([name for name in one.outputs if name], values, strict=True))
    return file.with_operators(kept)


def _node(one: OnnxOperator, file: OnnxFile, numbers: dict[str, int], samples: dict[str, NDArray]) -> Node:
    """Return the node of an operator; its results are added to the samples."""
    inputs = [name for name in one.inputs if name]
    missing = [name for name in inputs if name not in samples]
    if missing:
        raise one.error(f"it reads tensor {missing[0]}, which nothing before it computes")
    common: dict[str, Any] = {"index": one.index, "operator": one.operator}
    if one.operator in PRODUCTS:
        product = PRODUCTS[one.operator](Operands(one, numbers, samples, file.constants))
        samples[one.outputs[0]] = product.result(_zeros(product))
        places = tuple(numbers[name] if name else -1 for name in one.inputs)
        return Node(**common, inputs=places, outputs=(product.y,), product=product, joined=len(one.nodes) - 1)
    run = OperatorRun(file, one)
    outputs = [name for name in one.outputs if name]
    samples.update(zip(outputs, run(samples), strict=True))
    names = list(dict.fromkeys(inputs))
    places = tuple(numbers[name] for name in names)
    ends = tuple(numbers[name] for name in outputs)
    compute = _compute(run, names)
    view = one.operator in _VIEWS and len(outputs) == 1
    return Node(**common, inputs=places, outputs=ends, compute=compute, view=view)


def _zeros(product: Product) -> NDArray:
    m, n, _ = product.shape
    shape = (product.batch, m, n) if product.kind == "batch" else (m, n)
    return np.zeros(shape, np.int8 if product.requant else np.int32)


def _compute(run: OperatorRun, names: list[str]) -> Callable[[list[Any], dict[str, NDArray]], list[NDArray]]:
    return lambda inputs, _: run(dict(zip(names, inputs, strict=True)))


def _tensor(name: str, samples: dict[str, NDArray], file: OnnxFile) -> Tensor:
    sample = samples[name]
    return Tensor(name, sample.shape, sample.dtype, file.constants.get(name))
