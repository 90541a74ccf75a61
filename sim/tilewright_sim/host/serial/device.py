"""A `Device` for a board behind a serial line."""

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError, missing_package
from tilewright.link import BAUD, Space
from tilewright_sim.closing import Closing

from .link import Line, Link, LinkError

__all__ = ["SerialDevice", "SerialLine"]

_POLL_SHARE = 1 / 8  # of the time waited so far: long waits are polled rarely
_POLL_SECONDS = 0.002
_WRITE_SECONDS = 5.0


class SerialLine:
    """A serial port of this computer.

    Parameters
    ----------
    port : str
        Its name, ``/dev/ttyUSB0`` or ``COM3``.
    baud : int

    Raises
    ------
    TilewrightError
        If it cannot be opened; the message says what to do.
    """

    def __init__(self, port: str, baud: int):
        try:
            import serial
            from serial.tools import list_ports
        except ImportError:
            raise missing_package("pyserial, which connects to boards,", "sim") from None
        self._errors = (serial.SerialException, OSError)
        self.port = port
        if not os.path.exists(port) and not port.upper().startswith("COM") and "://" not in port:
            found = ", ".join(sorted(one.device for one in list_ports.comports())) or "none"
            raise TilewrightError(f"there is no port {port}; ports here: {found}. Is the board plugged in?")
        if os.path.exists(port) and not os.access(port, os.R_OK | os.W_OK):
            raise TilewrightError(
                f"no permission for {port}: run `sudo usermod -aG dialout $USER` and log in again, or set a udev rule"
            )
        try:
            self._serial: Any = serial.Serial(port, baud, timeout=0, write_timeout=_WRITE_SECONDS, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            if "lock" in str(error):
                raise TilewrightError(f"{port} is in use by another program: close that first") from None
            raise TilewrightError(f"cannot open {port} at {baud} baud: {_plain(error)}") from None
        # Not every driver has low latency; transfers then wait for the adapter's timer.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            self._serial.set_low_latency_mode(True)
        self._serial.reset_input_buffer()

    def send(self, data: bytes) -> None:
        try:
            self._serial.write(data)
        except self._errors as error:
            raise LinkError(
                f"{self.port} takes no more bytes: {_plain(error)}; is the board still plugged in?"
            ) from None

    def receive(self, seconds: float) -> bytes:
        try:
            self._serial.timeout = seconds
            data: bytes = self._serial.read(1)
            return data + self._serial.read(self._serial.in_waiting) if data else data
        except self._errors as error:
            raise LinkError(f"{self.port} was lost: {_plain(error)}; is the board still plugged in?") from None

    def close(self) -> None:
        self._serial.close()


class SerialDevice(Closing):
    """Registers, memory and interrupt of an accelerator on a board.

    Parameters
    ----------
    line : Line or str
        The line, or the name of a serial port.
    baud : int
        Baud rate of the port.
    patience : float
        See `Link`.

    Raises
    ------
    TilewrightError
        If the port cannot be opened, or no board of this project responds.

    Members
    -------
    information : BoardInformation
    """

    def __init__(self, line: Line | str, baud: int = BAUD, patience: float = 0.5):
        self.line: Line = SerialLine(line, baud) if isinstance(line, str) else line
        try:
            self.link = Link(self.line, patience)
            self.information = self.link.synchronize()
        except LinkError as error:
            self.line.close()
            raise LinkError(f"{line}: {error}" if isinstance(line, str) else str(error)) from None
        self.memory = self.information.memory
        self._lock = threading.RLock()  # one request, with its responses, at a time

    def close(self) -> None:
        """Close the port."""
        self.line.close()

    def read_register(self, offset: int) -> int:
        with self._lock:
            return int.from_bytes(self.link.read(Space.REGISTERS, offset, 4), "little")

    def write_register(self, offset: int, value: int) -> None:
        with self._lock:
            self.link.write(Space.REGISTERS, offset, value.to_bytes(4, "little"))

    def read_registers(self, offset: int, count: int) -> list[int]:
        with self._lock:
            data = self.link.read(Space.REGISTERS, offset, 4 * count)
        return [int.from_bytes(data[place : place + 4], "little") for place in range(0, len(data), 4)]

    def write_registers(self, offset: int, values: Sequence[int]) -> None:
        with self._lock:
            self.link.write(Space.REGISTERS, offset, b"".join(value.to_bytes(4, "little") for value in values))

    def read_memory(self, address: int, size: int) -> bytes:
        self._check(address, size)
        with self._lock:
            return self.link.read(Space.MEMORY, address, size)

    def write_memory(self, address: int, data: bytes | bytearray | memoryview | NDArray) -> None:
        content = np.frombuffer(data, dtype=np.uint8).tobytes()
        self._check(address, len(content))
        with self._lock:
            self.link.write(Space.MEMORY, address, content)

    def wait(self, cycles: int) -> bool:
        """Poll the board for its cycles and its interrupt until ``cycles`` have passed or the interrupt is raised."""
        with self._lock:
            before, passed, start = self.link.cycles(), 0, time.monotonic()
            while not self.link.interrupt and passed < cycles:
                left = (cycles - passed) / max(self.information.clock_hz, 1)
                time.sleep(min(left, max(_POLL_SECONDS, (time.monotonic() - start) * _POLL_SHARE)))
                now = self.link.cycles()
                passed, before = passed + (now - before) % (1 << 32), now
            return self.link.interrupt

    def _check(self, address: int, size: int) -> None:
        if size and (address not in self.memory or address + size > self.memory.stop):
            raise TilewrightError(f"{size} bytes at {address:#x} are outside the board's memory")


def _plain(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)
