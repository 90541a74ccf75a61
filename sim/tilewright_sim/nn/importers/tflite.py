"""Read TFLite networks into a `Graph`."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn.graph import Graph, Node

from .tflite_file import Operation, Subgraph, read_subgraphs
from .tflite_kernels import KERNELS
from .tflite_products import PRODUCTS
from .tflite_reference import LiteRt

__all__ = ["read_tflite"]

_VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


def read_tflite(path: Path) -> Graph:
    """Read a network of int8.

    Raises
    ------
    GraphError
        If it is not a TFLite file, or has operators or types that are not supported.
    """
    graphs = read_subgraphs(path)
    main = graphs[0]
    unsupported = [op for op in main.operations if op.operator not in (*PRODUCTS, *KERNELS, *_VARIABLES)]
    if unsupported:
        raise unsupported[0].error(
            f"it is not supported ({len(unsupported)} of {len(main.operations)} operators are not): replace it in the "
            f"model, or cut the model there; supported are {', '.join(sorted([*PRODUCTS, *KERNELS, *_VARIABLES]))}"
        )
    handles = _handles(main)
    nodes = [_node(op, graphs, handles) for op in main.operations]
    graph = Graph(
        source=str(path), tensors=main.tensors, nodes=nodes, inputs=main.inputs, outputs=main.outputs,
        reference=partial(LiteRt, path), reference_name="LiteRT",
    )  # fmt: skip
    graph.check()
    return graph


def _node(op: Operation, graphs: list[Subgraph], handles: dict[int, str]) -> Node:
    common: dict[str, Any] = {
        "index": op.index, "operator": op.operator, "inputs": tuple(op.inputs), "outputs": tuple(op.outputs),
    }  # fmt: skip
    if op.operator in PRODUCTS:
        return Node(**common, product=PRODUCTS[op.operator](op))
    if op.operator in _VARIABLES:
        return Node(**common, compute=_variable(op, graphs, handles))
    view = op.operator in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
    return Node(**common, compute=KERNELS[op.operator](op), view=view)


def _handles(graph: Subgraph) -> dict[int, str]:
    """Return the names of the variables by the tensors that stand for them."""
    found = {}
    for op in graph.operations:
        if op.operator == "VAR_HANDLE":
            name = op.option("sharedName", b"") or b""
            found[op.outputs[0]] = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return found


def _variable(op: Operation, graphs: list[Subgraph], handles: dict[int, str]) -> Any:
    if op.operator == "VAR_HANDLE":
        return lambda inputs, variables: [np.zeros(0, np.int8)]
    if op.operator == "CALL_ONCE":
        place = op.option("initSubgraphIndex", -1)
        if not 0 < place < len(graphs):
            raise op.error(f"it calls graph {place}, which the file does not have")
        initial = _initial_values(graphs[place])

        def initialize(inputs: list[Any], variables: dict[str, NDArray]) -> list[NDArray]:
            for name, value in initial.items():
                variables.setdefault(name, value)
            return []

        return initialize
    if op.inputs[0] not in handles:
        raise op.error("its variable has no VAR_HANDLE")
    name = handles[op.inputs[0]]
    if op.operator == "ASSIGN_VARIABLE":

        def assign(inputs: list[Any], variables: dict[str, NDArray]) -> list[NDArray]:
            variables[name] = inputs[1]
            return []

        return assign

    def read(inputs: list[Any], variables: dict[str, NDArray]) -> list[NDArray]:
        if name not in variables:
            raise op.error(f"the variable {name} is read before it has a value")
        return [variables[name]]

    return read


def _initial_values(graph: Subgraph) -> dict[str, NDArray]:
    """Return the constants that a graph assigns to variables; such a graph may do nothing else."""
    handles, found = _handles(graph), {}
    for op in graph.operations:
        if op.operator == "ASSIGN_VARIABLE" and op.inputs[0] in handles:
            found[handles[op.inputs[0]]] = op.constant(1)
        elif op.operator != "VAR_HANDLE":
            raise op.error("a graph that is called once may only assign constants to variables")
    return found
