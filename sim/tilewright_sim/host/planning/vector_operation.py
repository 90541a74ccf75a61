"""From rows of any number on the host to arrays in the device's memory, and the descriptors of a vector operation."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig, Operation, result_shape
from tilewright.base import TilewrightError
from tilewright_sim.models import Records
from tilewright_sim.models.cycles import Bus

from ..arrays import DeviceArray, bits_of_bf16
from ..descriptor import VectorDescriptor
from ..workspace import Workspace
from .vector_descriptor import check_operands, check_records, operation_of, result_types

__all__ = ["Result", "VectorPlan", "plan_vector", "vector_cycles", "vector_rows"]

Result = Literal["float32", "bf16", "records"]
_INSTRUCTIONS = 80
"""More than any program has, all passes together."""
_LOADS = 6
"""Reads and writes of an element, at most."""
_DEPTH = 32
"""Cycles of an instruction besides those of its entries, at most."""


@dataclass(frozen=True)
class VectorPlan:
    """Descriptors of one operation, and the arrays that will hold its result.

    Parameters
    ----------
    operation : Operation
    descriptors : list of VectorDescriptor
        To run in any order.
    results : list of DeviceArray
        The rows of the result, from the first.
    """

    operation: Any
    descriptors: list[VectorDescriptor] = field(default_factory=list)
    results: list[DeviceArray] = field(default_factory=list)

    def collect(self) -> NDArray | Records:
        """Return the result [m, n], or of ARGMAX [m]; call it when all descriptors have run."""
        columns = self.operation == Operation.QUANTIZE
        c = np.concatenate([array.numpy().T if columns else array.numpy() for array in self.results])
        first = self.results[0]
        if first.form:
            return Records(first.form, first.k, c)
        return c[:, 0] if self.operation == Operation.ARGMAX else c


def vector_rows(values: ArrayLike, name: str, types: tuple[str, ...]) -> NDArray:
    """Return rows of numbers of one of the types, of one dimension as one row; bfloat16 as its bits, uint16.

    Raises
    ------
    TilewrightError
        If they are something else.
    """
    try:
        array = bits_of_bf16(np.asarray(values))
    except (ValueError, TypeError):
        raise TilewrightError(f"{name} is not an array: it must be {' or '.join(types)} with two dimensions") from None
    array = array[None] if array.ndim == 1 and name == "y" else array
    if array.ndim != 2 or not array.size:
        raise TilewrightError(f"{name} has the shape {list(array.shape)}: it must be a matrix of one element or more")
    if array.dtype.name not in types:
        raise TilewrightError(
            f"{name} is {array.dtype}: it must be {' or '.join(types)}, uint16 being the bits of bf16"
        )
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def plan_vector(
    workspace: Workspace,
    stack: ExitStack,
    operation: str | Operation,
    x: ArrayLike,
    y: ArrayLike | None,
    result: Result,
    *,
    limit: int | None = None,
    causal: bool = False,
    **choices: Any,
) -> VectorPlan:
    """Copy rows into the device's memory, cut into parts that descriptors can take.

    Parameters
    ----------
    workspace : Workspace
    stack : ExitStack
        Frees the device's memory when it is closed.
    operation, x, y, result
        See `Runtime.vector`.
    limit, causal, **choices
        See `Workspace.vector_descriptor`.
    """
    what = operation_of(operation)
    kinds = {"float32": "float32", "bf16": "uint16"}
    if not isinstance(result, str) or result not in (*kinds, "records"):
        raise TilewrightError(f"result = {result!r}: must be 'float32', 'bf16' or 'records'")
    rows = vector_rows(x, "x", ("float32", "int32", "uint16"))
    other = None if y is None else vector_rows(y, "y", ("float32", "uint16"))
    m, n = rows.shape
    check_operands(workspace.config, what, rows, other)
    usual = result_types(what)
    if result == "bf16" and "uint16" not in usual:
        raise TilewrightError(f"result = 'bf16': the results of {what.name} are {usual[0]}")
    form = check_records(workspace.config, what, n) if result == "records" else None
    plan = VectorPlan(what)
    shared = workspace.array(other) if other is not None and len(other) == 1 else None
    if shared:
        stack.enter_context(shared)
    for first in range(0, m, workspace.config.size_limit):
        part = slice(first, first + workspace.config.size_limit)
        left = stack.enter_context(workspace.array(rows[part]))
        right = shared
        if other is not None and not shared:
            right = stack.enter_context(workspace.array(other[part]))
        rows_of = left.shape[0]
        if form:
            empty = Records(form, n, np.zeros((rows_of, form.row_bytes(n)), np.uint8))
            c: DeviceArray = stack.enter_context(workspace.records(empty))
        else:
            kind = kinds[result] if result == "bf16" else usual[0]
            c = stack.enter_context(workspace.empty(result_shape(what, rows_of, n), kind))
        begin = limit
        if causal and first:
            begin = (n if limit is None else limit) + first
        descriptor = workspace.vector_descriptor(what, left, c, right, limit=begin, causal=causal, **choices)
        plan.descriptors.append(descriptor)
        plan.results.append(c)
    return plan


def vector_cycles(config: AcceleratorConfig, descriptor: VectorDescriptor, bus: Bus) -> int:
    """Return more cycles than a descriptor takes: every instruction is for one row, and nothing overlaps."""
    if not config.vector_lanes:
        return 0  # the hardware will report the error
    strips = descriptor.m * -(-descriptor.n // (PARTIALS * config.vector_lanes))
    words = descriptor.m * (8 * descriptor.n // config.word_bytes + 2)  # of a rotation's y
    compute = strips * (_INSTRUCTIONS * (PARTIALS + _DEPTH) + _LOADS * bus.latency)
    return int(compute + _LOADS * (words / bus.bandwidth + bus.latency))
