"""Words at the ports of the tile with block scales: blocks in, accumulators out."""

import numpy as np
from numpy.typing import NDArray

from tilewright.block_tile import BlockTileConfig
from tilewright.formats import ACCUMULATOR_BITS, EXPONENT_STEP, BlockFormat
from tilewright_sim import packing

__all__ = ["block_words", "read_sums", "sums_bits"]


def block_words(form: BlockFormat, codes: NDArray, scales: NDArray, minimums: NDArray | None) -> NDArray[np.uint32]:
    """A word for each block, [words, parts] with the lowest part first.

    ``codes`` [words, rows] are those of the elements, ``scales`` and ``minimums`` [words] those of the block.
    """
    parts = [_bits(codes, form.element.bits), _bits(scales[:, None], form.scale.bits)]
    if minimums is not None:
        parts.append(_bits(minimums[:, None], form.scale.bits))
    bits = np.concatenate(parts, axis=1)
    bits = np.pad(bits, [(0, 0), (0, -bits.shape[1] % 32)])
    return np.packbits(bits, axis=1, bitorder="little").view("<u4")


def _bits(values: NDArray, bits: int) -> NDArray[np.uint8]:
    """The bits of fields side by side, [words, fields * bits]."""
    return (values[..., None] >> np.arange(bits) & 1).astype(np.uint8).reshape(len(values), -1)


def sums_bits(config: BlockTileConfig) -> int:
    """Bits of one of the accumulators in a result word."""
    return ACCUMULATOR_BITS + config.exponent_shape.width + 1


def read_sums(words: NDArray[np.uint32], config: BlockTileConfig) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
    """Value, exponent and whether they are invalid, [words, cols] each, as `block_gemm.BlockSums` has them."""
    exponent_bits = config.exponent_shape.width
    fields = packing.unpack(words, config.cols, sums_bits(config))
    value = fields << 64 - ACCUMULATOR_BITS >> 64 - ACCUMULATOR_BITS
    exponent = fields >> ACCUMULATOR_BITS << 64 - exponent_bits >> 64 - exponent_bits
    return value, EXPONENT_STEP * exponent, (fields >> ACCUMULATOR_BITS + exponent_bits & 1).astype(bool)
