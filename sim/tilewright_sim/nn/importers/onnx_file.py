"""Read ONNX files: operators, constants, and the types of inputs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import missing_package
from tilewright_sim.nn.graph import MAX_BYTES, GraphError

__all__ = ["OnnxFile", "OnnxOperator", "read_onnx_file"]


@dataclass(frozen=True, eq=False)
class OnnxOperator:
    """An operator, or several that are computed as one.

    Parameters
    ----------
    index : int
        Of its main node in the file.
    operator : str
    inputs, outputs : list of str
        An empty name for what is left out.
    attributes : dict
    nodes : list of NodeProto
        As in the file, to compute it with onnxruntime.
    source : str
    clamp : (float, float)
        Limits of the result before it is quantized, of activation functions that were joined with it.
    """

    index: int
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]
    nodes: list[Any]
    source: str
    clamp: tuple[float, float] = (-np.inf, np.inf)

    def input(self, place: int) -> str:
        """Return the name of an input, empty if it is left out."""
        return self.inputs[place] if place < len(self.inputs) else ""

    def error(self, reason: str) -> GraphError:
        """Return a refusal of this operator."""
        return GraphError(f"{self.source}: operator {self.index} ({self.operator}): {reason}")


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """The graph of a file.

    Parameters
    ----------
    source : str
    operators : list of OnnxOperator
    constants : dict
        Arrays by name.
    inputs : dict
        Shapes and types of inputs by name; open dimensions are 1.
    outputs : list of str
    opsets : list of OperatorSetIdProto
    ir_version : int
    """

    source: str
    operators: list[OnnxOperator]
    constants: dict[str, NDArray]
    inputs: dict[str, tuple[tuple[int, ...], np.dtype]]
    outputs: list[str]
    opsets: list[Any]
    ir_version: int

    def with_operators(self, operators: list[OnnxOperator]) -> "OnnxFile":
        """Return the file with other operators."""
        return replace(self, operators=operators)


def read_onnx_file(path: Path) -> OnnxFile:
    """Return the graph of a file.

    Raises
    ------
    GraphError
        If it is not an ONNX file, is truncated, or states sizes that are not in it.
    """
    try:
        import onnx
    except ImportError:
        raise missing_package("onnx, which reads ONNX files,", "networks") from None
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except Exception as error:  # of protobuf, of the checker, and of files with external data
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise GraphError(f"{path} is not an ONNX file, or is damaged: {reason[:200]}") from None
    graph = model.graph
    if not graph.node:
        raise GraphError(f"{path}: the network has no operators")
    if model.functions or graph.sparse_initializer:
        raise GraphError(f"{path}: functions and sparse constants are not supported: export the network without them")
    constants = dict(_constants(str(path), graph.initializer))
    operators = []
    for index, node in enumerate(graph.node):
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        name = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
        made = OnnxOperator(index, name, list(node.input), list(node.output), attributes, [node], str(path))
        if any(one.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for one in node.attribute):
            raise made.error("control flow is not supported: export the network without it")
        operators.append(made)
    inputs = {one.name: _input(str(path), one) for one in graph.input if one.name not in constants}
    found = OnnxFile(
        str(path), operators, constants, inputs, [one.name for one in graph.output], list(model.opset_import),
        model.ir_version,
    )  # fmt: skip
    _check_sizes(model, found)
    return found


def _constants(source: str, initializers: Any) -> Iterator[tuple[str, NDArray]]:
    from onnx import numpy_helper

    for one in initializers:
        if any(size < 0 for size in one.dims) or prod(one.dims) > MAX_BYTES:
            raise GraphError(f"{source}: constant {one.name} has the shape {list(one.dims)}")
        try:
            yield one.name, numpy_helper.to_array(one)
        except (ValueError, TypeError, KeyError) as error:
            raise GraphError(f"{source}: constant {one.name} is damaged: {str(error).splitlines()[0][:200]}") from None


def _input(source: str, value: Any) -> tuple[tuple[int, ...], np.dtype]:
    from onnx import helper

    kind = value.type.tensor_type
    shape = tuple(one.dim_value if one.HasField("dim_value") else 1 for one in kind.shape.dim)
    try:
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    except (KeyError, ValueError):
        raise GraphError(f"{source}: input {value.name} is not a tensor of a known type") from None
    if any(size < 1 for size in shape) or prod(shape) * dtype.itemsize > MAX_BYTES:
        raise GraphError(f"{source}: input {value.name} has the shape {list(shape)}: at most {MAX_BYTES:,} bytes")
    return shape, dtype


def _check_sizes(model: Any, file: OnnxFile) -> None:
    """Reject tensors that are too large, as far as their shapes follow from the file."""
    import onnx

    for value in model.graph.input:
        for size in value.type.tensor_type.shape.dim:
            if not size.HasField("dim_value"):
                size.dim_value = 1
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        raise GraphError(f"{file.source}: its shapes do not fit: {str(error).splitlines()[0][:200]}") from None
    for value in [*inferred.graph.value_info, *inferred.graph.output]:
        sizes = [one.dim_value for one in value.type.tensor_type.shape.dim if one.HasField("dim_value")]
        if prod(sizes) > MAX_BYTES:
            raise GraphError(f"{file.source}: tensor {value.name} would have the shape {sizes}: too large")
