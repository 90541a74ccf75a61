"""Random rows of block formats."""

import random

import numpy as np
from numpy.typing import NDArray

from tilewright.formats import BlockFormat
from tilewright_sim.models import blocks

__all__ = ["draw_codes", "draw_records"]

_INVALID = 0.05
"""Share of scales that are not finite numbers, in matrices that have such."""


def draw_codes(
    rng: np.random.Generator, form: BlockFormat, shape: tuple[int, int, int], *, invalid: float = 0.0
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]:
    """Return random codes of elements [rows, blocks, block], of scales and, for a format with them, of minimums.

    Magnitudes of scales and minimums [rows, blocks] are from one range of codes, which has from one code to all of
    them, on a logarithmic scale: sums have blocks of similar and of very different magnitudes.

    Parameters
    ----------
    rng : Generator
    form : BlockFormat
    shape : tuple of int
        Rows, blocks of a row, and elements of a block.
    invalid : float
        Share of scales and minimums that are not finite numbers.
    """
    scale, size = form.scale, shape[:2]
    every = np.arange(1 << scale.exponent_bits + scale.mantissa_bits)
    bad = blocks.Scales.of(every, scale).invalid
    legal, other = every[~bad], every[bad]
    width = int(np.exp(rng.uniform(0, np.log(len(legal)))))
    low = rng.integers(0, len(legal) - width + 1)

    def scales() -> NDArray[np.int64]:
        found = legal[rng.integers(low, low + width, size)]
        if len(other):
            found = np.where(rng.random(size) < invalid, rng.choice(other, size), found)
        return found | (rng.integers(0, 2, size) << scale.bits - 1 if scale.signed else 0)

    codes = rng.integers(0, 1 << form.element.bits, shape)
    return codes, scales(), scales() if form.minimum else None


def draw_records(chance: random.Random, form: BlockFormat, rows: int, k: int) -> NDArray[np.uint8]:
    """Return random rows of ``k`` elements, [rows, bytes]; in a quarter of them some scales are no numbers."""
    rng = np.random.default_rng(chance.getrandbits(64))
    count = -(-k // form.record) * form.blocks
    codes, scales, minimums = draw_codes(
        rng, form, (rows, count, form.block), invalid=_INVALID if rng.random() < 0.25 else 0
    )
    return blocks.pack(form, codes, scales, minimums)
