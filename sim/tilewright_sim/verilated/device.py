"""The generated accelerator in Verilator as a `Device`: no Python runs per cycle."""

import ctypes
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import REGISTERS
from tilewright.base import TilewrightError
from tilewright.cores import CORES

from .build import build_library, cached_verilog
from .memory_cells import CellsStruct, MemoryCells
from .memory_model import CHANNELS, MemoryModel

__all__ = ["EVENT", "SimulatedDevice", "SimulatorStatus"]

DRIVER = Path(__file__).parent / "cpp" / "accelerator.cpp"
EVENT = np.dtype([("start", "<u8"), ("end", "<u8"), ("lane", "<u4"), ("state", "<u4")])
"""State of a lane from a first cycle up to, but not including, another; see ``cpp/accelerator_lanes.hpp``."""
TIMED_OUT = 4
_RESPONSES = {2: "SLVERR", 3: "DECERR"}
_OFFSETS = {register.name: register.offset for register in REGISTERS}


@dataclass(frozen=True)
class SimulatorStatus:
    """Status of the simulation: cycles since its start, and the number of beats of each channel."""

    cycle: int
    interrupt: bool
    interrupt_cycle: int
    doorbell_cycle: int
    dropped_events: int
    beats: dict[str, int]


class _Settings(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("base", "size", "read_latency", "write_latency", "numerator",
                                               "denominator", "shared", "capacity", "seed")),
        ("stall", ctypes.c_uint64 * len(CHANNELS)),
        *((name, ctypes.c_uint64) for name in ("engines_register", "most_events", "dump_from", "dump_to")),
    )  # fmt: skip


class _Status(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("cycle", "interrupt", "interrupt_cycle", "doorbell_cycle",
                                               "dropped_events")),
        ("beats", ctypes.c_uint64 * len(CHANNELS)),
    )  # fmt: skip


class SimulatedDevice:
    """The Verilog of an accelerator, compiled by Verilator, and its memory. Calls of other threads wait.

    The first use of a configuration generates and compiles it, which takes some tens of seconds; later uses load it
    from the user's cache. Call `close` at the end.

    Parameters
    ----------
    config : AcceleratorConfig
    model : MemoryModel
    waveform : Path or None
        File for an FST waveform of the cycles in `window`. Needs a separate build, and slows the simulation down.
    window : range
        Cycles to record, counted from the start.
    events : int
        Maximum number of events to keep for a trace, 0 for none. See `take_events`.
    builds : Path or None
        Folder for the compiled design, instead of the user's cache.
    memories : bool
        The hardware's memories can be changed, see `memories`. Needs a separate build.

    Raises
    ------
    ToolError
        If Verilator or a tool that it needs is missing.

    Members
    -------
    doorbells : list of int
        The cycle of each write to TAIL.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        model: MemoryModel,
        waveform: Path | None = None,
        window: range = range(1 << 62),
        events: int = 0,
        builds: Path | None = None,
        memories: bool = False,
    ):
        if model.base + model.size > 1 << config.addr_bits:
            raise TilewrightError(
                f"a memory of {model.size:,} bytes at {model.base:#x} does not fit into addr_bits = {config.addr_bits}"
            )
        self.config = config
        self.model = model
        self.memory = range(model.base, model.base + model.size)
        self.doorbells: list[int] = []
        self._lock = threading.RLock()  # ctypes lets other threads run
        self._library = load_library(config, builds, trace=waveform is not None, memories=memories)
        self._bytes: NDArray[np.uint8] = np.zeros(model.size, dtype=np.uint8)
        self._window, self._events = window, events
        self._settings = _settings(model, window, events)
        path = os.fsencode(waveform) if waveform else None
        self._handle: int | None = self._library.accelerator_new(
            ctypes.byref(self._settings), ctypes.c_void_p(self._bytes.ctypes.data), path
        )

    def close(self) -> None:
        """End the simulation and finish the waveform."""
        with self._lock:
            if self._handle is not None:
                self._library.accelerator_delete(self._open)
                self._handle = None

    def read_register(self, offset: int) -> int:
        value = ctypes.c_uint32()
        with self._lock:
            response = self._library.accelerator_read(self._open, ctypes.c_uint32(offset), ctypes.byref(value))
        self._check_access(response, f"reading the register at {offset:#x}")
        return value.value

    def write_register(self, offset: int, value: int) -> None:
        with self._lock:
            response = self._library.accelerator_write(self._open, ctypes.c_uint32(offset), ctypes.c_uint32(value))
        self._check_access(response, f"writing {value:#x} to the register at {offset:#x}")
        if offset == _OFFSETS["TAIL"]:
            self.doorbells.append(self.status.doorbell_cycle)

    def read_registers(self, offset: int, count: int) -> list[int]:
        return [self.read_register(offset + 4 * place) for place in range(count)]

    def write_registers(self, offset: int, values: Sequence[int]) -> None:
        for place, value in enumerate(values):
            self.write_register(offset + 4 * place, value)

    def read_memory(self, address: int, size: int) -> bytes:
        return self._bytes[self._place(address, size)].tobytes()

    def write_memory(self, address: int, data: bytes | bytearray | memoryview | NDArray) -> None:
        array = np.frombuffer(data, dtype=np.uint8)
        self._bytes[self._place(address, len(array))] = array

    def pointer(self, address: int, size: int) -> int:
        """Return where code in this process finds these bytes of the memory; valid until `close`."""
        return self._bytes.ctypes.data + self._place(address, size).start

    def wait(self, cycles: int) -> bool:
        with self._lock:
            raised = self._library.accelerator_run(self._open, ctypes.c_uint64(cycles), 1)
            self._check_bus()
        return bool(raised)

    def run(self, cycles: int) -> None:
        """Simulate exactly this number of cycles."""
        with self._lock:
            self._library.accelerator_run(self._open, ctypes.c_uint64(cycles), 0)
            self._check_bus()

    def reset(self) -> None:
        """Reset the hardware with its port ``rst`` and drop all bursts; the memory keeps its contents."""
        self._library.accelerator_reset(self._open)

    def set_timing(self, **timing: Any) -> None:
        """Change latencies, bandwidth and stalls of the memory; bursts in flight keep their times."""
        self.model = replace(self.model, **timing)
        self._settings = _settings(self.model, self._window, self._events)
        self._library.accelerator_configure(self._open, ctypes.byref(self._settings))

    def add_fault(self, addresses: range, response: int, *, reads: bool = True, writes: bool = True) -> None:
        """Respond to these addresses with an error, 2 for SLVERR or 3 for DECERR; failed writes have no effect."""
        if response not in _RESPONSES:
            raise ValueError(f"response = {response}: must be 2 (SLVERR) or 3 (DECERR)")
        limits = (ctypes.c_uint64(addresses.start), ctypes.c_uint64(addresses.stop))
        self._library.accelerator_add_fault(self._open, *limits, int(reads), int(writes), response)

    def clear_faults(self) -> None:
        """Remove all memory errors."""
        self._library.accelerator_clear_faults(self._open)

    def memories(self) -> dict[str, MemoryCells]:
        """Return the memories of the hardware by their paths, if the device was made with ``memories``."""
        room = 256
        cells = (CellsStruct * room)()
        with self._lock:
            count = self._library.accelerator_memories(self._open, cells, ctypes.c_uint64(room))
        return {one.path.decode().removeprefix("TOP.accelerator.component."): MemoryCells(one) for one in cells[:count]}

    @property
    def status(self) -> SimulatorStatus:
        """The cycles, interrupt and beats so far."""
        status = _Status()
        with self._lock:
            self._library.accelerator_status(self._open, ctypes.byref(status))
        return SimulatorStatus(
            status.cycle, bool(status.interrupt), status.interrupt_cycle, status.doorbell_cycle,
            status.dropped_events, dict(zip(CHANNELS, status.beats, strict=True)),
        )  # fmt: skip

    def take_events(self) -> NDArray[np.void]:
        """Return the events since the last call as an array of `EVENT`, ordered by their ends."""
        events = ctypes.c_void_p()
        count = self._library.accelerator_events(self._open, ctypes.byref(events))
        if not count:
            return np.zeros(0, dtype=EVENT)
        return np.frombuffer(ctypes.string_at(events.value or 0, count * EVENT.itemsize), dtype=EVENT)

    @property
    def _open(self) -> ctypes.c_void_p:
        if self._handle is None:
            raise TilewrightError("the simulator is closed")
        return ctypes.c_void_p(self._handle)

    def _place(self, address: int, size: int) -> slice:
        if address not in self.memory or address + size > self.memory.stop:
            raise TilewrightError(f"{size} bytes at {address:#x} are outside the device's memory")
        start = address - self.memory.start
        return slice(start, start + size)

    def _check_access(self, response: int, what: str) -> None:
        self._check_bus()
        if response == TIMED_OUT:
            raise TilewrightError(f"{what} got no response, which is a defect of the hardware")
        if response:
            raise TilewrightError(f"{what} got the response {_RESPONSES.get(response, response)}")

    def _check_bus(self) -> None:
        violation = self._library.accelerator_violation(self._open).decode()
        if violation:
            raise TilewrightError(f"the accelerator violated a rule of AXI: {violation}")


def load_library(
    config: AcceleratorConfig, builds: Path | None = None, *, trace: bool = False, memories: bool = False
) -> ctypes.CDLL:
    """Generate and compile the accelerator unless it is cached; return the library."""
    verilog = cached_verilog(CORES["accelerator"], config, builds)
    built = build_library([verilog], DRIVER, "accelerator", builds, trace=trace, memories=memories)
    library = ctypes.CDLL(str(built))
    library.accelerator_new.restype = ctypes.c_void_p
    library.accelerator_violation.restype = ctypes.c_char_p
    library.accelerator_events.restype = ctypes.c_uint64
    library.accelerator_memories.restype = ctypes.c_uint64
    return library


def _settings(model: MemoryModel, window: range, events: int) -> _Settings:
    bandwidth = Fraction(model.bandwidth).limit_denominator(1 << 16)
    stalls = model.stalls
    return _Settings(
        base=model.base,
        size=model.size,
        read_latency=model.latency,
        write_latency=model.latency if model.write_latency is None else model.write_latency,
        numerator=bandwidth.numerator,
        denominator=bandwidth.denominator,
        shared=model.shared,
        capacity=model.outstanding,
        seed=model.seed,
        stall=(ctypes.c_uint64 * len(CHANNELS))(*(int(stalls.get(name, 0) * 2**32) for name in CHANNELS)),
        engines_register=_OFFSETS["ENGINES"],
        most_events=events,
        dump_from=window.start,
        dump_to=window.stop,
    )
