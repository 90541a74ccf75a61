"""Encoding and decoding of the frames of the host link on the host's side; see `tilewright.link.protocol`."""

import zlib
from dataclasses import dataclass

from tilewright.link import CRC_BYTES, SPACE_LOW, SYNCHRONIZE, WRITE, Space, Status

__all__ = ["Request", "Response", "Unframer", "cobs", "frame", "uncobs"]


def cobs(data: bytes) -> bytes:
    """Encode ``data`` without zeros (COBS): each run of bytes before a zero is preceded by its length plus one."""
    out = bytearray()
    for run in data.split(b"\0"):
        whole = len(run) // 254 * 254
        for start in range(0, whole, 254):
            out += b"\xff" + run[start : start + 254]
        out += bytes([len(run) - whole + 1]) + run[whole:]
    return bytes(out)


def uncobs(data: bytes) -> bytes | None:
    """Decode the result of `cobs`; None if ``data`` is not a valid encoding."""
    out, place = bytearray(), 0
    while place < len(data):
        code = data[place]
        run = data[place + 1 : place + code]
        if code == 0 or len(run) != code - 1 or 0 in run:
            return None
        out += run
        place += code
        if code < 255 and place < len(data):
            out.append(0)
    return bytes(out) if data else None


def frame(payload: bytes) -> bytes:
    """Return the frame of a payload: payload and CRC, encoded, between zeros."""
    return b"\0" + cobs(payload + zlib.crc32(payload).to_bytes(CRC_BYTES, "little")) + b"\0"


class Unframer:
    """Finds valid frames in the bytes from the line.

    Members
    -------
    bad : int
        Invalid frames so far: with a wrong CRC or an invalid encoding.
    """

    def __init__(self) -> None:
        self.bad = 0
        self._open = bytearray()

    def push(self, data: bytes) -> list[bytes]:
        """Return the payloads of the frames that end in these bytes."""
        payloads = []
        *ended, rest = data.split(b"\0")
        for part in ended:
            self._open += part
            if self._open:
                whole = uncobs(bytes(self._open))
                if whole is None or len(whole) < CRC_BYTES or zlib.crc32(whole) != 0x2144DF1C:
                    self.bad += 1
                else:
                    payloads.append(whole[:-CRC_BYTES])
            self._open.clear()
        self._open += rest
        return payloads


@dataclass(frozen=True)
class Request:
    """A request: reads ``count`` bytes, or writes ``data``."""

    space: Space
    address: int
    count: int
    data: bytes | None = None
    synchronize: bool = False

    def payload(self, sequence: int) -> bytes:
        """Return the bytes of the request with this sequence number."""
        operation = self.space.value << SPACE_LOW
        operation |= (WRITE if self.data is not None else 0) | (SYNCHRONIZE if self.synchronize else 0)
        return bytes([operation, sequence, self.count]) + self.address.to_bytes(4, "little") + (self.data or b"")


@dataclass(frozen=True)
class Response:
    """A response; ``status`` is None if its number is unknown."""

    sequence: int
    expected: int
    data: bytes
    status: Status | None
    interrupt: bool

    @classmethod
    def of(cls, payload: bytes) -> "Response | None":
        """Return the response with these bytes, or None if there are too few."""
        if len(payload) < 3:
            return None
        number = payload[-1] & 7
        status = Status(number) if number in {status.value for status in Status} else None
        return cls(payload[0], payload[1], payload[2:-1], status, bool(payload[-1] & 0x80))
