"""Find quantized layers that are written as DequantizeLinear, an operator in float, and QuantizeLinear."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from .onnx_file import OnnxFile, OnnxOperator

__all__ = ["JOINED", "join_quantized"]

JOINED = ("Conv", "MatMul", "Gemm")
"""The operators in float that are joined."""


def join_quantized(file: OnnxFile) -> OnnxFile:
    """Return the file with quantized layers as one operator each, and without operators that nobody needs then.

    The inputs of a joined layer are those of QLinearConv, QLinearMatMul or QGemm.
    """
    makers = {name: one for one in file.operators for name in one.outputs}
    uses = Counter(name for one in file.operators for name in one.inputs) + Counter(file.outputs)
    readers = {name: one for one in file.operators for name in one.inputs if uses[name] == 1}
    joined: dict[int, OnnxOperator] = {}
    for one in file.operators:
        made = _joined(file, one, makers, readers) if one.operator in JOINED else None
        if made is not None:
            joined[one.index] = made
    ends = {made.outputs[0] for made in joined.values()}
    operators = []
    for one in file.operators:
        if one.operator == "QuantizeLinear" and one.outputs[0] in ends:
            continue
        operators.append(joined.get(one.index, one))
    return file.with_operators(_needed(file, operators))


def _joined(
    file: OnnxFile, one: OnnxOperator, makers: dict[str, OnnxOperator], readers: dict[str, OnnxOperator]
) -> OnnxOperator | None:
    sources = [makers.get(name) for name in one.inputs]
    if any(source is None or source.operator != "DequantizeLinear" for source in sources[:2]):
        return None
    first, second = sources[0], sources[1]
    assert first is not None
    assert second is not None
    nodes = [*first.nodes, *([] if first is second else second.nodes)]
    bias = one.input(2)
    if bias:
        source = makers.get(bias)
        if source is None or source.operator != "DequantizeLinear":
            return None
        nodes += source.nodes
        bias = source.input(0)
    nodes += one.nodes
    clamp, last = (-np.inf, np.inf), readers.get(one.outputs[0])
    while last is not None and last.operator in ("Relu", "Clip"):
        found = _clamp(file, last)
        if found is None:
            return None
        clamp = max(clamp[0], found[0]), min(clamp[1], found[1])
        nodes += last.nodes
        last = readers.get(last.outputs[0])
    if last is None or last.operator != "QuantizeLinear":
        return None
    x, w = ([source.input(0), source.input(1), source.input(2)] for source in (first, second))
    y = [last.input(1), last.input(2)]
    inputs = {
        "Conv": [*x, *w, *y, bias], "MatMul": [*x, *w, *y], "Gemm": [*x, *w, bias, *y],
    }[one.operator]  # fmt: skip
    nodes += last.nodes
    return replace(one, inputs=inputs, outputs=last.outputs, nodes=_in_order(nodes), clamp=clamp)


def _clamp(file: OnnxFile, one: OnnxOperator) -> tuple[float, float] | None:
    """Return the limits of an activation function, None if they are not constants."""
    if one.operator == "Relu":
        return 0.0, np.inf
    limits = []
    for name, attribute, otherwise in ((one.input(1), "min", -np.inf), (one.input(2), "max", np.inf)):
        value: Any = file.constants.get(name) if name else one.attributes.get(attribute, otherwise)
        if value is None or np.size(value) != 1:
            return None
        limits.append(float(np.asarray(value).reshape(-1)[0]))
    return limits[0], limits[1]


def _in_order(nodes: list[Any]) -> list[Any]:
    """Return nodes without repetitions."""
    found = {id(node): node for node in nodes}
    return list(found.values())


def _needed(file: OnnxFile, operators: list[OnnxOperator]) -> list[OnnxOperator]:
    """Return the operators that an output depends on."""
    wanted, kept = set(file.outputs), []
    for one in reversed(operators):
        if wanted & set(one.outputs):
            wanted |= {name for name in one.inputs if name}
            kept.append(one)
    return kept[::-1]
