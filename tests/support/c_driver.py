"""The generated C driver, compiled into a shared library, with the interface of the driver in Python."""

import ctypes
import subprocess
from collections import Counter
from pathlib import Path

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.driver import DRIVER_FILES
from tilewright.accelerator.registers import REGISTERS
from tilewright.base import write_files
from tilewright_sim.host import CPlatform, Driver
from tilewright_sim.host.errors import StuckError, hardware_error

WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
TAIL = next(register.offset for register in REGISTERS if register.name == "TAIL")
STOP_LOOKS = 20_000  # a simulated bus finishes sooner, and one that never does is not waited for
OK, NO_DEVICE, REGISTER_VERSION, DESCRIPTOR_VERSION, CONFIGURATION, ARGUMENT, FULL, BUSY, FAILED, RESET, TIMEOUT = (
    -number for number in range(11)
)


_LIMITS = ("size", "k", "stride", "alignment", "addr_bits", "vector_lanes", "variables")


class Limits(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in _LIMITS]


class Chip(ctypes.Structure):
    _fields_ = [
        ("platform", ctypes.c_void_p),
        ("ring", ctypes.c_void_p),
        ("ring_address", ctypes.c_uint64),
        ("limits", Limits),
        *((name, ctypes.c_uint32) for name in ("next", "origin", "entries", "ready")),
    ]


class Failure(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("code", "unit", "ticket")),
        ("address", ctypes.c_uint64),
    ]


def write_driver(config: AcceleratorConfig, folder: Path) -> Path:
    """Write the driver's files; return their folder."""
    write_files(folder, {name: make(config) for name, make in DRIVER_FILES.items()})
    return folder / "driver"


def compile_driver(config: AcceleratorConfig, folder: Path, *flags: str) -> ctypes.CDLL:
    """Compile driver, texts and example of a configuration into a shared library."""
    sources = write_driver(config, folder)
    library = folder / "driver.so"
    names = [f"tilewright_{part}.c" for part in ("driver", "text", "variables", "example")]
    command = ["gcc", "-std=c99", *WARNINGS, "-O2", "-g", "-fPIC", "-shared", f"-DTILEWRIGHT_STOP_LOOKS={STOP_LOOKS}u"]
    subprocess.run([*command, *flags, *names, "-o", str(library)], cwd=sources, check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.tilewright_free.restype = ctypes.c_size_t
    for name in ("result_text", "error_name", "unit_name"):
        getattr(loaded, f"tilewright_{name}").restype = ctypes.c_char_p
    return loaded


class Doorbell:
    """A device whose doorbell can be held back: the C driver takes CONTROL.enable = 0 for a reset of the hardware."""

    def __init__(self, device):
        self.device = device
        self.held, self.tail = False, None

    def __getattr__(self, name):
        return getattr(self.device, name)

    def write_register(self, offset, value):
        if self.held and offset == TAIL:
            self.tail = value
        else:
            self.device.write_register(offset, value)

    def hold(self, held):
        self.held = held
        if not held and self.tail is not None:
            self.device.write_register(TAIL, self.tail)
            self.tail = None


class CDriver(Driver):
    """A `Driver` that has the C driver do everything but single accesses to registers.

    ``told`` counts what the C driver reports: error codes, resets, aborts that found nothing to end.
    """

    def __init__(self, driver: Driver, library: ctypes.CDLL, wait_cycles: int = 1000):
        self.device, self.entries, self.capabilities, self.ring = (
            driver.device, driver.entries, driver.capabilities, driver.ring,
        )  # fmt: skip
        self._own, self._ready = (self.ring, self.entries), True
        self.library = library
        self.doorbell = Doorbell(self.device)
        self.platform = CPlatform(self.doorbell, wait_cycles)
        self.chip = Chip()
        self.told: Counter[str] = Counter()
        self.directly = False
        ring = self.device.pointer(self.ring, 64 * self.entries)
        log2 = self.entries.bit_length() - 1
        assert self.call("init", self.platform.pointer, ctypes.c_void_p(ring), ctypes.c_uint64(self.ring), log2) == OK

    def call(self, name, *arguments):
        """Call a function of the driver; return its result."""
        result = getattr(self.library, f"tilewright_{name}")(ctypes.byref(self.chip), *arguments)
        self.platform.check()
        return result

    def wait(self, ticket, cycles):
        return self.call("wait", ctypes.c_uint32(ticket), ctypes.c_uint32(cycles))

    def poll(self, ticket):
        return self.call("poll", ctypes.c_uint32(ticket))

    def write(self, name, value):
        if name == "CONTROL":
            self.doorbell.hold(not value)
        else:
            super().write(name, value)

    def submit(self, descriptors):
        """Submit all that fit in; one alone goes through the registers each second time, if they take it."""
        self.directly = not self.directly and len(descriptors) == 1
        ticket = ctypes.c_uint32()
        if self.directly and self.call("submit_direct", descriptors[0].pack(), ctypes.byref(ticket)) == OK:
            self.told["direct"] += 1
            return 1
        taken = descriptors[: self.call("free")]
        if taken:
            assert self.call("submit", packed(taken), ctypes.c_size_t(len(taken)), ctypes.byref(ticket)) == OK
            assert ticket.value == self.chip.next - 1
        return len(taken)

    def run(self, descriptors, limit, progress=None, step=0):
        sent = ctypes.c_size_t()
        if descriptors:
            count = ctypes.c_size_t(len(descriptors))
            result = self.call("run", packed(descriptors), count, ctypes.c_uint32(limit), ctypes.byref(sent))
        else:
            result = self.wait(self.chip.next - 1, limit)
        if result == FAILED:
            raise self.failure()
        if result == TIMEOUT:
            raise StuckError("the C driver has waited too long")
        assert result == OK
        assert sent.value == len(descriptors)

    def failure(self):
        failure = Failure()
        assert self.call("failure", ctypes.byref(failure)) == FAILED
        error = hardware_error(failure.code, failure.unit, failure.ticket - self.chip.origin & 0xFFFF, failure.address)
        assert self.library.tilewright_error_name(failure.code).decode() == error.code
        assert self.library.tilewright_unit_name(failure.unit).decode() == error.unit
        self.told[error.code] += 1
        return error

    def resume(self):
        self.call("resume")

    def abort(self):
        result = self.call("abort")
        assert result == (FAILED if self.read_fields("STATUS")["failed"] else OK)
        self.told["abort of nothing"] += result == OK

    def soft_reset(self):
        self._reset("soft reset")

    def set_up(self):
        """After a reset of the hardware, which the driver notices."""
        ticket = self.chip.next - 1
        assert self.wait(ticket, 0) == RESET
        assert self.call("abort") == RESET
        assert self.call("free") == 0
        self._reset("hard reset")

    def _reset(self, kind):
        ticket = self.chip.next - 1
        assert self.call("reset") == OK
        assert self.poll(ticket) == RESET
        self.told[kind] += 1


def packed(descriptors):
    return b"".join(descriptor.pack() for descriptor in descriptors)
