"""Products of block formats on an accelerator: from floats or records on the host to float32."""

from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.base import TilewrightError
from tilewright.formats import BlockFormat
from tilewright_sim.models import Records, split_product

from ..arrays import DeviceArray, check_matrix
from ..workspace import Workspace
from .product_plan import ProductPlan

__all__ = ["BlockOperand", "block_operand", "plan_block_product", "rows_of"]

BlockOperand = Records | NDArray[np.int8]
"""Rows of A or B in the format that the hardware takes: int8 has no records."""


def block_operand(values: ArrayLike | Records, forms: Sequence[BlockFormat], name: str) -> BlockOperand:
    """Return a matrix in a block format: records as they are, floats quantized by `models.blocks.quantize`.

    Parameters
    ----------
    values : Records, or float array of shape [rows, K], or int8 if that is the format
    forms : sequence of BlockFormat
        What the hardware takes; floats are quantized to the first.
    name : str
        Of the matrix, for messages.

    Raises
    ------
    TilewrightError
        If it is something else, or a value cannot be held.
    """
    if forms[0].name == "int8":
        return check_matrix(values, name)  # type: ignore[arg-type]  # refused there
    if isinstance(values, Records):
        if values.form not in forms:
            names = " or ".join(form.name for form in forms)
            raise TilewrightError(f"{name} is {values.form.name}: this hardware takes {names}")
        return values
    array = np.asarray(values)
    if array.ndim != 2 or not array.size or array.dtype.kind != "f":
        raise TilewrightError(f"{name} is {array.dtype} {list(array.shape)}: it must be a matrix of floats, or Records")
    return Records.of(array.astype(np.float32), forms[0])


def rows_of(operand: BlockOperand, rows: slice) -> BlockOperand:
    """Return some rows of an operand."""
    return operand.take(rows) if isinstance(operand, Records) else operand[rows]


def plan_block_product(workspace: Workspace, stack: ExitStack, a: BlockOperand, b: BlockOperand) -> ProductPlan:
    """Copy the operands of ``a @ b.T`` into the device's memory, cut along M and N if they are too large.

    Raises
    ------
    TilewrightError
        If K is too long: sums of parts cannot be added to each other without another rounding.
    """
    config, (m, k), (n, k_of_b) = workspace.config, a.shape, b.shape
    if k_of_b != k:
        raise TilewrightError(f"A is {[m, k]} and B {[n, k_of_b]}: they must be [M, K] and [N, K]")
    if k > config.k_limit:
        raise TilewrightError(f"K = {k}: must be at most {config.k_limit} with panel_words = {config.panel_words}")
    plan = ProductPlan()
    for part in split_product(config, m, n, k):
        left, right = (_upload(workspace, rows_of(x, rows)) for x, rows in ((a, part.rows), (b, part.columns)))
        c = workspace.empty(part.sizes[:2], np.float32)
        for array in (left, right, c):
            stack.enter_context(array)
        plan.descriptors.append(workspace.descriptor(left, right, c))
        plan.results.append((part.rows, part.columns, c))
    return plan


def _upload(workspace: Workspace, operand: BlockOperand) -> DeviceArray:
    return workspace.records(operand) if isinstance(operand, Records) else workspace.array(operand)
