"""How a network keeps the values of its tokens, the second operand of their product with the probabilities.

In memory they are transposed: a row for each element of a token's values, in blocks along positions, from position 0.
"""

import math
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.vector import RecordFormat, coefficients
from tilewright.base import TilewrightError
from tilewright.formats import BlockFormat
from tilewright_sim.models import Records, blocks

from ..host_ops import Floats, quantize_rows
from .model import BlockModel

__all__ = ["TOKEN_FACTOR", "ColumnValues", "RecordValues", "Values", "code_byte", "code_records"]

Quantize = Callable[[Floats, BlockFormat], Records]
"""Makes records of rows in a format."""
_RECORD_SCALE_LOG2 = -7
TOKEN_FACTOR = math.ldexp(coefficients.CODE_STEP, -_RECORD_SCALE_LOG2)
"""What the scale of a token is, by its largest magnitude: 128 / 127."""


class Values(Protocol):
    """The values of the tokens that have been read, of all layers."""

    def keep(self, layer: int, values: Floats, start: int) -> dict[str, NDArray]:
        """Keep the values [tokens, kv_width] of tokens, the first at position ``start``.

        Returns what is kept of the layer up to the last position, by names of tensors.
        """

    def weighted(self, layer: int, shares: Floats) -> Floats:
        """Return probabilities [heads, tokens, positions], multiplied by what is in no record."""

    def records(self, layer: int, end: int) -> list[Records]:
        """Return the values up to the position ``end``, for each head of values [head_width, end]."""


class _Cache:
    """Rows of records, uint8 [layers, kv_width, bytes]."""

    def __init__(self, model: BlockModel, rows: NDArray[np.uint8]):
        self.heads, self.form = model.config.kv_heads, model.kept
        self.rows = np.repeat(rows[None], model.config.layers, axis=0)

    def records(self, layer: int, end: int) -> list[Records]:
        return [Records(self.form, end, rows) for rows in np.split(self._until(layer, end), self.heads)]

    def _until(self, layer: int, end: int) -> NDArray[np.uint8]:
        return self.rows[layer, :, : self.form.row_bytes(end)]


class RecordValues(_Cache):
    """`Values` with one scale for each block of positions of an element.

    When tokens are read, the last record of a row, if it is not full, is quantized again together with the new
    positions, from floats; full records never change. Positions that have not been read count as zeros.

    Parameters
    ----------
    model : BlockModel
    context : int
        Maximum number of tokens.
    quantize : callable
        Makes records of rows in a format.
    """

    def __init__(self, model: BlockModel, context: int, quantize: Quantize = Records.of):
        width = model.config.kv_width
        super().__init__(model, np.zeros((width, model.kept.row_bytes(context)), np.uint8))
        self._quantize = quantize
        self._last = np.zeros((model.config.layers, width, model.kept.record), np.float32)

    def keep(self, layer: int, values: Floats, start: int) -> dict[str, NDArray]:
        form = self.form
        pending = np.concatenate([self._last[layer, :, : start % form.record], values.T], axis=1)
        rows = self._quantize(pending, form).rows
        first = start // form.record * form.record_bytes
        self.rows[layer, :, first : first + rows.shape[1]] = rows
        rest = pending.shape[1] % form.record
        self._last[layer, :, :rest] = pending[:, pending.shape[1] - rest :]
        return {"values": self._until(layer, start + len(values))}

    def weighted(self, layer: int, shares: Floats) -> Floats:
        return shares


class ColumnValues(_Cache):
    """`Values` as int8 with one scale for each token, by which its probabilities are multiplied.

    The scale of every record is 1 / 128, and that of a token its largest magnitude times 128 / 127: so the product of a
    probability and a scale is about as large as the probability times the values, and the scales of records of such
    products are far from the least that there is. What is kept of a token does not depend on others.

    Parameters
    ----------
    model : BlockModel
        Keys and values are in a format that `code_records` takes.
    context : int
        Maximum number of tokens.
    quantize : callable
        Returns int8 and the scales of tokens [tokens, 1], of rows; by default as the host quantizes.
    multiply : callable
        Multiplies probabilities by scales; by default in numpy.
    """

    def __init__(
        self,
        model: BlockModel,
        context: int,
        quantize: Callable[[Floats], tuple[NDArray[np.int8], Floats]] | None = None,
        multiply: Callable[[Floats, Floats], Floats] = np.multiply,
    ):
        super().__init__(model, code_records(model.kept, model.config.kv_width, context).rows)
        self.scales = np.zeros((model.config.layers, context), np.float32)
        self._quantize, self._multiply = quantize or _quantized, multiply

    def keep(self, layer: int, values: Floats, start: int) -> dict[str, NDArray]:
        end = start + len(values)
        codes, scales = self._quantize(values)
        self.rows[layer][:, [code_byte(self.form, position) for position in range(start, end)]] = codes.T.view(np.uint8)
        self.scales[layer, start:end] = scales[:, 0]
        return {"scales": self.scales[layer : layer + 1, :end], "values": self._until(layer, end)}

    def weighted(self, layer: int, shares: Floats) -> Floats:
        return self._multiply(shares, self.scales[layer, : shares.shape[2]])


def _quantized(x: Floats) -> tuple[NDArray[np.int8], Floats]:
    codes, scales = quantize_rows(x)
    return codes, np.ldexp(scales, -_RECORD_SCALE_LOG2)


def code_records(form: BlockFormat, rows: int, k: int) -> Records:
    """Return rows of ``k`` zeros whose records have the scale 1 / 128: an element is its code, an int8, over 128.

    Raises
    ------
    TilewrightError
        If the elements of the format are not bytes of int8.
    """
    if RecordFormat.of(form) is None:
        raise TilewrightError(f"{form.name}: int8 with a scale for each token must be in q8_0 or q8_e5m3")
    codes = np.zeros((rows, -(-k // form.block), form.block), np.int64)
    one = np.full(codes.shape[:2], form.scale.bias + _RECORD_SCALE_LOG2 << form.scale.mantissa_bits)
    return Records(form, k, blocks.pack(form, codes, one))


def code_byte(form: BlockFormat, position: int) -> int:
    """Return the byte in which an element of a row is, in a format that `code_records` takes."""
    record, number = divmod(position, form.record)
    return record * form.record_bytes + form.code_place(number) // 8
