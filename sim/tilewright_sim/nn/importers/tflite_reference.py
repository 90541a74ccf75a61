"""LiteRT's default kernels, to compare layers with."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tilewright.base import missing_package
from tilewright_sim.nn.graph import GraphError, Node

from .tflite_file import schema

__all__ = ["LiteRt"]


class LiteRt:
    """Runs each operator of a file alone, on inputs that are given to it.

    Parameters
    ----------
    path : Path
        A file that `read_tflite` takes.
    """

    def __init__(self, path: Path):
        try:
            from ai_edge_litert import interpreter
        except ImportError:
            raise missing_package("ai-edge-litert, which --check compares with,", "networks") from None
        self._litert = interpreter
        self._model = schema().ModelT.InitFromPackedBuf(path.read_bytes(), 0)
        self._source = path
        self._made: dict[int, tuple[Any, list[int]]] = {}

    def expected(self, node: Node, values: Mapping[int, NDArray]) -> list[NDArray | None]:
        """Return the outputs of a node; None for operators on variables, which only move values."""
        if not node.outputs or node.operator in ("VAR_HANDLE", "READ_VARIABLE"):
            return [None for _ in node.outputs]
        if node.index not in self._made:
            self._made[node.index] = self._alone(node)
        run, inputs = self._made[node.index]
        for place, number in zip(run.get_input_details(), inputs, strict=True):
            run.set_tensor(place["index"], values[number])
        run.invoke()
        return [run.get_tensor(place["index"]) for place in run.get_output_details()]

    def _alone(self, node: Node) -> tuple[Any, list[int]]:
        """Return an interpreter of one operator, and the tensors that are its inputs."""
        import flatbuffers

        fields, whole = schema(), self._model
        graph, kept = whole.subgraphs[0], list(dict.fromkeys(n for n in (*node.inputs, *node.outputs) if n >= 0))
        place = {number: new for new, number in enumerate(kept)}
        operation = graph.operators[node.index]
        buffers, tensors, inputs = [fields.BufferT()], [graph.tensors[number] for number in kept], []
        for number, tensor in zip(kept, tensors, strict=True):
            data = whole.buffers[tensor.buffer]
            constant = data.data is not None and len(data.data) > 0
            if not constant and number in node.inputs:
                inputs.append(number)
            buffers.append(data if constant else fields.BufferT())
        alone, code, made = fields.SubGraphT(), fields.OperatorT(), fields.ModelT()
        code.opcodeIndex, code.inputs = 0, [place.get(number, -1) for number in node.inputs]
        code.outputs = [place[number] for number in node.outputs]
        code.builtinOptions, code.builtinOptionsType = operation.builtinOptions, operation.builtinOptionsType
        alone.tensors, alone.operators = tensors, [code]
        alone.inputs, alone.outputs = [place[number] for number in inputs], code.outputs
        made.version, made.subgraphs, made.buffers = 3, [alone], buffers
        made.operatorCodes = [whole.operatorCodes[operation.opcodeIndex]]
        builder = flatbuffers.Builder(1024)
        shared = [tensor.buffer for tensor in tensors]
        try:
            for buffer, tensor in enumerate(tensors, 1):
                tensor.buffer = buffer
            builder.Finish(made.Pack(builder), file_identifier=b"TFL3")
        finally:
            for tensor, buffer in zip(tensors, shared, strict=True):
                tensor.buffer = buffer
        try:
            with _quiet():
                kind = self._litert.OpResolverType.BUILTIN
                run = self._litert.Interpreter(
                    model_content=bytes(builder.Output()), experimental_op_resolver_type=kind
                )
                run.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise GraphError(f"{self._source}: LiteRT does not take {node.title}: {error}") from None
        return run, inputs


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the library prints about its kernels off standard error."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
