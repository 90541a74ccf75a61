"""The generated tile in Verilator, with data from numpy; no Python runs per cycle."""

import ctypes
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tilewright.base import Family, TilewrightError, cache_folder
from tilewright.cores import CORES
from tilewright.tile import TileConfig
from tilewright.verilog import generate
from tilewright_sim import packing
from tilewright_sim.closing import Closing

from .build import build_library

__all__ = ["TileResult", "TileSimulator"]

DRIVER = Path(__file__).parent / "cpp" / "tile.cpp"


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


class TileSimulator(Closing):
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
        self.config = config
        folder = cache_folder() / "verilog" / f"{config.model_dump_json()}-{family}".translate(_PLAIN)
        files = generate(CORES["tile"], config, folder, family)
        sources = [file for file in files if file.suffix == ".v"]
        self._library = ctypes.CDLL(str(build_library(sources, DRIVER, "tile", trace=waveform is not None)))
        self._library.tile_new.restype = ctypes.c_void_p
        self._library.tile_run.restype = ctypes.c_uint64
        self._tile: ctypes.c_void_p | None = ctypes.c_void_p(
            self._library.tile_new(os.fsencode(waveform) if waveform else None)
        )

    def close(self) -> None:
        """End the simulation and finish the waveform."""
        if self._tile is not None:
            self._library.tile_delete(self._tile)
            self._tile = None

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
        activations = packing.pack(np.concatenate(arrays), config.activation_bits)
        weights = packing.pack(np.concatenate(columns), config.weight_bits)
        words, activation_lasts, weight_lasts = len(activations), _lasts(arrays), _lasts(columns)
        results = np.zeros((words, -(-config.cols * config.result_bits // 32)), dtype=np.uint32)
        result_lasts = np.zeros(words, dtype=np.uint8)
        counts = (ctypes.c_uint64 * 4)()
        limit = 1000 + 2 * (words + len(weights) + config.cols * len(arrays))
        start = time.perf_counter()
        cycles = self._library.tile_run(
            self._tile,
            *_words(activations, activation_lasts),
            *_words(weights, weight_lasts),
            *_words(results, result_lasts),
            ctypes.c_uint64(words), ctypes.c_uint64(len(weights)), ctypes.c_uint64(limit), counts,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        if not cycles or not np.array_equal(result_lasts, activation_lasts):
            raise TilewrightError(
                f"the tile did not finish in {limit} cycles: it accepted {counts[0]} of {words} activation words and "
                f"{counts[1]} of {len(weights)} weight words, and returned {counts[2]} results"
            )
        return TileResult(packing.unpack(results, config.cols, config.result_bits), cycles, cycles - counts[3], seconds)

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


_PLAIN = str.maketrans(dict.fromkeys('{}":,', "_"))


def _lasts(arrays: list[NDArray[np.int64]]) -> NDArray[np.uint8]:
    """Return 1 for the last word of each array, else 0."""
    lasts = np.zeros(sum(map(len, arrays)), dtype=np.uint8)
    lasts[np.cumsum([len(array) for array in arrays]) - 1] = 1
    return lasts


def _words(words: NDArray[np.uint32], lasts: NDArray[np.uint8]) -> tuple[ctypes.c_void_p, ctypes.c_void_p, int]:
    """Return the arguments for the library; the arrays must outlive the call."""
    return ctypes.c_void_p(words.ctypes.data), ctypes.c_void_p(lasts.ctypes.data), words.shape[1]
