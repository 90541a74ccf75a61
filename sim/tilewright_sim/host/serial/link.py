"""The host's side of the host link: reads and writes that survive lost and corrupted bytes."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tilewright.base import TilewrightError
from tilewright.link import INFORMATION_WORDS, MAGIC, MAX_BYTES, READ_WINDOW, WRITE_WINDOW, Space, Status

from .frames import Request, Response, Unframer, frame

__all__ = ["BoardInformation", "Line", "Link", "LinkError"]

TRIES = 5
MAX_FRUITLESS = 20
"""Maximum number of rounds without progress although the board responds; then the line is too bad."""
CYCLES_OFFSET = 4 * (INFORMATION_WORDS - 1)


class LinkError(TilewrightError):
    """The board does not respond, or not correctly."""


class Line(Protocol):
    """A serial line."""

    def send(self, data: bytes) -> None:
        """Send all bytes; raise `LinkError` if the line accepts none for a long time."""

    def receive(self, seconds: float) -> bytes:
        """Return the bytes received, which may be none, after at most ``seconds``."""

    def close(self) -> None:
        """Close the line."""


@dataclass(frozen=True)
class BoardInformation:
    """What the board reports: its clock, its memory, and the identity of its design."""

    clock_hz: int
    memory: range
    identity: int


class Link:
    """Reads and writes over a line that may lose and corrupt bytes.

    Up to the device's window, requests are sent before the responses to earlier ones have arrived. After anything
    unexpected the link sends a marker, a request with a sequence number far out of order, and ignores everything before
    its response. It then sends all requests again from the first one without a response; the device executes each
    request only once.

    Parameters
    ----------
    line : Line
    patience : float
        Seconds of silence after which responses count as lost.
    clock : callable
        Returns the time in seconds.

    Members
    -------
    interrupt : bool
        Whether the interrupt was raised in the last response.
    repeated : int
        Number of requests sent again so far.
    """

    def __init__(self, line: Line, patience: float = 0.5, clock: Callable[[], float] = time.monotonic):
        self.line = line
        self.patience = patience
        self.clock = clock
        self.interrupt = False
        self.repeated = 0
        self._sequence = random.randrange(256)
        self._markers = 0
        self._unframer = Unframer()
        self._responses: list[Response] = []

    def synchronize(self) -> BoardInformation:
        """Synchronize with the device, which responds in any state; return the board's information.

        Raises
        ------
        LinkError
            If nothing responds, or something other than a board of this project.
        """
        size = 4 * INFORMATION_WORDS
        heard = 0
        for _ in range(TRIES):
            self._sequence = (self._sequence + 101) % 256
            self._responses.clear()
            self.line.send(frame(Request(Space.INFORMATION, 0, size, None, True).payload(self._sequence)))
            while (response := self._response()) is not None:
                heard += 1
                if response.sequence == self._sequence and response.status is Status.OKAY:
                    self._sequence = (self._sequence + 1) % 256
                    return _information(response.data)
        if heard or self._unframer.bad:
            raise LinkError("the response is of another protocol, or the baud rate is wrong: see --baud")
        raise LinkError(
            f"no response within {TRIES * self.patience:g} s: check that the bitstream is loaded (tilewright program), "
            "that this is the port of the board, and that --baud is the baud rate of the bitstream"
        )

    def read(self, space: Space, address: int, size: int) -> bytes:
        """Return ``size`` bytes of a space, from an address.

        Raises
        ------
        LinkError
            If no responses arrive, or the bus of the board responds with an error.
        """
        requests = [
            Request(space, address + start, min(MAX_BYTES, size - start)) for start in range(0, size, MAX_BYTES)
        ]
        return b"".join(self._transfer(requests, READ_WINDOW, f"reading {size} bytes at {address:#x}"))

    def write(self, space: Space, address: int, data: bytes) -> None:
        """Write bytes to a space, at an address.

        Raises
        ------
        LinkError
            See `read`.
        """
        requests = [
            Request(space, address + start, len(part), part)
            for start in range(0, len(data), MAX_BYTES)
            for part in [data[start : start + MAX_BYTES]]
        ]
        self._transfer(requests, WRITE_WINDOW, f"writing {len(data)} bytes at {address:#x}")

    def cycles(self) -> int:
        """Return the clock cycles since the board's reset, modulo 2**32."""
        return int.from_bytes(self.read(Space.INFORMATION, CYCLES_OFFSET, 4), "little")

    def _transfer(self, requests: Sequence[Request], window: int, step: str) -> list[bytes]:
        """Execute all requests in order; return the data of each."""
        results: list[bytes] = []
        silences = fruitless = before = 0
        while not self._round(requests, results, window, step):
            silences = 0 if self._clear() else silences + 1
            fruitless = fruitless + 1 if len(results) == before else 0
            before = len(results)
            if silences == TRIES or fruitless == MAX_FRUITLESS:
                tries = f"{len(results)} of {len(requests)} frames done: no response in {silences or fruitless} tries"
                raise LinkError(f"{step} stalled, {tries}; is the board still plugged in?")
        return results

    def _round(self, requests: Sequence[Request], results: list[bytes], window: int, step: str) -> bool:
        """Send requests and collect responses; return True when all are done, False after an error."""
        sent = len(results)
        while len(results) < len(requests):
            while sent < min(len(requests), len(results) + window):
                place = (self._sequence + sent - len(results)) % 256
                self.line.send(frame(requests[sent].payload(place)))
                sent += 1
            response, request = self._response(), requests[len(results)]
            if response is None or response.sequence != self._sequence or not _answers(response, request):
                self.repeated += sent - len(results)
                return False
            self.interrupt = response.interrupt
            if response.status is Status.REFUSED:
                raise LinkError(f"{step}: the board rejected the request: its link has another version")
            self._sequence = (self._sequence + 1) % 256
            if response.status is Status.BUS_ERROR:
                self._clear()
                raise LinkError(f"{step}: the board's bus responded with an error")
            results.append(response.data)
        return True

    def _clear(self) -> bool:
        """Send a marker and wait for its response, which follows all others; return whether it arrived."""
        self._markers = (self._markers + 1) % 64
        marker = (self._sequence + 128 + self._markers) % 256
        self.line.send(frame(Request(Space.INFORMATION, 0, 4).payload(marker)))
        while (response := self._response()) is not None:
            if response.sequence == marker and response.status is Status.OUT_OF_ORDER:
                return True
        return False

    def _response(self) -> Response | None:
        """Return the next response, or None after ``patience`` seconds of silence."""
        end = self.clock() + self.patience
        while not self._responses:
            left = end - self.clock()
            if left <= 0:
                return None
            data = self.line.receive(left)
            if data:
                end = self.clock() + self.patience
            found = (Response.of(payload) for payload in self._unframer.push(data))
            self._responses += [response for response in found if response]
        return self._responses.pop(0)


def _answers(response: Response, request: Request) -> bool:
    """Return whether the response completes the request, or rejects it."""
    if response.status is Status.REFUSED:
        return True
    size = 0 if request.data is not None else request.count
    return response.status in (Status.OKAY, Status.BUS_ERROR) and len(response.data) == size


def _information(data: bytes) -> BoardInformation:
    magic, clock, base, size, identity, _ = (
        int.from_bytes(data[n : n + 4], "little") for n in range(0, 4 * INFORMATION_WORDS, 4)
    )
    if magic != MAGIC:
        raise LinkError(f"the board's link has version {magic:#010x}, this host supports {MAGIC:#010x}")
    return BoardInformation(clock, range(base, base + size), identity)
