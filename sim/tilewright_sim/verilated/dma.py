"""The generated DMA engines in Verilator, moving the rows of a matrix; no Python runs per cycle."""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright.cores import CORES
from tilewright.dma import DmaConfig
from tilewright_sim.closing import Closing
from tilewright_sim.models import Request, failure, read_words, word_count, write_bytes

from .build import build_library, cached_verilog

__all__ = ["DmaSimulator", "requests_for"]

DRIVER = Path(__file__).parent / "cpp" / "dma.cpp"
_FIRST = 0x1000  # address of the first row, so that some address bits are 1


def requests_for(config: DmaConfig, rows: int, row_bytes: int, address: int = _FIRST) -> list[Request]:
    """Return the requests that move a matrix whose rows follow each other in memory, each aligned to a bus word.

    The number of requests is the minimum for the widths of rows and stride: one for each row if the stride is too wide.

    Raises
    ------
    TilewrightError
        If a row has no bytes or too many for `length_bits`, or the matrix exceeds the address space.
    """
    pitch = -(-row_bytes // config.word_bytes) * config.word_bytes
    if not 0 < row_bytes < 1 << config.length_bits:
        raise TilewrightError(f"a row of {row_bytes} bytes: length_bits = {config.length_bits} takes 1 or more, less "
                              f"than {1 << config.length_bits}")  # fmt: skip
    if address + rows * pitch > 1 << config.addr_bits:
        raise TilewrightError(f"{rows} rows of {row_bytes} bytes do not fit into addr_bits = {config.addr_bits}")
    max_rows, stride = (1 << config.rows_bits) - 1, pitch
    if pitch >= 1 << config.stride_bits:
        max_rows, stride = 1, 0
    starts = range(0, rows, max_rows)
    return [Request(address + start * pitch, row_bytes, min(max_rows, rows - start), stride) for start in starts]


class DmaSimulator(Closing):
    """Move matrices with the Verilog of a DMA engine, between a memory and a stream that never pauses.

    The Verilog is generated and compiled when the object is created (some seconds, later from the user's cache).
    Use it in a ``with`` statement, or call `close`.

    Parameters
    ----------
    core : str
        ``dma-reader`` or ``dma-writer``.
    config : DmaConfig
    memory_bytes : int
        Size of the memory, which begins at address 0.
    latency : int
        Memory latency in cycles; see `MemoryModel`.
    waveform : Path or None
        File for an FST waveform of the whole simulation, which is then much slower.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing.
    """

    def __init__(
        self,
        core: str,
        config: DmaConfig,
        memory_bytes: int = 1 << 20,
        latency: int = 0,
        waveform: Path | None = None,
    ):
        self.config = config
        self.reads = core == "dma-reader"
        self.memory = np.zeros(memory_bytes, dtype=np.uint8)
        self._latency = latency
        verilog = cached_verilog(CORES[core], config)
        module = CORES[core].module
        self._library = ctypes.CDLL(str(build_library([verilog], DRIVER, module, trace=waveform is not None)))
        self._library.dma_new.restype = ctypes.c_void_p
        self._library.dma_run.restype = ctypes.c_uint64
        self._library.dma_violation.restype = ctypes.c_char_p
        self._engine: ctypes.c_void_p | None = ctypes.c_void_p(
            self._library.dma_new(
                os.fsencode(waveform) if waveform else None,
                ctypes.c_void_p(self.memory.ctypes.data),
                ctypes.c_uint64(memory_bytes),
                ctypes.c_uint64(latency),
            )
        )

    def close(self) -> None:
        """End the simulation and finish the waveform."""
        if self._engine is not None:
            self._library.dma_delete(self._engine)
            self._engine = None

    def run(self, requests: Sequence[Request], words: NDArray[np.uint8]) -> int:
        """Execute requests that are queued together; return the number of cycles.

        Parameters
        ----------
        requests : sequence of Request
        words : uint8 array of shape [words, word_bytes]
            The words for a writer; the array that receives the words of a reader.

        Raises
        ------
        TilewrightError
            If a request fails, the engine does not finish, or it violates a rule of AXI.
        """
        for number, request in enumerate(requests):
            cause = failure(request, word_bytes=self.config.word_bytes, addr_bits=self.config.addr_bits,
                            unaligned=self.config.unaligned)  # fmt: skip
            if cause != "NONE":
                raise TilewrightError(f"request {number}, {request}, failed: {cause} (see `DmaReader`)")
        fields = np.array([[r.address, r.bytes, r.rows, r.stride] for r in requests], dtype=np.uint64)
        assert words.flags.c_contiguous
        rows = sum(request.rows for request in requests)
        limit = 1000 + 8 * len(words) + 2 * (rows + len(words)) * (self._latency + 8)
        cycles = self._library.dma_run(
            self._engine, ctypes.c_void_p(fields.ctypes.data), ctypes.c_uint64(len(requests)),
            ctypes.c_void_p(words.ctypes.data), ctypes.c_uint64(len(words)), ctypes.c_uint64(limit),
        )  # fmt: skip
        if violation := self._library.dma_violation(self._engine).decode():
            raise TilewrightError(f"the engine violated a rule of AXI: {violation}, which is a defect of the hardware")
        if not cycles:
            raise TilewrightError(f"the engine did not move {len(words)} words in {limit} cycles")
        return cycles

    def move(self, matrices: Sequence[NDArray]) -> int:
        """Move the rows of matrices of bytes, which follow each other in memory; return the number of cycles.

        Every byte is compared with the golden model.

        Raises
        ------
        TilewrightError
            See `run` and `requests_for`; also if the matrices do not fit into the memory.
        """
        word = self.config.word_bytes
        requests: list[Request] = []
        end = _FIRST
        for matrix in matrices:
            requests += requests_for(self.config, len(matrix), matrix.shape[1], end)
            end += len(matrix) * -(-matrix.shape[1] // word) * word
        if end > len(self.memory):
            raise TilewrightError(f"the matrices need {end:,} bytes of memory, which has {len(self.memory):,}")
        padded = [np.pad(m.view(np.uint8), [(0, 0), (0, -m.shape[1] % word)]).reshape(-1, word) for m in matrices]
        given = np.ascontiguousarray(np.concatenate(padded))
        if not self.reads:
            cycles = self.run(requests, given)
            want = np.zeros_like(self.memory)
            values = [int.from_bytes(row.tobytes(), "little") for row in given]
            for request in requests:
                count = word_count(request, word_bytes=word)
                for address, byte in write_bytes(request, values[:count], word_bytes=word):
                    want[address] = byte
                del values[:count]
            right = np.array_equal(want, self.memory)
        else:
            self.memory[_FIRST:end] = given.reshape(-1)
            taken = np.zeros_like(given)
            cycles = self.run(requests, taken)
            contents = self.memory.tobytes()
            right = [int.from_bytes(row.tobytes(), "little") for row in taken] == [
                value for request in requests for value, _, _ in read_words(request, contents, word_bytes=word)
            ]
        if not right:
            raise TilewrightError("the data moved differ from the golden model, which is a defect of the hardware")
        return cycles
