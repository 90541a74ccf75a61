"""Golden model of block formats: rows of records as integers with scales, and rows of floats as records.

A scale is ``mantissa * 2**(exponent - mantissa_bits)``; see `tilewright.formats`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright.formats import BlockFormat, ScaleFormat

__all__ = ["Blocks", "Scales", "codes_of", "pack", "quantize", "unpack"]

_CHUNK = 1 << 22  # elements that are quantized at once


@dataclass(frozen=True)
class Scales:
    """Scales, or minimums, of shape [rows, blocks].

    Parameters
    ----------
    mantissa, exponent : int64 array
        Undefined where `invalid`.
    invalid : bool array
        Not a finite number.
    """

    mantissa: NDArray[np.int64]
    exponent: NDArray[np.int64]
    invalid: NDArray[np.bool_]

    @classmethod
    def of(cls, codes: NDArray[np.integer], form: ScaleFormat) -> "Scales":
        """The scales that codes stand for."""
        codes = codes.astype(np.int64)
        fields = form.exponent_bits + form.mantissa_bits
        fraction = codes & (1 << form.mantissa_bits) - 1
        biased = codes >> form.mantissa_bits & (1 << form.exponent_bits) - 1
        hidden = (biased > 0) | (not form.subnormal)
        mantissa = fraction + (hidden.astype(np.int64) << form.mantissa_bits)
        if form.signed:
            mantissa = np.where(codes >> fields & 1, -mantissa, mantissa)
        exponent = np.where(hidden, biased, 1) - form.bias
        return cls(mantissa, exponent, (codes & (1 << fields) - 1) >= (1 << fields) - form.invalid)

    def values(self, form: ScaleFormat) -> NDArray[np.float64]:
        """The real values; NaN where they are invalid."""
        return np.where(self.invalid, np.nan, np.ldexp(self.mantissa.astype(float), self.exponent - form.mantissa_bits))


@dataclass(frozen=True)
class Blocks:
    """A matrix in a block format, its rows padded to whole records.

    Parameters
    ----------
    form : BlockFormat
    integers : int64 array [rows, blocks, block]
    scale : Scales
    minimum : Scales or None
    """

    form: BlockFormat
    integers: NDArray[np.int64]
    scale: Scales
    minimum: Scales | None

    def values(self) -> NDArray[np.float64]:
        """The real value of each element, [rows, padded K]."""
        unit = 2.0**-self.form.element.fraction_bits
        found = self.integers * unit * self.scale.values(self.form.scale)[..., None]
        if self.minimum is not None:
            found = found + self.minimum.values(self.form.scale)[..., None]
        return found.reshape(len(found), -1)


def codes_of(rows: NDArray[np.uint8], form: BlockFormat) -> tuple[NDArray, NDArray, NDArray | None]:
    """The codes of rows of records, ``rows`` [rows, bytes].

    They are those of the elements [rows, blocks, block], the scales and, for a format with minimums, the minimums
    [rows, blocks].

    Raises
    ------
    ValueError
        If a row does not consist of whole records.
    """
    count, size = rows.shape
    if size % form.record_bytes:
        raise ValueError(f"{size} bytes are not whole records of {form.record_bytes} bytes")
    records = np.ascontiguousarray(rows).reshape(count, -1, form.record_bytes)
    codes = np.zeros((count, records.shape[1], form.record), dtype=np.int64)
    for number in range(form.record):
        codes[..., number] = _field(records, form.code_place(number), form.element.bits)
    codes = (codes ^ form.inverted).reshape(count, -1, form.block)

    def scales(first: int) -> NDArray[np.int64]:
        fields = [_field(records, 8 * form.scale.bytes * (first + n), form.scale.bits) for n in range(form.blocks)]
        return np.stack(fields, axis=-1).reshape(count, -1)

    return codes, scales(0), scales(form.blocks) if form.minimum else None


def unpack(rows: NDArray[np.uint8], form: BlockFormat) -> Blocks:
    """The blocks of rows of records, ``rows`` [rows, bytes].

    Raises
    ------
    ValueError
        If a row does not consist of whole records.
    """
    codes, scales, minimums = codes_of(rows, form)
    minimum = None if minimums is None else Scales.of(minimums, form.scale)
    return Blocks(form, np.array(form.element.values)[codes], Scales.of(scales, form.scale), minimum)


def _field(records: NDArray[np.uint8], place: int, bits: int) -> NDArray[np.int64]:
    """Some bits of each record, which lie in at most two bytes."""
    if not bits:
        return np.zeros(records.shape[:-1], dtype=np.int64)
    first, last = place // 8, (place + bits - 1) // 8
    found = records[..., first].astype(np.int64)
    if last > first:
        found |= records[..., last].astype(np.int64) << 8
    return found >> place % 8 & (1 << bits) - 1


def pack(form: BlockFormat, codes: NDArray, scales: NDArray, minimums: NDArray | None = None) -> NDArray[np.uint8]:
    """Rows of records, [rows, bytes], from codes [rows, blocks, block] and codes of scales [rows, blocks]."""
    count = len(codes)
    codes = codes.reshape(count, -1, form.record).astype(np.int64) ^ form.inverted
    records = np.zeros((count, codes.shape[1], form.record_bytes), dtype=np.uint8)
    headers = [scales, *([] if minimums is None else [minimums])]
    for part, header in enumerate(headers):
        fields = header.reshape(count, -1, form.blocks).astype(np.int64)
        for block in range(form.blocks):
            for byte in range(form.scale.bytes):
                place = (part * form.blocks + block) * form.scale.bytes + byte
                records[..., place] = fields[..., block] >> 8 * byte & 0xFF
    for number in range(form.record):
        place = form.code_place(number)
        moved = codes[..., number] << place % 8
        records[..., place // 8] |= (moved & 0xFF).astype(np.uint8)
        if (place % 8) + form.element.bits > 8:
            records[..., place // 8 + 1] |= (moved >> 8).astype(np.uint8)
    return records.reshape(count, -1)


def quantize(x: NDArray[np.floating], form: BlockFormat) -> NDArray[np.uint8]:
    """The records of rows of floats, [rows, bytes] of [rows, K]; K is padded with zeros to whole records.

    The scale of a block maps its largest magnitude (with a minimum, its range) to the largest element, rounded up for
    elements that are integers and to nearest for small floats. A scale that is a power of two is the one that the OCP
    specification chooses, with which the largest elements may saturate. In `q4_0` the largest magnitude becomes -8, and
    the scale has its sign. Elements are rounded to nearest, ties to even, with the scale as it is stored. A block of
    zeros has the scale 0, or the least there is.

    Raises
    ------
    TilewrightError
        If a value is not finite, or too large for the format's scales.
    """
    rows, k = x.shape
    if not np.all(np.isfinite(x)):
        raise TilewrightError(f"there are values that are not finite: {form.name} cannot hold them")
    padded = np.zeros((rows, -(-k // form.record) * form.record), dtype=np.float64)
    padded[:, :k] = x
    step = max(1, _CHUNK // max(1, padded.shape[1]))
    parts = [_quantize(padded[first : first + step], form) for first in range(0, rows, step)]
    return np.concatenate(parts) if parts else np.zeros((0, form.row_bytes(k)), dtype=np.uint8)


def _quantize(x: NDArray[np.float64], form: BlockFormat) -> NDArray[np.uint8]:
    blocks = x.reshape(len(x), -1, form.block)
    integers = np.array(form.element.values)
    unit = 2.0**-form.element.fraction_bits
    minimum_codes = None
    if form.minimum:
        low = blocks.min(axis=-1)
        minimum_codes = _scale_codes(low, form)
        minimum = Scales.of(minimum_codes, form.scale).values(form.scale)
        blocks = blocks - minimum[..., None]
        wanted = blocks.max(axis=-1).clip(0) / (integers.max() * unit)
    else:
        wanted = np.abs(blocks).max(axis=-1) / (integers.max() * unit)
        if form.inverted:
            place = np.abs(blocks).argmax(axis=-1)[..., None]
            wanted = np.take_along_axis(blocks, place, axis=-1)[..., 0] / (integers.min() * unit)
    scale_codes = _scale_codes(wanted, form)
    scale = Scales.of(scale_codes, form.scale).values(form.scale)
    inverse = np.divide(1, scale * unit, out=np.zeros_like(scale), where=scale != 0)
    return pack(form, _nearest_element(blocks * inverse[..., None], form), scale_codes, minimum_codes)


def _scale_codes(values: NDArray[np.float64], form: BlockFormat) -> NDArray[np.int64]:
    """Codes of the scales for values: see `quantize`."""
    scale = form.scale
    every = np.arange(1 << scale.bits)
    parts = Scales.of(every, scale)
    reals = parts.values(scale)
    order = every[~parts.invalid & ((parts.mantissa != 0) | (every == 0))]
    order = order[np.argsort(reals[order], kind="stable")]
    if scale.mantissa_bits == 0 and scale.exponent_bits:
        values = _power_below(values, form)
    if len(values) and np.abs(values).max() > reals[order[-1]]:
        raise TilewrightError(
            f"a block needs the scale {np.abs(values).max():.3g}: {form.name} has at most {reals[order[-1]]:.3g}"
        )
    if _is_uniform(form):  # away from zero
        up = np.searchsorted(reals[order], values)
        down = np.searchsorted(reals[order], values, side="right") - 1
        return order[np.where(values < 0, down, up).clip(0, len(order) - 1)]
    return order[_nearest(values, reals[order], order)]


def _is_uniform(form: BlockFormat) -> bool:
    """The elements are all integers of a range."""
    values = form.element.values
    return len(set(values)) == max(values) - min(values) + 1


def _power_below(wanted: NDArray[np.float64], form: BlockFormat) -> NDArray[np.float64]:
    """The powers of two ``2**(floor(log2(largest magnitude)) - exponent of the largest element)``."""
    integers = form.element.values
    largest = max(integers)
    magnitude = wanted * largest
    _, exponents = np.frexp(magnitude)
    return np.where(magnitude > 0, np.ldexp(1.0, exponents - largest.bit_length()), 0)


def _nearest_element(values: NDArray[np.float64], form: BlockFormat) -> NDArray[np.int64]:
    """Codes of the elements nearest to values, ties to the even code; saturated."""
    integers = np.array(form.element.values)
    if form.element.integers is None:  # two's complement
        half = 1 << form.element.bits - 1
        low = -half if form.inverted else 1 - half
        return np.rint(values).clip(low, half - 1).astype(np.int64) & 2 * half - 1
    keep = np.array([code for code, value in enumerate(integers) if value or not code])  # one zero
    order = keep[np.argsort(integers[keep], kind="stable")]
    return order[_nearest(values, integers[order].astype(float), order)]


def _nearest(values: NDArray[np.float64], grid: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index in a rising grid of what is nearest to each value; of two, the one with the even code."""
    above = np.searchsorted(grid, values).clip(0, len(grid) - 1)
    below = (above - 1).clip(0)
    up, down = grid[above] - values, values - grid[below]
    choose_below = (down < up) | ((down == up) & (codes[above] % 2 == 1))
    return np.where(choose_below, below, above)
