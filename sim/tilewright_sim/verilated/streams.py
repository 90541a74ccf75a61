"""A generated tile in Verilator: words into its two input streams, words out of the third."""

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilewright.base import Config, Family, TilewrightError, cache_folder
from tilewright.cores import CORES
from tilewright.verilog import generate
from tilewright_sim.closing import Closing

from .build import build_library

__all__ = ["StreamRun", "StreamSimulator", "Words"]

DRIVER = Path(__file__).parent / "cpp" / "tile.cpp"
_PLAIN = str.maketrans(dict.fromkeys('{}":,', "_"))


@dataclass(frozen=True)
class Words:
    """Words of a stream.

    Parameters
    ----------
    data : uint32 array [words, parts]
        The lowest part of a word first.
    flags : uint8 array [words]
        Bit 0 is ``tlast``, the bits above it are ``tuser``, of which a stream takes those that it has.
    """

    data: NDArray[np.uint32]
    flags: NDArray[np.uint8]


@dataclass(frozen=True)
class StreamRun:
    """Result words and cycles of a run.

    Parameters
    ----------
    results : Words
    cycles : int
        Clock cycles from the first word offered to the last result.
    result_cycles : int
        Of these, the cycles from the first result to the last.
    seconds : float
        Wall-clock time of the simulation itself.
    """

    results: Words
    cycles: int
    result_cycles: int
    seconds: float


class StreamSimulator(Closing):
    """The Verilog of a core with the streams of a tile.

    The Verilog is generated and compiled when the object is created (some seconds, later from the user's cache).
    Use it in a ``with`` statement, or call `close`.

    Parameters
    ----------
    core : str
        ``tile`` or ``block-tile``.
    config : Config
    family : str
        Target of the Verilog.
    waveform : Path or None
        File for an FST waveform of the whole simulation, which is then much slower.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing.
    """

    def __init__(self, core: str, config: Config, family: Family = "generic", waveform: Path | None = None):
        module = CORES[core].module
        folder = cache_folder() / "verilog" / f"{module}-{config.model_dump_json()}-{family}".translate(_PLAIN)
        files = generate(CORES[core], config, folder, family)
        sources = [file for file in files if file.suffix == ".v"]
        self._core = core
        self._library = ctypes.CDLL(str(build_library(sources, DRIVER, module, trace=waveform is not None)))
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

    def stream(self, activations: Words, weights: Words, results: int, result_bits: int, limit: int) -> StreamRun:
        """Send both streams as fast as they are taken; collect so many results of ``result_bits`` bits.

        Raises
        ------
        TilewrightError
            If they do not come within ``limit`` cycles, which is a defect of the hardware.
        """
        found = Words(np.zeros((results, -(-result_bits // 32)), np.uint32), np.zeros(results, np.uint8))
        counts = (ctypes.c_uint64 * 4)()
        start = time.perf_counter()
        cycles = self._library.tile_run(
            self._tile,
            *_pointers(activations), ctypes.c_uint64(len(activations.data)),
            *_pointers(weights), ctypes.c_uint64(len(weights.data)),
            *_pointers(found), ctypes.c_uint64(results),
            ctypes.c_uint64(limit), counts,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        if not cycles:
            raise TilewrightError(
                f"the {self._core} did not finish in {limit} cycles: it accepted {counts[0]} of "
                f"{len(activations.data)} activation words and {counts[1]} of {len(weights.data)} weight words, and "
                f"returned {counts[2]} results of {results}"
            )
        return StreamRun(found, cycles, cycles - counts[3], seconds)


def _pointers(words: Words) -> tuple[ctypes.c_void_p, ctypes.c_void_p, int]:
    """Return arguments for the library; the arrays must outlive the call."""
    return ctypes.c_void_p(words.data.ctypes.data), ctypes.c_void_p(words.flags.ctypes.data), words.data.shape[1]
