"""The accumulator of products of block formats."""

from .block import BlockFormat

__all__ = ["ACCUMULATOR_BITS", "EXPONENT_STEP", "LARGEST_WEIGHT", "LONGEST_K", "guard_bits", "shared_block"]

ACCUMULATOR_BITS = 48
"""Bits of an accumulator, with its sign."""
EXPONENT_STEP = 4
"""The exponent of an accumulator is a multiple of this, so that most shifts are by multiples of it."""
LARGEST_WEIGHT = 128
"""Magnitude of weights that sums have room for, also in formats of fewer bits."""
LONGEST_K = 16_383
"""Elements along K that an accumulator can take."""


def shared_block(a: BlockFormat, b: BlockFormat) -> int:
    """Elements along K with one scale in both; a format without scales sets no limit, and one of them has some."""
    return min(form.block for form in (a, b) if form.scale.bits)


def guard_bits(a: BlockFormat, b: BlockFormat) -> int:
    """Bits of an accumulator below the product of two scales whose mantissas are 1: as many as fit.

    Above them are the largest sum of a block, that of its activations if B has minimums, mantissas of almost 2 where
    the scales have any, and as many blocks as `LONGEST_K` takes. Weights count as `LARGEST_WEIGHT` at least: so an
    accelerator shifts all formats of B with the same scales alike.
    """
    block = shared_block(a, b)
    largest = max(abs(value) for value in a.element.values)
    weight = max(LARGEST_WEIGHT, max(abs(value) for value in b.element.values) + b.minimum)
    of_block = block * largest * weight
    mantissas = sum(form.scale.mantissa_bits > 0 for form in (a, b))
    total = -(-(LONGEST_K + 1) // block) * of_block << mantissas
    return ACCUMULATOR_BITS - 1 - (total - 1).bit_length()
