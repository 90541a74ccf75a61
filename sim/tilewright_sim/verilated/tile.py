"""The generated tile in Verilator, with data from numpy; no Python runs per cycle."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.base import Family, TilewrightError
from tilewright.tile import TileConfig
from tilewright_sim import packing

from .streams import StreamSimulator, Words

__all__ = ["TileResult", "TileSimulator"]


@dataclass(frozen=True)
class TileResult:
    """Results and cycles of a run.

    Parameters
    ----------
    sums : int64 array of shape [activation words, cols]
    cycles : int
        Clock cycles from the first word offered to the last result.
    result_cycles : int
        Of these, the cycles from the first result to the last: equal to the number of activation words if no
        multiplier was ever idle.
    seconds : float
        Wall-clock time of the simulation itself.
    """

    sums: NDArray[np.int64]
    cycles: int
    result_cycles: int
    seconds: float


class TileSimulator(StreamSimulator):
    """Run packets of activations through the Verilog of a tile.

    The Verilog is generated and compiled when the object is created (some seconds, later from the user's cache).
    Use it in a ``with`` statement, or call `close`.

    Parameters
    ----------
    config : TileConfig
    family : str
        Target of the Verilog.
    waveform : Path or None
        File for an FST waveform of the whole simulation, which is then much slower.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing.
    """

    def __init__(self, config: TileConfig, family: Family = "generic", waveform: Path | None = None):
        super().__init__("tile", config, family, waveform)
        self.config = config

    def run(self, packets: Sequence[ArrayLike], tiles: Sequence[ArrayLike]) -> TileResult:
        """Send packets of activations, of shape [m, rows], each with its weight tile, of shape [n, rows].

        Loading a weight tile takes one cycle for each of its n columns; the sums of all other columns are undefined.

        Raises
        ------
        ValueError
            If shapes do not fit or values exceed their widths.
        TilewrightError
            If the tile does not finish in time, which is a defect of the hardware.
        """
        config = self.config
        arrays = [self._check(packet, 1 << 62, config.activation_bits, "a packet") for packet in packets]
        columns = [self._check(tile, config.cols, config.weight_bits, "a weight tile") for tile in tiles]
        if len(arrays) != len(columns):
            raise ValueError(f"{len(arrays)} packets need {len(arrays)} weight tiles, not {len(columns)}")
        activations = Words(packing.pack(np.concatenate(arrays), config.activation_bits), _lasts(arrays))
        weights = Words(packing.pack(np.concatenate(columns), config.weight_bits), _lasts(columns))
        words = len(activations.data)
        limit = 1000 + 2 * (words + len(weights.data) + config.cols * len(arrays))
        found = self.stream(activations, weights, words, config.cols * config.result_bits, limit)
        if not np.array_equal(found.results.flags, activations.flags):
            raise TilewrightError("the tile did not end its packets of results where those of activations ended")
        sums = packing.unpack(found.results.data, config.cols, config.result_bits)
        return TileResult(sums, found.cycles, found.result_cycles, found.seconds)

    def matmul(self, a: ArrayLike, b: ArrayLike) -> NDArray[np.int64]:
        """Return ``a @ b.T`` for integers of shape [M, K] and [N, K], every product computed by the tile.

        K is cut into chunks of ``rows`` and N into tiles of ``cols``, padded with zeros; the sums over the chunks
        are added outside the tile, which holds no accumulators.
        """
        rows, cols = self.config.rows, self.config.cols
        left, right = (np.asarray(matrix, dtype=np.int64) for matrix in (a, b))
        left, right = _padded(left, 1, rows), _padded(right, cols, rows)
        chunks = [slice(first, first + rows) for first in range(0, left.shape[1], rows)]
        tiles = [slice(first, first + cols) for first in range(0, len(right), cols)]
        result = self.run(
            [left[:, chunk] for _ in tiles for chunk in chunks],
            [right[tile, chunk] for tile in tiles for chunk in chunks],
        )
        sums = result.sums.reshape(len(tiles), len(chunks), len(left), cols).sum(axis=1)
        return np.concatenate(list(sums), axis=1)[:, : np.shape(b)[0]]

    def _check(self, values: ArrayLike, limit: int, bits: int, what: str) -> NDArray[np.int64]:
        array = packing.check_range(values, bits)
        rows = self.config.rows
        if array.ndim != 2 or array.shape[1] != rows or not 1 <= len(array) <= limit:
            raise ValueError(f"{what} has the shape {list(array.shape)}, not [1 or more words, {rows}]")
        return array


def _padded(matrix: NDArray[np.int64], height: int, width: int) -> NDArray[np.int64]:
    """Return the matrix padded with zeros to multiples of ``height`` and ``width``."""
    return np.pad(matrix, [(0, -matrix.shape[0] % height), (0, -matrix.shape[1] % width)])


def _lasts(arrays: list[NDArray[np.int64]]) -> NDArray[np.uint8]:
    """Return 1 for the last word of each array, else 0."""
    lasts = np.zeros(sum(map(len, arrays)), dtype=np.uint8)
    lasts[np.cumsum([len(array) for array in arrays]) - 1] = 1
    return lasts
