"""The operators of TFLite that the host computes: the same integers as LiteRT's default kernels.

Each function takes an `Operation`, checks it, and returns what computes its outputs from its inputs.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.models import gemm as golden
from tilewright_sim.nn.graph import Tensor, Window

from .tflite_file import Operation

__all__ = ["KERNELS", "activation_limits", "round_away", "window_of"]

Compute = Callable[[list[Any], dict[str, NDArray]], list[NDArray]]
_INT8 = np.dtype(np.int8)
_SHIFT = 20
"""Bits by which ADD shifts its inputs left before it scales them."""
_LOW, _HIGH = -(1 << 31), (1 << 31) - 1


def round_away(values: NDArray) -> NDArray:
    """Return float values rounded to the nearest, ties away from zero, as float64."""
    exact = values.astype(np.float64)
    return np.copysign(np.floor(np.abs(exact) + 0.5), exact)


def rescale(values: NDArray, factor: float) -> NDArray[np.int64]:
    """Return integers times a factor, as LiteRT's ``MultiplyByQuantizedMultiplier`` rounds twice."""
    scale = golden.Requant.from_scale(factor)
    return golden.requantize(values, scale.multiplier, scale.shift, 0, _LOW, _HIGH, "double")


def quantization(op: Operation, tensor: Tensor) -> tuple[float, int]:
    """Return scale and zero point of an int8 tensor with one of each."""
    if tensor.dtype != _INT8:
        raise op.error(f"tensor {tensor.name} is {tensor.dtype}: only int8 is supported; quantize the whole network")
    if len(tensor.scale) != 1:
        raise op.error(f"tensor {tensor.name} has {len(tensor.scale)} scales: it must have one")
    return float(tensor.scale[0]), int(tensor.zero_point[0])


def activation_limits(op: Operation, activation: int, target: Tensor) -> tuple[int, int]:
    """Return the limits of an int8 result with a fused activation function."""
    low, high = {0: (None, None), 1: (0, None), 2: (-1, 1), 3: (0, 6)}.get(activation, (1, -1))
    if (low, high) == (1, -1):
        raise op.error(f"the fused activation function {activation} is not supported: use none, RELU or RELU6")
    limits = [-128, 127]
    for place, (value, choose) in enumerate(((low, max), (high, min))):
        if value is not None:
            scale, zero_point = np.float32(target.scale[0]), int(target.zero_point[0])
            limits[place] = choose(limits[place], zero_point + int(round_away(np.float32(value) / scale)))
    return limits[0], limits[1]


def window_of(op: Operation, image: Tensor, kernel: tuple[int, int], groups: int = 1) -> Window:
    """Return the window that the options of a convolution or a pooling describe."""
    stride = (op.option("strideH"), op.option("strideW"))
    dilation = (op.option("dilationHFactor", 1), op.option("dilationWFactor", 1))
    if min(*stride, *dilation, *kernel) < 1 or max(*stride, *dilation, *kernel) >= 1 << 20:
        raise op.error(f"kernel {kernel}, stride {stride}, dilation {dilation}: all must be 1 to {(1 << 20) - 1:,}")
    padding = []
    for size, taps, step, apart in zip(image.shape[1:3], kernel, stride, dilation, strict=True):
        reach = (taps - 1) * apart + 1
        missing = max((-(-size // step) - 1) * step + reach - size, 0) if op.option("padding") == 0 else 0
        padding.append((missing // 2, missing - missing // 2))
    return Window(kernel=kernel, stride=stride, dilation=dilation, padding=(padding[0], padding[1]), groups=groups)


def _sum(sign: int) -> Callable[[Operation], Compute]:
    def build(op: Operation) -> Compute:
        (left, left_zero), (right, right_zero) = (quantization(op, op.needed(place)) for place in (0, 1))
        scale, zero_point = quantization(op, op.result)
        low, high = activation_limits(op, op.option("fusedActivationFunction"), op.result)
        _broadcast(op)
        largest = 2 * max(left, right)

        def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
            a = rescale((inputs[0].astype(np.int64) - left_zero) << _SHIFT, left / largest)
            b = rescale((inputs[1].astype(np.int64) - right_zero) << _SHIFT, right / largest)
            total = rescale(a + sign * b, largest / ((1 << _SHIFT) * scale)) + zero_point
            return [np.clip(total, low, high).astype(np.int8)]

        return compute

    return build


def _multiply(op: Operation) -> Compute:
    (left, left_zero), (right, right_zero) = (quantization(op, op.needed(place)) for place in (0, 1))
    scale, zero_point = quantization(op, op.result)
    low, high = activation_limits(op, op.option("fusedActivationFunction"), op.result)
    _broadcast(op)

    def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
        products = (inputs[0].astype(np.int64) - left_zero) * (inputs[1].astype(np.int64) - right_zero)
        return [np.clip(rescale(products, left * right / scale) + zero_point, low, high).astype(np.int8)]

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
        return [np.clip(round_away(share) + zero_point, -128, 127).astype(np.int8)]

    return compute


def _logistic(op: Operation) -> Compute:
    scale, zero = quantization(op, op.needed(0))
    target, zero_point = quantization(op, op.result)
    op.expect(op.needed(0).shape)
    x = np.float32(scale) * np.arange(-128 - zero, 128 - zero).astype(np.float32)
    y = np.float32(1) / (np.float32(1) + np.exp(-x.astype(np.float64)).astype(np.float32))
    scaled = round_away(y * (np.float32(1) / np.float32(target)))
    table = np.clip(scaled + zero_point, -128, 127).astype(np.int8)
    return lambda inputs, _: [table[inputs[0].astype(np.int64) + 128]]


def _quantize(op: Operation) -> Compute:
    source, target = op.needed(0), op.result
    op.expect(source.shape)
    if len(target.scale) != 1 or target.dtype.kind not in "iu" or target.dtype.itemsize > 2:
        raise op.error(f"its result is {target.dtype} with {len(target.scale)} scales: it must be int8, uint8 or int16")
    limits = np.iinfo(target.dtype)
    scale, zero_point = target.scale[0], int(target.zero_point[0])
    if source.dtype == np.float32:
        return lambda inputs, _: [
            np.clip(round_away(inputs[0] / scale) + zero_point, limits.min, limits.max).astype(target.dtype)
        ]
    if source.dtype.kind not in "iu" or source.dtype.itemsize > 2 or len(source.scale) != 1:
        raise op.error(f"its input is {source.dtype}: it must be float32, int8, uint8 or int16")
    zero, factor = int(source.zero_point[0]), float(source.scale[0]) / float(scale)
    return lambda inputs, _: [
        np.clip(rescale(inputs[0].astype(np.int64) - zero, factor) + zero_point, limits.min, limits.max).astype(
            target.dtype
        )
    ]


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
    axes = _axes(op, op.constant(1), len(source.shape))
    keep = bool(op.option("keepDims", False))
    kept = [1 if axis in axes else size for axis, size in enumerate(source.shape) if keep or axis not in axes]
    op.expect(tuple(kept))
    count = prod(source.shape[axis] for axis in axes)

    def compute(inputs: list[Any], _: dict[str, NDArray]) -> list[NDArray]:
        total = (inputs[0].astype(np.int64) - zero).sum(axes, keepdims=keep)
        return [np.clip(_mean_of(total, count, scale / target) + zero_point, -128, 127).astype(np.int8)]

    return compute


def _mean_of(total: NDArray, count: int, factor: float) -> NDArray[np.int64]:
    """The sum times ``factor / count``: the division is a shift of the factor and an integer division, as in LiteRT."""
    scale = golden.Requant.from_scale(factor)
    shift = min(63 - (64 - (count).bit_length()), 32, 31 + int(scale.shift))
    multiplier = (int(scale.multiplier) << shift) // count
    return golden.requantize(total, multiplier, int(scale.shift) - shift, 0, _LOW, _HIGH, "double")


def _axes(op: Operation, axes: NDArray, rank: int) -> tuple[int, ...]:
    numbers = sorted({int(axis) + rank if axis < 0 else int(axis) for axis in np.atleast_1d(axes)})
    if any(not 0 <= axis < rank for axis in numbers):
        raise op.error(f"the axes {np.atleast_1d(axes).tolist()} are not those of {rank} dimensions")
    return tuple(numbers)


def _pad(op: Operation) -> Compute:
    source, pads = op.needed(0), op.constant(1)
    if pads.shape != (len(source.shape), 2) or pads.min() < 0:
        raise op.error(f"paddings are {list(pads.shape)}: they must be [{len(source.shape)}, 2] and not negative")
    value = int(op.constant(2).reshape(-1)[0]) if op.input(2) is not None else int(source.zero_point[0])
    if source.scale.tolist() != op.result.scale.tolist() or source.dtype != _INT8:
        raise op.error("only int8 with the same scale before and after is supported")
    op.expect(tuple(size + int(pair.sum()) for size, pair in zip(source.shape, pads, strict=True)))
    return lambda inputs, _: [np.pad(inputs[0], pads.tolist(), constant_values=value)]


def _reshape(op: Operation) -> Compute:
    shape = op.result.shape
    if prod(shape) != prod(op.needed(0).shape):
        raise op.error(f"{list(op.needed(0).shape)} cannot become {list(shape)}")
    return lambda inputs, _: [inputs[0].reshape(shape)]


def _concatenate(op: Operation) -> Compute:
    parts = [op.needed(place) for place in range(len(op.inputs))]
    if not parts or any(len(part.shape) != len(op.result.shape) for part in parts):
        raise op.error("all inputs must have as many dimensions as the result")
    (axis,) = _axes(op, np.array(op.option("axis")), len(op.result.shape))
    for part in parts:
        if quantization(op, part) != quantization(op, op.result):
            raise op.error("all inputs must have the scale and zero point of the result")
        if any(a != b for place, (a, b) in enumerate(zip(part.shape, op.result.shape, strict=True)) if place != axis):
            raise op.error(f"shapes {list(part.shape)} and {list(op.result.shape)} do not match")
    whole = list(op.result.shape)
    whole[axis] = sum(part.shape[axis] for part in parts)
    op.expect(tuple(whole))
    return lambda inputs, _: [np.concatenate(inputs, axis)]


def _split(op: Operation) -> Compute:
    variable = op.operator == "SPLIT_V"
    source = op.needed(0 if variable else 1)
    (axis,) = _axes(op, op.constant(2 if variable else 0).reshape(-1)[:1], len(source.shape))
    sizes = [op.tensors[number].shape[axis : axis + 1] for number in op.outputs]
    if not all(sizes) or sum(size[0] for size in sizes) != source.shape[axis]:
        raise op.error(f"its results do not add up to {source.shape[axis]}")
    ends = np.cumsum([size[0] for size in sizes])[:-1]
    return lambda inputs, _: np.split(inputs[0 if variable else 1], ends, axis)


def _strided_slice(op: Operation) -> Compute:
    source = op.needed(0)
    begin, end, step = (op.constant(place).reshape(-1).tolist() for place in (1, 2, 3))
    if op.option("ellipsisMask") or op.option("newAxisMask") or op.option("offset", False):
        raise op.error("ellipsis, new axes and offsets are not supported: slice with begin, end and strides")
    if not len(begin) == len(end) == len(step) <= len(source.shape) or 0 in step:
        raise op.error("begin, end and strides do not fit its input")
    places: list[slice | int] = []
    for axis, (first, last, by) in enumerate(zip(begin, end, step, strict=True)):
        if op.option("shrinkAxisMask") >> axis & 1:
            places.append(first)
            continue
        ends = (
            None if op.option(mask) >> axis & 1 else value for mask, value in (("beginMask", first), ("endMask", last))
        )
        places.append(slice(*ends, by))
    return lambda inputs, _: [inputs[0][tuple(places)]]


def _transpose(op: Operation) -> Compute:
    order = tuple(op.constant(1).reshape(-1).tolist())
    if sorted(order) != list(range(len(op.needed(0).shape))):
        raise op.error(f"{list(order)} does not order {len(op.needed(0).shape)} dimensions")
    op.expect(tuple(op.needed(0).shape[axis] for axis in order))
    return lambda inputs, _: [inputs[0].transpose(order)]


KERNELS: dict[str, Callable[[Operation], Compute]] = {
    "ADD": _sum(1),
    "AVERAGE_POOL_2D": _pool(average=True),
    "CONCATENATION": _concatenate,
    "DEQUANTIZE": _dequantize,
    "EXPAND_DIMS": _reshape,
    "LOGISTIC": _logistic,
    "MAX_POOL_2D": _pool(average=False),
    "MEAN": _mean,
    "MUL": _multiply,
    "PAD": _pad,
    "PADV2": _pad,
    "QUANTIZE": _quantize,
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _sum(-1),
    "TRANSPOSE": _transpose,
}
