"""The layers of TFLite that the accelerator computes, with the numbers of LiteRT's default kernels."""

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.models import gemm as golden
from tilewright_sim.nn.graph import Factors, Product, Tensor, Values

from .batches import Batches
from .tflite_file import Operation
from .tflite_kernels import activation_limits, window_of

__all__ = ["PRODUCTS"]

_HOW = (
    "quantize the whole network to int8: tf.lite.TFLiteConverter with optimizations = [tf.lite.Optimize.DEFAULT], a "
    "representative_dataset, and inference_input_type = tf.int8"
)


def _int8(op: Operation, tensor: Tensor, scales: int = 1) -> None:
    """Reject a tensor that is not int8 with one scale, or one for each of ``scales`` channels."""
    if tensor.dtype.kind == "f":
        raise op.error(f"tensor {tensor.name} is {tensor.dtype}, the accelerator multiplies int8: {_HOW}")
    if tensor.dtype != np.int8:
        name = "of another type" if tensor.dtype.kind == "V" else str(tensor.dtype)
        raise op.error(f"tensor {tensor.name} is {name}, the accelerator multiplies int8: {_HOW}")
    if len(tensor.scale) not in (1, scales):
        raise op.error(f"tensor {tensor.name} has {len(tensor.scale)} scales: it must have 1 or {scales}")


def _scale(op: Operation, x: Tensor, w: Tensor, n: int) -> NDArray[np.float32]:
    """Return the factors [n] of the sums, in float32, as LiteRT's default kernels compute them."""
    return np.broadcast_to(x.scale * w.scale / op.result.scale[0], n)


def _requant(op: Operation, scale: NDArray[np.float32]) -> golden.Requant:
    """Return the requantization closest to these factors, with the layer's fused activation."""
    low, high = activation_limits(op, op.option("fusedActivationFunction"), op.result)
    return golden.Requant.from_scale(scale, int(op.result.zero_point[0]), low, high)


def _layer(op: Operation, channels: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return activations, weights and bias, checked, of a layer with one scale per channel."""
    x, w = op.needed(0), op.needed(1)
    _int8(op, x)
    _int8(op, w, channels)
    _int8(op, op.result)
    if w.zero_point.any():
        raise op.error("its weights have a zero point, which int8 weights must not have")
    bias = op.input(2)
    if bias is not None and (bias.dtype != np.int32 or bias.shape != (channels,)):
        raise op.error(f"its bias is {bias.dtype} {list(bias.shape)}: it must be int32 [{channels}]")
    return x, w, bias


def _factors(
    op: Operation, channels: int, arrange: Callable[[NDArray], NDArray]
) -> tuple[Callable[[Values], Factors], bool]:
    """Return what computes the factors of a layer, and whether they are constant."""
    x, w, bias = _layer(op, channels)
    scale, zero = _scale(op, x, w, channels), int(x.zero_point[0])
    requant = _requant(op, scale)
    weights, biases = op.inputs[1], op.inputs[2] if bias is not None else -1
    constant = w.value is not None and (bias is None or bias.value is not None)
    return lambda values: Factors(
        weights=arrange(values[weights]),
        x_zero=zero,
        bias=values[biases] if biases >= 0 else None,
        requant=requant,
        scale=scale,
    ), constant


def _fully_connected(op: Operation) -> Product:
    x, w = op.needed(0), op.needed(1)
    if len(w.shape) != 2 or not prod(w.shape) or prod(x.shape) % w.shape[1] or not prod(x.shape):
        raise op.error(f"its input is {list(x.shape)} and its weights are {list(w.shape)}: not [M, K] and [N, K]")
    if op.option("weightsFormat"):
        raise op.error("shuffled weights are not supported: convert the model again")
    n, k = w.shape
    m = prod(x.shape) // k
    if prod(op.result.shape) != m * n:
        raise op.error(f"its result is {list(op.result.shape)} in the file, {m} × {n} by its inputs")
    factors, constant = _factors(op, n, lambda weights: weights)
    source, shape = op.inputs[0], op.result.shape
    return Product(
        kind="dense", x=source, y=op.outputs[0], shape=(m, n, k), constant=constant, factors=factors,
        activations=lambda values: values[source].reshape(m, k), result=lambda c: c.reshape(shape),
    )  # fmt: skip


def _convolution(op: Operation) -> Product:
    depthwise = op.operator == "DEPTHWISE_CONV_2D"
    x, w = op.needed(0), op.needed(1)
    if len(x.shape) != 4 or len(w.shape) != 4 or not prod(x.shape) * prod(w.shape):
        raise op.error(f"its input is {list(x.shape)} and its weights are {list(w.shape)}: both must have 4 dimensions")
    images, height, width, channels = x.shape
    n = w.shape[3] if depthwise else w.shape[0]
    inputs = 1 if depthwise else w.shape[3]
    if channels % inputs or n % (channels // inputs) or (depthwise and w.shape[0] != 1):
        raise op.error(f"weights {list(w.shape)} do not fit images {list(x.shape)}")
    window = window_of(op, x, w.shape[1:3], channels // inputs)
    rows, columns = window.output(height, width)
    if rows < 1 or columns < 1:
        raise op.error(f"the kernel {list(window.kernel)} is larger than the image [{height}, {width}]")
    op.expect((images, rows, columns, n))
    factors, constant = _factors(op, n, (lambda v: v[0].transpose(2, 0, 1)[..., None]) if depthwise else lambda v: v)
    source, shape = op.inputs[0], op.result.shape
    return Product(
        kind="convolution", x=source, y=op.outputs[0], constant=constant, factors=factors,
        shape=(images * rows * columns, n, prod(window.kernel) * inputs),
        activations=lambda values: values[source], result=lambda c: c.reshape(shape),
        image=(images, height, width, channels), window=window,
    )  # fmt: skip


def _batch(op: Operation) -> Product:
    x, y = op.needed(0), op.needed(1)
    for tensor in (x, y, op.result):
        _int8(op, tensor)
    swap_x, swap_y = bool(op.option("adjX", False)), bool(op.option("adjY", False))
    batches = Batches.of(x.shape, y.shape, swap_x, swap_y, op.error)
    lead, m, n, k = batches.lead, batches.m, batches.n, batches.k
    op.expect((*lead, m, n))
    scale = _scale(op, x, y, n)
    requant = _requant(op, scale)
    zero, y_zero, (first, second) = int(x.zero_point[0]), int(y.zero_point[0]), op.inputs[:2]

    factor = float(x.scale[0]) * float(y.scale[0]) / float(op.result.scale[0])
    twice = golden.Requant.from_scale(factor, requant.zero_point, requant.minimum, requant.maximum, rounding="double")

    def factors(values: Values) -> Factors:
        weights = batches.matrices(values[second].astype(np.int16) - y_zero, not swap_y, n)
        # LiteRT's kernel for factors with a zero point rounds twice, to a multiplier from a factor in float64.
        if y_zero:
            return Factors(weights=weights, x_zero=zero, requant=twice)
        return Factors(weights=weights, x_zero=zero, requant=requant, scale=scale)

    return Product(
        kind="batch", x=first, y=op.outputs[0], shape=(m, n, k), batch=batches.count, constant=y.value is not None,
        factors=factors, activations=lambda values: batches.matrices(values[first], swap_x, m),
        result=lambda c: c.reshape(*lead, m, n),
    )  # fmt: skip


PRODUCTS: dict[str, Callable[[Operation], Product]] = {
    "BATCH_MATMUL": _batch,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "FULLY_CONNECTED": _fully_connected,
}
