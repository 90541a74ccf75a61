"""Cutting a product that is too large for one descriptor into parts.

Parts along M and N are independent products. Parts along K accumulate on the same C, one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tilewright.accelerator.contract import AcceleratorConfig

__all__ = ["Part", "split_product"]


@dataclass(frozen=True)
class Part:
    """The work of one descriptor: ``C[rows, columns] += A[rows, depth] · B[columns, depth]ᵀ``.

    Parameters
    ----------
    rows, columns, depth : slice
        Along M, N and K.
    """

    rows: slice
    columns: slice
    depth: slice

    @property
    def accumulates(self) -> bool:
        """Whether an earlier part has computed some of the same C."""
        return self.depth.start > 0

    @property
    def sizes(self) -> tuple[int, int, int]:
        """M, N and K of the part."""
        rows, columns, depth = (part.stop - part.start for part in (self.rows, self.columns, self.depth))
        return rows, columns, depth


def split_product(config: AcceleratorConfig, m: int, n: int, k: int) -> Iterator[Part]:
    """Yield the parts of a product in the order in which they must run: those of the same C follow each other.

    A size is cut only if it is above the limit of its field in the descriptor: M and N then into parts of half the
    field's range, K into the longest parts of whole words of the tile.
    """
    half_range = 1 << config.size_bits - 1
    for rows in _slices(m, config.size_limit, half_range):
        for columns in _slices(n, config.size_limit, half_range):
            for depth in _slices(k, config.k_limit, config.k_limit // config.tile.rows * config.tile.rows):
                yield Part(rows, columns, depth)


def _slices(size: int, limit: int, part: int) -> Iterator[slice]:
    step = size if size <= limit else part
    for start in range(0, size, step):
        yield slice(start, min(start + step, size))
