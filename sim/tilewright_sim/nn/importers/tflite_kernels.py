"""The operators of TFLite that the host computes: the same integers as LiteRT's default kernels.

Each function takes an `Operation`, checks it, and returns what computes its outputs from its inputs.
"""

import math
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright_sim.models import same_padding
from tilewright_sim.nn.graph import Tensor, Window

from .tflite_file import Operation
from .tflite_shapes import Compute, axes_of, concatenate, pad, quantization, reshape, split, strided_slice, transpose

__all__ = ["KERNELS", "activation_limits", "window_of"]


def _round_away(values: ArrayLike) -> NDArray[np.float64]:
    """Return float values rounded to the nearest, ties away from zero."""
    exact = np.asarray(values, np.float64)
    return np.copysign(np.floor(np.abs(exact) + 0.5), exact)


def _scaled(values: NDArray, factor: np.float32) -> NDArray[np.int64]:
    """Return values times a factor, in float32 as LiteRT's kernels do it, rounded to the nearest, ties to even."""
    return np.rint(values.astype(np.float32) * np.float32(factor)).astype(np.int64)


def activation_limits(op: Operation, activation: int, target: Tensor) -> tuple[int, int]:
    """Return the limits of an int8 result with a fused activation function."""
    low, high = {0: (None, None), 1: (0, None), 2: (-1, 1), 3: (0, 6)}.get(activation, (1, -1))
    if (low, high) == (1, -1):
        raise op.error(f"the fused activation function {activation} is not supported: use none, RELU or RELU6")
    limits = [-128, 127]
    for place, (value, choose) in enumerate(((low, max), (high, min))):
        if value is not None:
            scale, zero_point = np.float32(target.scale[0]), int(target.zero_point[0])
            limits[place] = choose(limits[place], zero_point + int(_round_away(np.float32(value) / scale)))
    return limits[0], limits[1]


def window_of(op: Operation, image: Tensor, kernel: tuple[int, int], groups: int = 1) -> Window:
    """Return the window that the options of a convolution or a pooling describe."""
    stride = (op.option("strideH"), op.option("strideW"))
    dilation = (op.option("dilationHFactor", 1), op.option("dilationWFactor", 1))
    if min(*stride, *dilation, *kernel) < 1 or max(*stride, *dilation, *kernel) >= 1 << 20:
        raise op.error(f"kernel {kernel}, stride {stride}, dilation {dilation}: all must be 1 to {(1 << 20) - 1:,}")
    padding = []
    for size, taps, step, apart in zip(image.shape[1:3], kernel, stride, dilation, strict=True):
        padding.append(same_padding(size, taps, step, apart) if op.option("padding") == 0 else (0, 0))
    return Window(kernel=kernel, stride=stride, dilation=dilation, padding=(padding[0], padding[1]), groups=groups)


def _sum(sign: int) -> Callable[[Operation], Compute]:
    """ADD and SUB: factors of 20 bits relative to the larger one, and one rounding, ties up."""

    def build(op: Operation) -> Compute:
        (left, left_zero), (right, right_zero) = (quantization(op, op.needed(place)) for place in (0, 1))
        scale, zero_point = quantization(op, op.result)
        low, high = activation_limits(op, op.option("fusedActivationFunction"), op.result)
        _broadcast(op)
        factors = np.float32(left) / np.float32(scale), np.float32(right) / np.float32(scale)
        shift = 21 - math.frexp(max(factors))[1]
        if not 12 <= shift <= 31:
            raise op.error(f"scales {left:g}, {right:g} and {scale:g} of its tensors are too far apart")
        a, b = (round(float(np.float32(factor * np.float32(2.0**shift)))) for factor in factors)

        def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
            total = a * (inputs[0].astype(np.int64) - left_zero) + sign * b * (inputs[1].astype(np.int64) - right_zero)
            rounded = (total + (1 << shift - 1)) >> shift
            return [np.clip(rounded + zero_point, low, high).astype(np.int8)]

        return compute

    return build


def _multiply(op: Operation) -> Compute:
    (left, left_zero), (right, right_zero) = (quantization(op, op.needed(place)) for place in (0, 1))
    scale, zero_point = quantization(op, op.result)
    low, high = activation_limits(op, op.option("fusedActivationFunction"), op.result)
    _broadcast(op)
    factor = np.float32(left) * np.float32(right) / np.float32(scale)

    def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
        products = (inputs[0].astype(np.int32) - left_zero) * (inputs[1].astype(np.int32) - right_zero)
        return [np.clip(_scaled(products, factor) + zero_point, low, high).astype(np.int8)]

    return compute


def _broadcast(op: Operation) -> None:
    try:
        op.expect(np.broadcast_shapes(op.needed(0).shape, op.needed(1).shape))
    except ValueError:
        raise op.error(f"shapes {list(op.needed(0).shape)} and {list(op.needed(1).shape)} do not match") from None


def _pool(average: bool) -> Callable[[Operation], Compute]:
    def build(op: Operation) -> Compute:
        image = op.needed(0)
        if quantization(op, image) != quantization(op, op.result):
            raise op.error("its input and its result must have the same scale and zero point")
        if len(image.shape) != 4:
            raise op.error(f"its input is {list(image.shape)}: it must be [n, height, width, channels]")
        low, high = activation_limits(op, op.option("fusedActivationFunction"), op.result)
        window = window_of(op, image, (op.option("filterHeight"), op.option("filterWidth")))
        rows, columns = window.output(*image.shape[1:3])
        op.expect((image.shape[0], rows, columns, image.shape[3]))

        def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
            x = inputs[0].astype(np.int64)
            result = np.empty(op.result.shape, np.int64)
            for row in range(rows):
                for column in range(columns):
                    part = x[:, *_within(window, (row, column), x.shape[1:3])]
                    result[:, row, column] = _average(part) if average else part.max((1, 2))
            return [np.clip(result, low, high).astype(np.int8)]

        return compute

    return build


def _within(window: Window, place: tuple[int, int], sizes: tuple[int, ...]) -> tuple[slice, slice]:
    starts = [place[axis] * window.stride[axis] - window.padding[axis][0] for axis in (0, 1)]
    ends = [min(starts[axis] + window.kernel[axis], sizes[axis]) for axis in (0, 1)]
    return slice(max(starts[0], 0), ends[0]), slice(max(starts[1], 0), ends[1])


def _average(part: NDArray) -> NDArray:
    """The mean over height and width, ties away from zero."""
    count = part.shape[1] * part.shape[2]
    total = part.sum((1, 2))
    return np.sign(total) * ((np.abs(total) + count // 2) // count)


def _softmax(op: Operation) -> Compute:
    scale, _ = quantization(op, op.needed(0))
    target, zero_point = quantization(op, op.result)
    op.expect(op.needed(0).shape)
    factor = np.float32(-np.float32(scale) * np.float32(op.option("beta", 1.0)))
    # The kernel's table, of the distance to the largest: in float32, summed in float32 in the order of the elements.
    table = np.exp((factor * np.arange(256, dtype=np.float32)).astype(np.float64)).astype(np.float32)

    def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
        x = inputs[0].astype(np.int64)
        powers = table[x.max(-1, keepdims=True) - x]
        total = np.cumsum(powers, axis=-1, dtype=np.float32)[..., -1:]
        share = powers * (np.float32(1) / (total * np.float32(target)))
        return [np.clip(_round_away(share) + zero_point, -128, 127).astype(np.int8)]

    return compute


def _logistic(op: Operation) -> Compute:
    scale, zero = quantization(op, op.needed(0))
    target, zero_point = quantization(op, op.result)
    op.expect(op.needed(0).shape)
    x = np.float32(scale) * np.arange(-128 - zero, 128 - zero).astype(np.float32)
    y = np.float32(1) / (np.float32(1) + np.exp(-x.astype(np.float64)).astype(np.float32))
    share = _round_away(y * (np.float32(1) / np.float32(target)))
    table = np.clip(share + zero_point, -128, 127).astype(np.int8)
    return lambda inputs, _: [table[inputs[0].astype(np.int64) + 128]]


def _quantize(op: Operation) -> Compute:
    source, target = op.needed(0), op.result
    op.expect(source.shape)
    if len(target.scale) != 1 or target.dtype.kind not in "iu" or target.dtype.itemsize > 2:
        raise op.error(f"its result is {target.dtype} with {len(target.scale)} scales: it must be int8, uint8 or int16")
    limits = np.iinfo(target.dtype)
    scale, zero_point = target.scale[0], int(target.zero_point[0])
    if source.dtype == np.float32:
        inverse = np.float32(1) / scale
        return lambda inputs, _: [
            np.clip(_scaled(inputs[0], inverse) + zero_point, limits.min, limits.max).astype(target.dtype)
        ]
    if source.dtype.kind not in "iu" or source.dtype.itemsize > 1 or len(source.scale) != 1:
        raise op.error(f"its input is {source.dtype}: it must be float32, int8 or uint8")
    factor, zero = source.scale[0] / scale, int(source.zero_point[0])
    if not 1 / 256 <= factor <= 128 or (source.dtype != target.dtype and factor != 1):
        raise op.error(f"scales {source.scale[0]:g} and {scale:g} are too far apart, or differ between two types")
    eighths = round(256 * float(factor))  # a factor of 8 fractional bits, and one rounding, ties up

    def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
        moved = ((inputs[0].astype(np.int64) - zero) * eighths + 128) >> 8
        return [np.clip(moved + zero_point, limits.min, limits.max).astype(target.dtype)]

    return compute


def _dequantize(op: Operation) -> Compute:
    source = op.needed(0)
    op.expect(source.shape)
    if source.dtype.kind not in "iu" or len(source.scale) != 1 or op.result.dtype != np.float32:
        raise op.error(f"its input is {source.dtype} with {len(source.scale)} scales: it must be an integer with one")
    zero, scale = int(source.zero_point[0]), source.scale[0].astype(np.float64)
    return lambda inputs, _: [((inputs[0].astype(np.int64) - zero) * scale).astype(np.float32)]


def _mean(op: Operation) -> Compute:
    source = op.needed(0)
    (scale, zero), (target, zero_point) = quantization(op, source), quantization(op, op.result)
    axes = axes_of(op, op.constant(1), len(source.shape))
    keep = bool(op.option("keepDims", False))
    kept = [1 if axis in axes else size for axis, size in enumerate(source.shape) if keep or axis not in axes]
    op.expect(tuple(kept))
    count = prod(source.shape[axis] for axis in axes)

    factor = np.float32(scale) / (np.float32(count) * np.float32(target))

    def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
        total = (inputs[0].astype(np.int32) - zero).sum(axes, keepdims=keep)
        return [np.clip(_scaled(total, factor) + zero_point, -128, 127).astype(np.int8)]

    return compute


KERNELS: dict[str, Callable[[Operation], Compute]] = {
    "ADD": _sum(1),
    "AVERAGE_POOL_2D": _pool(average=True),
    "CONCATENATION": concatenate,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": reshape,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _pool(average=False),
    "MEAN": _mean,
    "MUL": _multiply,
    "PAD": pad,
    "PADV2": pad,
    "QUANTIZE": _quantize,
    "RESHAPE": reshape,
    "SOFTMAX": _softmax,
    "SPLIT": split,
    "SPLIT_V": split,
    "SQUEEZE": reshape,
    "STRIDED_SLICE": strided_slice,
    "SUB": _sum(-1),
    "TRANSPOSE": transpose,
}
