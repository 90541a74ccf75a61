"""The host's side of the host link: reads and writes that arrive whatever the line does to them."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tilewright.board.link_protocol import (
    INFORMATION_WORDS,
    MAGIC,
    MOST_BYTES,
    READ_WINDOW,
    WRITE_WINDOW,
    Space,
    Status,
)
from tilewright.errors import TilewrightError

from .link_frames import Request, Response, Unframer, frame

__all__ = ["BoardInformation", "Line", "Link", "LinkError"]

TRIES = 5
CYCLES_OFFSET = 4 * (INFORMATION_WORDS - 1)


class LinkError(TilewrightError):
    """The board does not answer, or not as it should."""


class Line(Protocol):
    """A serial line."""

    def send(self, data: bytes) -> None:
        """Send all bytes; raise `LinkError` if the line takes none for long."""

    def receive(self, seconds: float) -> bytes:
        """Return what has come, at the latest after so long; maybe nothing."""

    def close(self) -> None:
        """Leave it to others."""


@dataclass(frozen=True)
class BoardInformation:
    """What the board says about itself: its clock, its memory, and which design it is."""

    clock_hz: int
    memory: range
    identity: int


class Link:
    """Reads and writes over a line that may lose and garble bytes.

    Requests go out while responses to earlier ones are due, up to the device's window. After anything unexpected
    nothing more is sent until all responses have come or are late; then everything from the first request without a
    response is sent again, which the device knows to do once only.

    Parameters
    ----------
    line : Line
    patience : float
        Seconds of silence after which responses are lost.
    clock : callable
        Returns the time in seconds.

    Members
    -------
    interrupt : bool
        Whether the last response said that the interrupt is raised.
    repeated : int
        Requests that were sent again, so far.
    """

    def __init__(self, line: Line, patience: float = 0.5, clock: Callable[[], float] = time.monotonic):
        self.line = line
        self.patience = patience
        self.clock = clock
        self.interrupt = False
        self.repeated = 0
        self._sequence = random.randrange(256)
        self._unframer = Unframer()
        self._responses: list[Response] = []

    def synchronize(self) -> BoardInformation:
        """Begin: whatever was going on before, the device answers this. Return what the board says.

        Raises
        ------
        LinkError
            If nothing answers, or something else than a board of this project.
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
            raise LinkError("what answers speaks another protocol, or the baud rate is wrong: see --baud")
        raise LinkError(
            f"nothing answers within {TRIES * self.patience:g} s: is the bitstream loaded (tilewright program), the "
            "port the board's, and the baud rate (--baud) that of the bitstream?"
        )

    def read(self, space: Space, address: int, size: int) -> bytes:
        """Return bytes of a space.

        Raises
        ------
        LinkError
            If responses stay away, or the bus of the board answers with an error.
        """
        requests = [
            Request(space, address + start, min(MOST_BYTES, size - start)) for start in range(0, size, MOST_BYTES)
        ]
        return b"".join(self._transfer(requests, READ_WINDOW, f"reading {size} bytes at {address:#x}"))

    def write(self, space: Space, address: int, data: bytes) -> None:
        """Put bytes into a space.

        Raises
        ------
        LinkError
            As `read`.
        """
        requests = [
            Request(space, address + start, len(part), part)
            for start in range(0, len(data), MOST_BYTES)
            for part in [data[start : start + MOST_BYTES]]
        ]
        self._transfer(requests, WRITE_WINDOW, f"writing {len(data)} bytes at {address:#x}")

    def cycles(self) -> int:
        """Return the clock cycles since the board's reset, modulo 2**32."""
        return int.from_bytes(self.read(Space.INFORMATION, CYCLES_OFFSET, 4), "little")

    def _transfer(self, requests: Sequence[Request], window: int, step: str) -> list[bytes]:
        """Have all requests executed in order; return the data of each."""
        results: list[bytes] = []
        silences = 0
        while len(results) < len(requests):
            before = len(results)
            self._round(requests, results, window, step)
            silences = 0 if len(results) > before else silences + 1
            if silences == TRIES:
                done = f"{len(results)} of {len(requests)} frames done"
                raise LinkError(f"{step} stalled, {done}: no answer in {TRIES} tries; is the board still plugged in?")
        return results

    def _round(self, requests: Sequence[Request], results: list[bytes], window: int, step: str) -> None:
        """Send, and take responses, until all is done or something is wrong and everything sent has been answered."""
        first, sequence = len(results), self._sequence
        sent = answered = 0
        good = True
        while True:
            while good and first + sent < len(requests) and sent - answered < window:
                self.line.send(frame(requests[first + sent].payload((sequence + sent) % 256)))
                sent += 1
            if answered == sent:
                return
            response = self._response()
            if response is None:
                self.repeated += sent - (len(results) - first)
                return
            self.interrupt = response.interrupt
            answered += 1
            request = requests[len(results)] if len(results) < first + sent else None
            executed = response.status in (Status.OKAY, Status.BUS_ERROR)
            if request and executed and response.sequence == self._sequence and _complete(request, response):
                if response.status is Status.BUS_ERROR:
                    self._sequence = (self._sequence + 1) % 256
                    raise LinkError(f"{step}: the board's bus answered with an error")
                if response.status is Status.OKAY:
                    results.append(response.data)
                    self._sequence = (self._sequence + 1) % 256
            elif response.status is Status.REFUSED and response.sequence == self._sequence:
                raise LinkError(f"{step}: the board refused the request: its link is of another version")
            else:
                good = False
                answered = min(answered, sent)

    def _response(self) -> Response | None:
        """The next response, or None after a silence."""
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


def _complete(request: Request, response: Response) -> bool:
    return len(response.data) == (0 if request.data is not None else request.count)


def _information(data: bytes) -> BoardInformation:
    magic, clock, base, size, identity, _ = (
        int.from_bytes(data[n : n + 4], "little") for n in range(0, 4 * INFORMATION_WORDS, 4)
    )
    if magic != MAGIC:
        raise LinkError(f"the board's link is of version {magic:#010x}, this host knows {MAGIC:#010x}")
    return BoardInformation(clock, range(base, base + size), identity)
