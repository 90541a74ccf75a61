"""Read TFLite files with bounds: every length in the file is compared with its size before it is used."""

import struct
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import missing_package
from tilewright_sim.nn.graph import MAX_BYTES, GraphError, Tensor

__all__ = ["Operation", "Subgraph", "read_subgraphs", "schema"]

_TYPES = {
    "FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "u1", "UINT32": "<u4", "BOOL": "?", "RESOURCE": "V0",
}  # fmt: skip
_MAX_COUNT = 100_000  # of tensors and operators
_DAMAGED = (struct.error, IndexError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


@dataclass(frozen=True, eq=False)
class Operation:
    """An operator of a file: its name, options, and the tensors that it reads and writes."""

    index: int
    operator: str
    options: Any
    inputs: list[int]
    outputs: list[int]
    tensors: list[Tensor]
    source: str

    def input(self, place: int) -> Tensor | None:
        """Return an input, None if it is left out."""
        number = self.inputs[place] if place < len(self.inputs) else -1
        return self.tensors[number] if number >= 0 else None

    def needed(self, place: int) -> Tensor:
        """Return an input that must be there."""
        tensor = self.input(place)
        if tensor is None:
            raise self.error(f"input {place} is missing")
        return tensor

    def constant(self, place: int) -> NDArray:
        """Return the value of an input that must be a constant."""
        value = self.needed(place).value
        if value is None:
            raise self.error(f"input {place} ({self.needed(place).name}) must be a constant")
        return value

    @property
    def result(self) -> Tensor:
        """The first output."""
        if not self.outputs:
            raise self.error("it has no output")
        return self.tensors[self.outputs[0]]

    def option(self, name: str, default: Any = 0) -> Any:
        """Return an option, or its default in a file without options."""
        return getattr(self.options, name, default)

    def error(self, reason: str) -> GraphError:
        """Return a refusal of this operator."""
        return GraphError(f"{self.source}: operator {self.index} ({self.operator}): {reason}")

    def expect(self, shape: tuple[int, ...]) -> None:
        """Reject another shape of the result than the one that the operator computes."""
        if self.result.shape != shape:
            raise self.error(f"its result is {list(self.result.shape)} in the file, {list(shape)} by its inputs")


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A graph of a file."""

    tensors: list[Tensor]
    operations: list[Operation]
    inputs: list[int]
    outputs: list[int]


def schema() -> Any:
    """Return the module that reads the format."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError:
        raise missing_package("ai-edge-litert, which reads TFLite files,", "networks") from None
    return schema_py_generated


@cache
def _names(enumeration: str) -> dict[int, str]:
    members = vars(getattr(schema(), enumeration)).items()
    return {value: name for name, value in members if not name.startswith("_")}


def read_subgraphs(path: Path) -> list[Subgraph]:
    """Return the graphs of a file.

    Raises
    ------
    GraphError
        If it is not a TFLite file, is truncated, or states sizes that are not in it.
    """
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise GraphError(f"{path} is not a TFLite file: it does not have the identifier TFL3")
    try:
        model = schema().Model.GetRootAs(data, 0)
        codes = [_code(model.OperatorCodes(place)) for place in _range(model.OperatorCodesLength(), data)]
        buffers = [_buffer(model.Buffers(place)) for place in _range(model.BuffersLength(), data)]
        graphs = [model.Subgraphs(place) for place in _range(model.SubgraphsLength(), data)]
        found = [_subgraph(str(path), graph, codes, buffers, data) for graph in graphs]
    except GraphError as error:
        if str(error).startswith(str(path)):
            raise
        raise GraphError(f"{path}: {error}") from None
    except _DAMAGED:
        raise GraphError(f"{path} is damaged or truncated: its tables point out of the file") from None
    if not found:
        raise GraphError(f"{path} has no graph")
    return found


def _range(count: int, data: bytes) -> range:
    if not 0 <= count <= min(len(data) // 4, _MAX_COUNT):
        raise GraphError(f"a table states {count:,} entries, more than the file can hold")
    return range(count)


def _code(code: Any) -> str:
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    name = _names("BuiltinOperator").get(number, f"code {number}")
    return f"CUSTOM {code.CustomCode().decode(errors='replace')}" if name == "CUSTOM" else name


def _buffer(buffer: Any) -> NDArray | None:
    if buffer.Offset() > 1:
        raise GraphError("it keeps constants behind its tables, which is not supported: save it below 2 GB")
    return buffer.DataAsNumpy() if buffer.DataLength() else None


def _numbers(length: int, read: Any, data: bytes) -> list[int]:
    return [int(value) for value in read()] if len(_range(length, data)) else []


def _subgraph(source: str, graph: Any, codes: list[str], buffers: list[NDArray | None], data: bytes) -> Subgraph:
    tensors = [_tensor(graph.Tensors(place), buffers, data) for place in _range(graph.TensorsLength(), data)]
    operations = []
    for place in _range(graph.OperatorsLength(), data):
        one = graph.Operators(place)
        inputs = _numbers(one.InputsLength(), one.InputsAsNumpy, data)
        outputs = _numbers(one.OutputsLength(), one.OutputsAsNumpy, data)
        operator = codes[one.OpcodeIndex()]
        made = Operation(place, operator, _options(one), inputs, outputs, tensors, source)
        if any(not -1 <= number < len(tensors) for number in inputs) or any(
            not 0 <= number < len(tensors) for number in outputs
        ):
            raise made.error("it names a tensor that the file does not have")
        operations.append(made)
    inputs = _numbers(graph.InputsLength(), graph.InputsAsNumpy, data)
    outputs = _numbers(graph.OutputsLength(), graph.OutputsAsNumpy, data)
    if any(not 0 <= number < len(tensors) for number in inputs + outputs):
        raise GraphError("the graph names an input or output that the file does not have")
    return Subgraph(tensors, operations, inputs, outputs)


def _options(operator: Any) -> Any:
    name = _names("BuiltinOptions").get(operator.BuiltinOptionsType(), "NONE")
    table = operator.BuiltinOptions()
    if name == "NONE" or table is None:
        return None
    reader = getattr(schema(), name)()
    reader.Init(table.Bytes, table.Pos)
    return getattr(schema(), f"{name}T").InitFromObj(reader)


def _tensor(tensor: Any, buffers: list[NDArray | None], data: bytes) -> Tensor:
    name = (tensor.Name() or b"").decode(errors="replace")
    shape = tuple(_numbers(tensor.ShapeLength(), tensor.ShapeAsNumpy, data))
    kind = _names("TensorType").get(tensor.Type(), str(tensor.Type()))
    dtype = np.dtype(_TYPES.get(kind, "V1"))
    if any(size < 0 for size in shape) or len(shape) > 8 or prod(shape) * max(dtype.itemsize, 1) > MAX_BYTES:
        raise GraphError(f"tensor {name} has the shape {list(shape)}: at most 8 dimensions and {MAX_BYTES:,} bytes")
    if tensor.Sparsity() is not None:
        raise GraphError(f"tensor {name} is sparse, which is not supported: convert the model without sparsity")
    raw, value = buffers[tensor.Buffer()], None
    if raw is not None and dtype.kind != "V":
        if raw.nbytes != prod(shape) * dtype.itemsize:
            raise GraphError(f"tensor {name} {list(shape)} of {dtype} has a buffer of {raw.nbytes:,} bytes")
        value = raw.view(dtype).reshape(shape)
    scale, zero_point, axis = np.zeros(0, np.float32), np.zeros(0, np.int64), 0
    stated = tensor.Quantization()
    if stated is not None and stated.ScaleLength():
        scale = np.asarray(stated.ScaleAsNumpy(), np.float32)
        zero_point = np.zeros(len(scale), np.int64)
        if stated.ZeroPointLength():
            zero_point[:] = stated.ZeroPointAsNumpy()
        axis = stated.QuantizedDimension()
        if not np.all(np.isfinite(scale)) or scale.min() <= 0:
            raise GraphError(f"tensor {name} has scales that are not positive numbers")
        if (
            dtype.kind in "iu"
            and not np.iinfo(dtype).min <= zero_point.min() <= zero_point.max() <= np.iinfo(dtype).max
        ):
            raise GraphError(f"tensor {name} has zero points that {dtype} does not hold")
    return Tensor(name, shape, dtype, value, scale, zero_point, axis)
