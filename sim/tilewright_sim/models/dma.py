"""The golden model of the DMA engines: the data of a request, written from the specification, in plain Python."""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Request", "bursts", "failure", "read_words", "row_addresses", "word_count", "write_bytes"]


@dataclass(frozen=True)
class Request:
    """``rows`` rows of ``bytes`` bytes; row n starts at ``address + n * stride``."""

    address: int
    bytes: int
    rows: int = 1
    stride: int = 0


def row_addresses(request: Request) -> Iterator[int]:
    """Yield the address of each row's first byte, ignoring the end of the address space."""
    return (request.address + row * request.stride for row in range(request.rows))


def failure(request: Request, *, word_bytes: int, addr_bits: int, unaligned: bool = False) -> str:
    """Return the cause, a name of `tilewright.dma.config.Cause`, if a request fails on a memory without errors."""
    if not request.bytes or not request.rows:
        return "EMPTY"
    if not unaligned and (request.address % word_bytes or request.stride % word_bytes):
        return "MISALIGNED"
    if max(row_addresses(request)) + request.bytes > 1 << addr_bits:
        return "WRAPPED"
    return "NONE"


def word_count(request: Request, *, word_bytes: int) -> int:
    """Return the number of words on the stream."""
    return request.rows * -(-request.bytes // word_bytes)


def read_words(request: Request, memory, *, word_bytes: int) -> list[tuple[int, bool, bool]]:
    """Yield the words of a valid request: value, whether it ends its row, whether it ends the request.

    ``memory`` holds one byte for each address. Bytes beyond a row's end are zero.
    """
    words = []
    for address in row_addresses(request):
        row = bytes(memory[address : address + request.bytes])
        starts = range(0, len(row), word_bytes)
        words += [(int.from_bytes(row[s : s + word_bytes], "little"), s == starts[-1], False) for s in starts]
    if words:
        words[-1] = (*words[-1][:2], True)
    return words


def write_bytes(request: Request, words: list[int], *, word_bytes: int) -> list[tuple[int, int]]:
    """Yield address and value of the bytes that a valid request writes, in order."""
    row_words = -(-request.bytes // word_bytes)
    written = []
    for row, address in enumerate(row_addresses(request)):
        chunk = words[row * row_words : (row + 1) * row_words]
        row_bytes = b"".join(word.to_bytes(word_bytes, "little") for word in chunk)[: request.bytes]
        written += [(address + n, byte) for n, byte in enumerate(row_bytes)]
    return written


def bursts(request: Request, *, word_bytes: int, burst_words: int) -> Iterator[tuple[int, int, bool]]:
    """Yield the bursts of a request: address of the first byte, bytes, whether it ends its row.

    No burst crosses a multiple of ``burst_words`` words. The end of the address space is ignored.
    """
    span = word_bytes * burst_words
    for row in row_addresses(request):
        address, end = row, row + request.bytes
        while address < end:
            upto = min(end, (address // span + 1) * span)
            yield address, upto - address, upto == end
            address = upto
