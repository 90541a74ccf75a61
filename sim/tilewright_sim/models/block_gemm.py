"""Golden model of products of block formats, in integers.

Blocks along K are added in order. With S the exact sum of a block's integer products, T the sum of the activations'
integers, and scales ``mantissa * 2**(exponent - mantissa_bits)``, a block contributes one or two *terms*::

    S * mantissa_A * mantissa_B    at the exponent  exponent_A + exponent_B
    T * mantissa_A * mantissa_M    at the exponent  exponent_A + exponent_M     M: the minimum of the block of B

An accumulator is an integer ``v`` of 48 bits and an exponent ``x``, the least multiple of 4 that none of its terms so
far exceeds; it stands for
``v * 2**(x - guard)`` times a power of two that the elements fix, where ``guard`` depends on the formats alone; see
`tilewright.formats.guard_bits`. Before a block is added, ``x`` rises to that of its terms, and ``v`` is
shifted right by as much, rounded down; each term is shifted right by its distance from ``x``, rounded to nearest with
ties up, and added. So the sum depends on the order of the blocks and on nothing else: not on the array's shape, not on
tiles or chunks. The result is rounded once, to nearest with ties to even.

The error against the real sum is at most ``blocks * (1 + terms / 2)`` units of ``2**(x - guard)``, and half a unit in
the last place of the result.
"""

import numpy as np
from numpy.typing import NDArray

from tilewright.formats import EXPONENT_STEP, guard_bits, shared_block

from .blocks import Blocks, Scales

__all__ = ["BlockSums", "block_gemm", "to_float32"]

_MOST = 62  # bits by which an int64 is shifted, at most
_NEVER = -(1 << 20)  # exponent of an accumulator before its first block


class BlockSums:
    """Accumulators of rows of A and rows of B, [M, N].

    Parameters
    ----------
    m, n : int
    guard : int
        Bits below the product of two scales whose mantissas are 1.

    Attributes
    ----------
    value, exponent : int64 array [M, N]
        See the module.
    invalid : bool array [M, N]
        A scale was not a finite number.
    """

    def __init__(self, m: int, n: int, guard: int):
        self.guard = guard
        self.value = np.zeros((m, n), dtype=np.int64)
        self.exponent = np.full((m, n), _NEVER, dtype=np.int64)
        self.invalid = np.zeros((m, n), dtype=bool)

    def add(self, terms: list[tuple[NDArray[np.int64], NDArray[np.int64]]], mantissa_bits: int) -> None:
        """Add the terms of a block: integers with ``mantissa_bits`` bits behind the point, and exponents."""
        largest = self.exponent
        for _, exponent in terms:
            largest = np.maximum(largest, -(-exponent // EXPONENT_STEP) * EXPONENT_STEP)
        value = self.value >> np.minimum(largest - self.exponent, _MOST)
        for integer, exponent in terms:
            value = value + shifted(integer, largest - exponent + mantissa_bits - self.guard)
        self.value, self.exponent = value, largest


def shifted(value: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """``value / 2**right`` rounded to nearest, ties up; negative distances shift left."""
    left = np.maximum(-right, 0)
    right = np.clip(right, 0, _MOST)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    return ((value << left) + half) >> right


def block_sums(a: Blocks, b: Blocks) -> BlockSums:
    """The accumulators of ``A[M, K] · B[N, K]ᵀ``.

    Raises
    ------
    ValueError
        If A has minimums, or the two have different K.
    """
    if a.minimum is not None:
        raise ValueError(f"{a.form.name}: activations have no minimum")
    block = shared_block(a.form, b.form)
    a_integers, b_integers = (x.integers.reshape(len(x.integers), -1) for x in (a, b))
    longer = max(a_integers.shape[1], b_integers.shape[1])
    padded = -(-longer // block) * block  # rows without scales end with their last element
    a_integers, b_integers = (np.pad(x, ((0, 0), (0, padded - x.shape[1]))) for x in (a_integers, b_integers))
    sums = BlockSums(len(a_integers), len(b_integers), guard_bits(a.form, b.form))
    mantissa_bits = a.form.scale.mantissa_bits + b.form.scale.mantissa_bits
    scales = [*((x, x.scale) for x in (a, b)), *([(b, b.minimum)] if b.minimum is not None else [])]
    for number in range(padded // block):
        k = slice(number * block, (number + 1) * block)
        part = a_integers[:, k].astype(np.float64)  # its products are exact, and a library multiplies floats
        products = (part @ b_integers[:, k].T.astype(np.float64)).astype(np.int64)
        (a_m, a_x, a_bad), (b_m, b_x, b_bad), *minimum = (_of_block(x, s, number * block) for x, s in scales)
        terms = [(products * (a_m[:, None] * b_m[None, :]), a_x[:, None] + b_x[None, :])]
        sums.invalid |= a_bad[:, None] | b_bad[None, :]
        for m_m, m_x, m_bad in minimum:
            totals = a_integers[:, k].sum(axis=1) * a_m
            terms.append((totals[:, None] * m_m[None, :], a_x[:, None] + m_x[None, :]))
            sums.invalid |= m_bad[None, :]
        sums.add(terms, mantissa_bits)
    return sums


def _of_block(x: Blocks, scales: Scales, element: int) -> tuple[NDArray, NDArray, NDArray]:
    """Mantissas, exponents and whether they are invalid, of the block that holds an element."""
    if not x.form.scale.bits:
        ones = np.ones(len(x.integers), dtype=np.int64)
        return ones, 0 * ones, ones == 0
    number = element // x.form.block
    if number >= scales.mantissa.shape[1]:  # padding
        nothing = np.zeros(len(x.integers), dtype=np.int64)
        return nothing, nothing + _NEVER, nothing != 0
    return scales.mantissa[:, number], scales.exponent[:, number], scales.invalid[:, number]


def to_float32(sums: BlockSums, fraction_bits: int) -> NDArray[np.float32]:
    """The results: to nearest, ties to even; subnormal or infinite where they are out of range, NaN where invalid.

    ``fraction_bits`` are those of both elements.
    """
    exponent = np.where(sums.value == 0, 0, sums.exponent) - sums.guard - fraction_bits
    result = rounded(sums.value, exponent)
    return np.where(sums.invalid, np.float32(np.nan), result)


def rounded(value: NDArray[np.int64], exponent: NDArray[np.int64]) -> NDArray[np.float32]:
    """``value * 2**exponent`` as float32, in integers."""
    magnitude = np.abs(value)
    length = np.zeros_like(magnitude)
    for bits in (32, 16, 8, 4, 2, 1):
        longer = magnitude >> length >> bits > 0
        length += np.where(longer, bits, 0)
    length += magnitude > 0  # bits of the magnitude
    drop = np.maximum(length - 24, -149 - exponent)  # below the last place of the result
    right = np.clip(drop, 0, _MOST)
    kept = magnitude >> right
    rest = magnitude - (kept << right)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    kept += (right > 0) & ((rest > half) | ((rest == half) & (kept & 1 == 1)))
    with np.errstate(over="ignore"):
        found = np.ldexp(kept.astype(np.float64), np.where(kept == 0, 0, exponent + right)).astype(np.float32)
    return np.where(value < 0, -found, found)


def block_gemm(a: Blocks, b: Blocks) -> NDArray[np.float32]:
    """``A[M, K] · B[N, K]ᵀ`` of two matrices in block formats, as float32; see the module.

    Raises
    ------
    ValueError
        If A has minimums.
    """
    return to_float32(block_sums(a, b), a.form.element.fraction_bits + b.form.element.fraction_bits)
