"""The protocol of the host link, in one place for the hardware and the host.

**Line.** 8 data bits, no parity, 1 stop bit, no flow control. The device speaks only when it is asked.

**Frames.** The bytes of a frame are COBS-encoded, so that none of them is zero, and a zero byte goes before and after
each. Whatever has been lost or garbled, the next zero begins a new frame; empty frames are ignored. The last four
bytes of a frame, before encoding, are the CRC-32 of the others (that of zlib and Ethernet), least byte first. A frame
with a wrong CRC, a missing stop bit, or too many bytes does nothing.

**Request**, from the host:

====== =========== =====================================================================================
offset field       meaning
====== =========== =====================================================================================
0      operation   bits: see `WRITE`, `SPACE_LOW`, `SYNCHRONIZE`
1      sequence    number of the request, modulo 256
2      count       bytes to read or write, 1 to `MAX_BYTES`
3      address     4 bytes, least first: of the first byte, in the space
7      data        of a write: ``count`` bytes
====== =========== =====================================================================================

**Response**, from the device, to each frame that came with a good CRC; and to a bad one, with the sequence of the
request before it:

======== =========== ===================================================================================
offset   field       meaning
======== =========== ===================================================================================
0        sequence    of the request
1        expected    the sequence of the next request that the device will execute
2        data        of a read that was executed: ``count`` bytes
last     status      bits 0 to 2: a `Status`; bit 7: the accelerator's interrupt is raised
======== =========== ===================================================================================

**Order.** The device executes a request whose sequence is the expected one, and expects the next then; a request with
`SYNCHRONIZE` is always the expected one. A request of up to `REPEATS` before is repeated by a host that missed the
response: a read is done again, a write is not, and its response has the status of the last write that was. Any other
sequence is answered OUT_OF_ORDER and does nothing. So every write is done once and in order, whatever is lost.

**Buffers.** The device keeps four requests, one of which it executes, and builds one response while it sends the one
before. So a host may have `READ_WINDOW` reads in flight, or `WRITE_WINDOW` writes, which are done faster than they
come.

**Spaces.** Memory; the registers of `tilewright.accelerator.registers`; and information about the board, in words of
4 bytes:

====== ==========================================================================
offset word
====== ==========================================================================
0x00   `MAGIC`
0x04   frequency of the clock in Hz
0x08   address of the first byte of memory
0x0C   bytes of memory
0x10   identity of the design: `design_identity`
0x14   clock cycles since reset, modulo 2**32
====== ==========================================================================
"""

import zlib
from enum import IntEnum

__all__ = [
    "BAUD",
    "CRC_BYTES",
    "HEADER_BYTES",
    "INFORMATION_WORDS",
    "MAGIC",
    "MAX_BYTES",
    "READ_WINDOW",
    "REPEATS",
    "SPACE_LOW",
    "SYNCHRONIZE",
    "WRITE",
    "WRITE_WINDOW",
    "Space",
    "Status",
    "design_identity",
]

BAUD = 1_000_000
"""The baud rate of the boards' presets unless they say otherwise."""
MAGIC = 0x5457_4C01
"""The letters TWL and the version of the protocol."""
HEADER_BYTES = 7
CRC_BYTES = 4
MAX_BYTES = 240
"""Data bytes of a frame: a frame then has at most 251, and no run without zeros is too long for COBS."""
REPEATS = 16
READ_WINDOW = 4
WRITE_WINDOW = 8

WRITE = 1 << 0
"""Bit of an operation: write; otherwise read."""
SPACE_LOW = 1
"""The lowest of the two bits of an operation that hold the `Space`."""
SYNCHRONIZE = 1 << 3
"""Bit of an operation: whatever sequence the device expected, it is this one's."""
INFORMATION_WORDS = 6


class Space(IntEnum):
    """The address spaces."""

    MEMORY = 0
    REGISTERS = 1
    INFORMATION = 2


class Status(IntEnum):
    """The result of a request."""

    OKAY = 0
    BUS_ERROR = 1
    GARBLED = 2
    OUT_OF_ORDER = 3
    REFUSED = 4


def design_identity(text: str) -> int:
    """Return the 32 bits that tell one design from another: the CRC-32 of its board and configuration as text."""
    return zlib.crc32(text.encode())
