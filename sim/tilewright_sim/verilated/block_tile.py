"""The generated tile with block scales in Verilator, with data from numpy; no Python runs per cycle."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilewright.base import Family, TilewrightError
from tilewright.block_tile import BlockTileConfig
from tilewright.formats import BlockFormat
from tilewright_sim.models import block_words, blocks

from .streams import StreamSimulator, Words

__all__ = ["BlockTileResult", "BlockTileSimulator"]


@dataclass(frozen=True)
class BlockTileResult:
    """Accumulators, as `tilewright_sim.models.block_gemm.BlockSums` has them, and cycles of a run.

    Parameters
    ----------
    value, exponent : int64 array [M, N]
    invalid : bool array [M, N]
    cycles : int
        Clock cycles from the first word offered to the last result.
    """

    value: NDArray[np.int64]
    exponent: NDArray[np.int64]
    invalid: NDArray[np.bool_]
    cycles: int


class BlockTileSimulator(StreamSimulator):
    """Multiply matrices of block formats on the Verilog of a tile with block scales.

    See `StreamSimulator` for how it is built and closed.

    Parameters
    ----------
    config : BlockTileConfig
    family : str
        Target of the Verilog.
    waveform : Path or None
        File for an FST waveform of the whole simulation, which is then much slower.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing.
    """

    def __init__(self, config: BlockTileConfig, family: Family = "generic", waveform: Path | None = None):
        super().__init__("block-tile", config, family, waveform)
        self.config = config

    def matmul(self, a: NDArray[np.uint8], b: NDArray[np.uint8]) -> BlockTileResult:
        """Return the accumulators of ``A[M, K] · B[N, K]ᵀ``, from the records of both, [rows, bytes].

        Up to `acc_rows` rows of A run through the tile block by block, for every `cols` rows of B, padded with zeros.

        Raises
        ------
        ValueError
            If K differs.
        TilewrightError
            If the tile does not finish in time, which is a defect of the hardware.
        """
        config, m, n = self.config, len(a), len(b)
        left = self._words(config.a, a)
        right = self._words(config.b, np.pad(b, [(0, -n % config.cols), (0, 0)]))
        count = left.shape[1]
        if right.shape[1] != count:
            raise ValueError(f"A has {count} blocks along K, and B {right.shape[1]}")
        groups = [slice(first, min(first + config.acc_rows, m)) for first in range(0, m, config.acc_rows)]
        tiles = [slice(first, first + config.cols) for first in range(0, len(right), config.cols)]
        packets = [(rows, tile, k) for tile in tiles for rows in groups for k in range(count)]
        activations = Words(
            np.concatenate([left[rows, k] for rows, _, k in packets]),
            np.concatenate([_flags(rows.stop - rows.start, k == 0, k == count - 1) for rows, _, k in packets]),
        )
        weights = np.concatenate([right[tile, k] for _, tile, k in packets])
        results = len(tiles) * m
        limit = 1000 + 2 * (len(activations.data) + len(weights)) + config.cols * len(packets)
        bits = config.cols * block_words.sums_bits(config)
        found = self.stream(activations, Words(weights, np.zeros(len(weights), np.uint8)), results, bits, limit)
        ends = np.concatenate([_flags(rows.stop - rows.start, False, False) for _ in tiles for rows in groups])
        if not np.array_equal(found.results.flags, ends):
            raise TilewrightError("the block-tile did not end its packets of results where those of blocks ended")
        sums = (part.reshape(len(tiles), m, -1) for part in block_words.read_sums(found.results.data, config))
        value, exponent, invalid = (np.concatenate(list(part), axis=1)[:, :n] for part in sums)
        return BlockTileResult(value, exponent, invalid, found.cycles)

    def _words(self, form: BlockFormat, records: NDArray[np.uint8]) -> NDArray[np.uint32]:
        """Words [rows, blocks, parts] of records [rows, bytes]."""
        codes, *scales = blocks.codes_of(records, form)
        codes = codes.reshape(len(codes), -1, self.config.rows)
        count = codes.shape[:2]
        scale, minimum = (
            None if part is None else part.reshape(-1) if form.scale.bits else np.zeros(np.prod(count), np.int64)
            for part in scales
        )
        assert scale is not None
        words = block_words.block_words(form, codes.reshape(-1, self.config.rows), scale, minimum)
        return words.reshape(*count, -1)


def _flags(words: int, first: bool, final: bool) -> NDArray[np.uint8]:
    """The flags of a packet's words, see `Words`."""
    flags = np.full(words, first << 1 | final << 2, dtype=np.uint8)
    flags[-1] |= 1
    return flags
