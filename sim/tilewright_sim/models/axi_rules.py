"""The rules of AXI4 that a manager keeps, checked cycle by cycle; ``axi_memory.hpp`` does it for verilated designs."""

from collections.abc import Hashable

__all__ = ["AxiRules"]

BOUNDARY_BYTES = 4096
INCR = 1


class AxiRules:
    """Check what a manager offers on its channels; a broken rule is an AssertionError.

    An offer stays unchanged until it is accepted, and a burst is INCR, of whole aligned words, has identifier 0 and
    stays within 4 KiB and within the address space.

    Parameters
    ----------
    word_bytes : int
        Bytes of a bus word.
    max_burst : int
        Beats in the longest burst.
    outstanding : int or None
        Bursts that may be in flight on an address channel; any number by default.
    addr_bits : int
        Width of an address.

    Attributes
    ----------
    in_flight : dict of int
        Bursts in flight, by address channel.
    """

    def __init__(self, word_bytes: int, *, max_burst: int = 256, outstanding: int | None = None, addr_bits: int = 64):
        self.word_bytes, self.max_burst, self.outstanding, self.addr_bits = (
            word_bytes,
            max_burst,
            outstanding,
            addr_bits,
        )
        self.forget()

    def forget(self) -> None:
        """Start anew, as after a reset."""
        self.in_flight: dict[str, int] = {}
        self._held: dict[str, Hashable] = {}

    def transfer(self, channel: str, valid: bool | int, ready: bool | int, payload: Hashable) -> bool:
        """Check a channel in one cycle; return whether its payload is accepted."""
        if channel in self._held:
            assert valid, f"{channel}: an offer was withdrawn"
            assert self._held.pop(channel) == payload, f"{channel}: an offer was changed"
        if valid and not ready:
            self._held[channel] = payload
        return bool(valid and ready)

    def begin(self, channel: str, address: int, length: int, size: int, burst: int, identifier: int = 0) -> int:
        """Check a burst whose address was accepted, and count it as in flight; return its number of beats."""
        word = self.word_bytes
        assert 1 << size == word, f"{channel}: not a burst of whole words"
        assert burst == INCR, f"{channel}: not an INCR burst"
        assert identifier == 0, f"{channel}: identifier {identifier}"
        assert address % word == 0, f"{channel}: address {address:#x} is unaligned"
        assert length < self.max_burst, f"{channel}: a burst of {length + 1} beats"
        last = address + (length + 1) * word - 1
        assert address // BOUNDARY_BYTES == last // BOUNDARY_BYTES, f"{channel}: burst at {address:#x} passes 4 KiB"
        assert last < 1 << self.addr_bits, f"{channel}: the burst at {address:#x} wraps"
        count = self.in_flight[channel] = self.in_flight.get(channel, 0) + 1
        assert self.outstanding is None or count <= self.outstanding, f"{channel}: {count} bursts are outstanding"
        return length + 1

    def end(self, channel: str) -> None:
        """The last beat or the response of the oldest burst was accepted."""
        self.in_flight[channel] -= 1
