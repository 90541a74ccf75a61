"""A SoC with an accelerator in Verilator: what its firmware prints, and what the accelerator does on the bus."""

import contextlib
import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tilewright_sim.closing import Closing

from .build import build_library

__all__ = ["SocRun", "SocSimulator"]

DRIVER = Path(__file__).parent / "cpp" / "soc.cpp"
_SLICE_CYCLES = 200_000


@dataclass(frozen=True)
class SocRun:
    """What the accelerator did on its memory bus from a doorbell to its interrupt.

    Parameters
    ----------
    cycles : int
        From the doorbell to the interrupt.
    reads, writes : int
        Beats.
    read_cycles : int
        From the first address that was read to the last beat.
    latency : int
        Cycles from a read's address to its first beat, less one: the median of the reads that found no other on the
        bus. There are few of them, and a refresh or two would change their average.
    """

    cycles: int
    reads: int
    writes: int
    read_cycles: int
    latency: int


class _Run(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint64)
        for name in ("cycles", "reads", "writes", "read_span", "latency")
    ]  # fmt: skip


class SocSimulator(Closing):
    """Simulate a SoC with the ports of `tilewright.litex.SimulatedSoC`.

    Use it in a ``with`` statement, or call `close`.

    Parameters
    ----------
    sources : list of Path
        Verilog files, compiled when the object is created: minutes the first time, later from the user's cache.
    top : str
        The top module.
    folder : Path
        Where the files are that the Verilog initializes its memories with.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing, or the Verilog does not compile.
    """

    def __init__(self, sources: list[Path], top: str, folder: Path):
        self._library = ctypes.CDLL(str(build_library(sources, DRIVER, top)))
        self._library.soc_new.restype = ctypes.c_void_p
        self._library.soc_printed.restype = ctypes.c_uint64
        self._library.soc_runs.restype = ctypes.c_uint64
        with contextlib.chdir(folder):  # the Verilog names the files without their folder
            self._soc: ctypes.c_void_p | None = ctypes.c_void_p(self._library.soc_new())
        self.cycles = 0

    def close(self) -> None:
        """End the simulation."""
        if self._soc is not None:
            self._library.soc_delete(self._soc)
            self._soc = None

    def lines(self, limit: int) -> Iterator[str]:
        """Yield each line that the firmware prints, as a terminal shows it, until ``limit`` more cycles are over."""
        buffer, text = ctypes.create_string_buffer(4096), b""
        end = self.cycles + limit
        while self.cycles < end:
            cycles = min(_SLICE_CYCLES, end - self.cycles)
            self._library.soc_run(self._soc, ctypes.c_uint64(cycles))
            self.cycles += cycles
            while count := self._library.soc_printed(self._soc, buffer, ctypes.c_uint64(len(buffer))):
                text += buffer.raw[:count]
            *whole, text = text.split(b"\n")
            for line in whole:
                yield line.decode("ascii", "replace").rstrip().rpartition("\r")[2]

    @property
    def runs(self) -> list[SocRun]:
        """What the accelerator did, one for each doorbell that was followed by an interrupt."""
        runs = []
        for index in range(self._library.soc_runs(self._soc)):
            run = _Run()
            self._library.soc_get_run(self._soc, ctypes.c_uint64(index), ctypes.byref(run))
            runs.append(SocRun(*(getattr(run, field[0]) for field in run._fields_)))
        return runs
