"""Allocation of the device's memory."""

import threading
from bisect import insort

from tilewright.base import TilewrightError

__all__ = ["ALIGNMENT", "Allocator", "OutOfMemoryError"]

ALIGNMENT = 4096
"""Default alignment in bytes: bursts are cut at multiples of it, so few rows need another burst."""


class OutOfMemoryError(TilewrightError):
    """No gap in the device's memory is large enough."""


class Allocator:
    """A first-fit allocator of address ranges; may be called from any thread.

    Parameters
    ----------
    memory : range
        The addresses to allocate.
    """

    def __init__(self, memory: range):
        self.memory = memory
        self._gaps: list[tuple[int, int]] = [(memory.start, memory.stop)] if len(memory) else []
        self._taken: dict[int, int] = {}
        self._lock = threading.Lock()

    @property
    def free_bytes(self) -> int:
        """Total number of free bytes, in one gap or in several."""
        return sum(end - start for start, end in self._gaps)

    def allocate(self, size: int, alignment: int = ALIGNMENT) -> int:
        """Return the address of ``size`` bytes (at least 1), a multiple of ``alignment``, a power of two.

        Raises
        ------
        OutOfMemoryError
            If no gap is large enough.
        """
        if size < 1 or alignment < 1 or alignment & alignment - 1:
            raise ValueError(f"cannot allocate {size} bytes aligned to {alignment}")
        with self._lock:
            return self._allocate(size, alignment)

    def _allocate(self, size: int, alignment: int) -> int:
        for place, (start, end) in enumerate(self._gaps):
            address = start + -start % alignment
            if address + size > end:
                continue
            self._gaps[place : place + 1] = [
                gap for gap in ((start, address), (address + size, end)) if gap[0] < gap[1]
            ]
            self._taken[address] = size
            return address
        raise OutOfMemoryError(
            f"no {size:,} bytes in one piece are free in the device's memory of {len(self.memory):,} bytes "
            f"({self.free_bytes:,} are free in all): free arrays, or give it more memory"
        )

    def free(self, address: int) -> None:
        """Free the range that `allocate` returned at this address."""
        with self._lock:
            if address not in self._taken:
                raise ValueError(f"nothing is allocated at {address:#x}")
            insort(self._gaps, (address, address + self._taken.pop(address)))
            merged: list[tuple[int, int]] = []
            for start, end in self._gaps:
                if merged and merged[-1][1] == start:
                    start = merged.pop()[0]  # noqa: PLW2901  # the two become one
                merged.append((start, end))
            self._gaps = merged
