"""The operators of TFLite that only move elements; see `tflite_kernels`."""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn.graph import Tensor

from .tflite_file import Operation

__all__ = [
    "Compute", "axes_of", "concatenate", "pad", "quantization", "reshape", "split", "strided_slice", "transpose",
]  # fmt: skip

Compute = Callable[[list[Any], dict[str, NDArray]], list[NDArray]]
"""Returns the outputs of an operator from its inputs and the network's variables."""
_INT8 = np.dtype(np.int8)


def quantization(op: Operation, tensor: Tensor) -> tuple[float, int]:
    """Return scale and zero point of an int8 tensor with one of each."""
    if tensor.dtype != _INT8:
        raise op.error(f"tensor {tensor.name} is {tensor.dtype}: only int8 is supported; quantize the whole network")
    if len(tensor.scale) != 1:
        raise op.error(f"tensor {tensor.name} has {len(tensor.scale)} scales: it must have one")
    return float(tensor.scale[0]), int(tensor.zero_point[0])


def axes_of(op: Operation, axes: NDArray, rank: int) -> tuple[int, ...]:
    numbers = sorted({int(axis) + rank if axis < 0 else int(axis) for axis in np.atleast_1d(axes)})
    if any(not 0 <= axis < rank for axis in numbers):
        raise op.error(f"the axes {np.atleast_1d(axes).tolist()} are not those of {rank} dimensions")
    return tuple(numbers)


def pad(op: Operation) -> Compute:
    source, pads = op.needed(0), op.constant(1)
    if pads.shape != (len(source.shape), 2) or pads.min() < 0:
        raise op.error(f"paddings are {list(pads.shape)}: they must be [{len(source.shape)}, 2] and not negative")
    value = int(op.constant(2).reshape(-1)[0]) if op.input(2) is not None else int(source.zero_point[0])
    if source.scale.tolist() != op.result.scale.tolist() or source.dtype != _INT8:
        raise op.error("only int8 with the same scale before and after is supported")
    op.expect(tuple(size + int(pair.sum()) for size, pair in zip(source.shape, pads, strict=True)))
    return lambda inputs, _: [np.pad(inputs[0], pads.tolist(), constant_values=value)]


def reshape(op: Operation) -> Compute:
    shape = op.result.shape
    if prod(shape) != prod(op.needed(0).shape):
        raise op.error(f"{list(op.needed(0).shape)} cannot become {list(shape)}")
    return lambda inputs, _: [inputs[0].reshape(shape)]


def concatenate(op: Operation) -> Compute:
    parts = [op.needed(place) for place in range(len(op.inputs))]
    if not parts or any(len(part.shape) != len(op.result.shape) for part in parts):
        raise op.error("all inputs must have as many dimensions as the result")
    (axis,) = axes_of(op, np.array(op.option("axis")), len(op.result.shape))
    for part in parts:
        if quantization(op, part) != quantization(op, op.result):
            raise op.error("all inputs must have the scale and zero point of the result")
        if any(a != b for place, (a, b) in enumerate(zip(part.shape, op.result.shape, strict=True)) if place != axis):
            raise op.error(f"shapes {list(part.shape)} and {list(op.result.shape)} do not match")
    whole = list(op.result.shape)
    whole[axis] = sum(part.shape[axis] for part in parts)
    op.expect(tuple(whole))
    return lambda inputs, _: [np.concatenate(inputs, axis)]


def split(op: Operation) -> Compute:
    variable = op.operator == "SPLIT_V"
    source = op.needed(0 if variable else 1)
    (axis,) = axes_of(op, op.constant(2 if variable else 0).reshape(-1)[:1], len(source.shape))
    sizes = [op.tensors[number].shape[axis : axis + 1] for number in op.outputs]
    if not all(sizes) or sum(size[0] for size in sizes) != source.shape[axis]:
        raise op.error(f"its results do not add up to {source.shape[axis]}")
    ends = np.cumsum([size[0] for size in sizes])[:-1]
    return lambda inputs, _: np.split(inputs[0 if variable else 1], ends, axis)


def strided_slice(op: Operation) -> Compute:
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
        start = None if op.option("beginMask") >> axis & 1 else first
        stop = None if op.option("endMask") >> axis & 1 else last
        places.append(slice(start, stop, by))
    return lambda inputs, _: [inputs[0][tuple(places)]]


def transpose(op: Operation) -> Compute:
    order = tuple(op.constant(1).reshape(-1).tolist())
    if sorted(order) != list(range(len(op.needed(0).shape))):
        raise op.error(f"{list(order)} does not order {len(op.needed(0).shape)} dimensions")
    op.expect(tuple(op.needed(0).shape[axis] for axis in order))
    return lambda inputs, _: [inputs[0].transpose(order)]
