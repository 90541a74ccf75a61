"""Operators of ONNX computed by onnxruntime, each alone."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import missing_package
from tilewright_sim.nn.graph import GraphError, Node

from .onnx_file import OnnxFile, OnnxOperator

__all__ = ["OnnxReference", "OperatorRun"]


class OperatorRun:
    """One operator, or several that were joined, in a session of onnxruntime that is opened when it first runs.

    Parameters
    ----------
    file : OnnxFile
    operator : OnnxOperator
    optimized : bool
        Whether onnxruntime may join its nodes, as it does in a whole network.
    """

    def __init__(self, file: OnnxFile, operator: OnnxOperator, optimized: bool = False):
        self.file, self.operator, self.optimized = file, operator, optimized
        made = {name for node in operator.nodes for name in node.output}
        read = dict.fromkeys(name for node in operator.nodes for name in node.input if name and name not in made)
        self.inputs = [name for name in read if name not in file.constants]
        self.constants = [name for name in read if name in file.constants]
        self.outputs = [name for name in operator.outputs if name]
        self._session: Any = None

    def __call__(self, values: Mapping[str, NDArray]) -> list[NDArray]:
        """Return the outputs from the values of tensors by name."""
        feeds = {name: np.ascontiguousarray(values[name]) for name in self.inputs}
        try:
            if self._session is None:
                self._session = self._open(feeds)
            return [np.asarray(value) for value in self._session.run(self.outputs, feeds)]
        except GraphError:
            raise
        except Exception as error:  # onnxruntime's have no common class
            reason = " ".join(str(error).split())[:300]
            raise self.operator.error(f"onnxruntime does not compute it: {reason}") from None

    def _open(self, feeds: Mapping[str, NDArray]) -> Any:
        try:
            import onnxruntime
        except ImportError:
            raise missing_package("onnxruntime, which computes operators on the host,", "networks") from None
        from onnx import TensorProto, helper, numpy_helper

        def kind(array: NDArray) -> int:
            return helper.np_dtype_to_tensor_dtype(array.dtype)

        given = [helper.make_tensor_value_info(name, kind(feeds[name]), feeds[name].shape) for name in self.inputs]
        results = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in self.outputs]
        for result in results:
            result.ClearField("type")
        constants = [numpy_helper.from_array(self.file.constants[name], name) for name in self.constants]
        graph = helper.make_graph(self.operator.nodes, "operator", given, results, constants)
        model = helper.make_model(graph, opset_imports=self.file.opsets, ir_version=min(self.file.ir_version, 10))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        levels = onnxruntime.GraphOptimizationLevel
        options.graph_optimization_level = levels.ORT_ENABLE_ALL if self.optimized else levels.ORT_DISABLE_ALL
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class OnnxReference:
    """Computes the products of a network with onnxruntime, to compare with.

    Parameters
    ----------
    file : OnnxFile
    operators : dict
        By index.
    names : list of str
        Of the tensors of the graph.
    """

    def __init__(self, file: OnnxFile, operators: dict[int, OnnxOperator], names: list[str]):
        self._names = names
        self._runs = {index: OperatorRun(file, one, optimized=True) for index, one in operators.items()}

    def expected(self, node: Node, values: Mapping[int, NDArray]) -> list[NDArray | None]:
        """Return the result of a product.

        None for operators that onnxruntime computes anyway, and for products that it does not compute.
        """
        if node.product is None:
            return [None for _ in node.outputs]
        run = self._runs[node.index]
        named = {self._names[number]: values[number] for number in node.inputs if number >= 0}
        try:
            return list(run(named))
        except GraphError:  # for example weights with a zero point for each channel
            return [None]
