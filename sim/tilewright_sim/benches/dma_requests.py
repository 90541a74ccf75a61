"""Requests for the benches of the DMA engines, and their expected results."""

from dataclasses import dataclass, field

from tilewright_sim.models import Request
from tilewright_sim.models import dma as dma_model

from . import setup

CAUSES = {"NONE": 0, "MISALIGNED": 1, "SLVERR": 2, "DECERR": 3, "WRAPPED": 4, "EMPTY": 6, "ABORTED": 7}
ABORTED = CAUSES["ABORTED"]
_ERRORS = ((0x2800, 0x2840, 2), (0x5FC0, 0x6000, 3), (0x9000, 0x9040, 2))
"""Start, end (exclusive) and response of each range of addresses with errors."""


@dataclass(frozen=True)
class Moved:
    """Expected result of a request: its bursts and words, and the cause and the address that it reports."""

    bursts: list = field(repr=False)
    words: list = field(repr=False)
    cause: int
    address: int
    alive: int
    """Number of bursts before the failing one, plus 1 if that one reaches the bus."""


def memory_size(config):
    """Return the size in bytes of the memory of the bench."""
    return 1 << min(16, config.addr_bits)


def errors(config):
    """Return the ranges of addresses with errors that lie within the memory."""
    return tuple(error for error in _ERRORS if error[1] <= memory_size(config))


def random_request(chance, config, *, faulty=False, where=None):
    """Return a request with sizes of all magnitudes, often at an edge of a 4 KiB block, sometimes faulty."""
    word = config.word_bytes
    grain = 1 if config.unaligned else word
    span = config.burst_words * word
    longest = setup.longest(min(3 * span, 160 * word))
    rows = chance.choice([1, 1, 2, 5])
    length = chance.choice([1, word, span, span + 1, longest, *(1 << n for n in range(longest.bit_length()))])
    length = max(1, min(length + chance.choice([0, 0, -1, 1, -word, word]), longest) // (rows if rows > 2 else 1))
    base = 0x1000 * chance.randrange(min(14, memory_size(config) // 0x1000 - 2)) if where is None else where
    address = max(0, base + (chance.randrange(-16, 16) if chance.random() < 0.7 else 64) * grain)
    if chance.random() < 0.2:
        address = base + (-length) % 0x1000 // grain * grain  # ends at an edge or just before it
    stride = chance.choice([0, 1, chance.randrange(1024 // grain), 1024 // grain]) * grain
    request = _possible(config, Request(address, length, rows, stride))
    if faulty and chance.random() < 0.4:
        return chance.choice(faults(chance, config, request))
    return request


def _possible(config, request):
    """Return the request, reduced to the widths of its fields and to the address space."""
    grain, end = 1 if config.unaligned else config.word_bytes, 1 << config.addr_bits
    rows, length, stride = (
        min(value, (1 << bits) - 1) // part * part
        for value, bits, part in (
            (request.rows, config.rows_bits, 1),
            (request.bytes, config.length_bits, 1),
            (request.stride, config.stride_bits, grain),
        )
    )
    if length + (rows - 1) * stride > end:
        rows = 1
    address = min(request.address, (end - length - (rows - 1) * stride) // grain * grain)
    return Request(address, length, rows, stride)


def faults(chance, config, request):
    """Return variants of a request with one fault each, of the kinds that the configuration can express."""
    word, unaligned, end = config.word_bytes, config.unaligned, 1 << config.addr_bits
    address, length, rows, stride = request.address, request.bytes, request.rows, request.stride
    top = end - chance.randrange(1, 12) * (word // 2 if unaligned else word)
    wide = 5 * word if 5 * word < 1 << config.stride_bits else 0
    found = [
        Request(address, 0, rows, stride),
        Request(address, length, 0, stride),
        Request(top, length),
        Request(top, length, min(3, (1 << config.rows_bits) - 1), wide),
    ]
    if not unaligned:
        found += [Request(address | 1, length, rows, stride), Request(address, length, rows, stride | 1)]
    return found


def one_of_each(config):
    """Return a request for each possible kind of failure, and the set of their causes."""
    word, end, length = config.word_bytes, 1 << config.addr_bits, (1 << config.length_bits) - 1
    found = [Request(0, 0), *(Request(low, 1) for low, _, _ in errors(config))]
    causes = {CAUSES["EMPTY"], *(answer for _, _, answer in errors(config))}
    for name, request in (("MISALIGNED", Request(1, 1)), ("WRAPPED", Request(end - word, min(length, word + 1)))):
        if dma_model.failure(request, word_bytes=word, addr_bits=config.addr_bits, unaligned=config.unaligned) == name:
            found.append(request)
            causes.add(CAUSES[name])
    return found, causes


def response(config, address, size, failing):
    """Return the response to an access of ``size`` bytes; only a ``failing`` memory has errors."""
    start = address % memory_size(config)
    return next((r for low, high, r in errors(config) if failing and low < start + size and start < high), 0)


def expected_read(request, config, contents, failing):
    """Return the expected result of a read request; only a ``failing`` memory has errors."""
    word, end = config.word_bytes, 1 << config.addr_bits
    cause = dma_model.failure(request, word_bytes=word, addr_bits=config.addr_bits, unaligned=config.unaligned)
    if cause == "EMPTY":
        return Moved([], [], CAUSES[cause], request.address, 0)
    bursts = list(dma_model.bursts(request, word_bytes=word, burst_words=config.burst_words))
    failed, reported = (CAUSES[cause], request.address) if cause == "MISALIGNED" else (0, bursts[-1][0] // word * word)
    alive, data, words = (0 if failed else None), bytearray(), []
    for number, (address, size, row_last) in enumerate(bursts):
        for byte in range(address, address + size):
            start = byte // word * word
            if not failed:
                failed = CAUSES["WRAPPED"] if start >= end else response(config, start, word, failing)
                if failed:
                    reported = address % end if start >= end else address // word * word
                    alive = number + (start < end)
            data.append(0 if failed else contents[byte % len(contents)])
        if row_last:
            row = [data[n : n + word] for n in range(0, len(data), word)]
            words += [(int.from_bytes(part, "little"), n == len(row) - 1, False) for n, part in enumerate(row)]
            data.clear()
    words[-1] = (*words[-1][:2], True)
    return Moved(bursts, words, failed, reported, len(bursts) if alive is None else alive)


def expected_write(request, config, words, failing):
    """Return the expected result of a write request with the words of the stream that belong to it.

    Each of its ``bursts`` has an address, and the address and value of each byte.
    """
    word, end = config.word_bytes, 1 << config.addr_bits
    cause = dma_model.failure(request, word_bytes=word, addr_bits=config.addr_bits, unaligned=config.unaligned)
    if cause == "EMPTY":
        return Moved([], [], CAUSES[cause], request.address, 0)
    data = iter(dma_model.write_bytes(request, words, word_bytes=word))
    spans = list(dma_model.bursts(request, word_bytes=word, burst_words=config.burst_words))
    bursts = [(address // word * word, [next(data) for _ in range(size)]) for address, size, _ in spans]
    if cause == "MISALIGNED":
        return Moved(bursts, words, CAUSES[cause], request.address, 0)
    for number, (address, size, _) in enumerate(spans):
        start = address // word * word
        on_bus = -(-(address + size) // word) * word - start
        failed = CAUSES["WRAPPED"] if start >= end else response(config, start, on_bus, failing)
        if failed:
            return Moved(bursts, words, failed, start if start < end else address % end, number + (start < end))
    return Moved(bursts, words, 0, spans[-1][0] // word * word, len(bursts))


def consumed(log, parts):
    """Return whether ``log`` consists of the first entries of each part, as many as the part's two bounds allow."""
    positions = {0}
    for wanted, least, most in parts:
        reached = set()
        for start in positions:
            count = 0
            while count < min(most, len(wanted)) and log[start + count : start + count + 1] == [wanted[count]]:
                count += 1
            reached |= {start + n for n in range(least, count + 1)}
        positions = reached
    return len(log) in positions
