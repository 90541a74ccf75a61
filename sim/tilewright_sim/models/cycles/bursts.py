"""The bursts of one direction of the bus."""

import math
from collections import deque
from collections.abc import Iterator

from tilewright.accelerator.contract import AcceleratorConfig

from .shape import Bus

__all__ = ["NEVER", "Bursts"]

SINGLE = 2  # cycles between bursts of one beat that are written
NEVER = math.inf


class Bursts:
    """One direction of the bus: addresses, beats, and a limited number of bursts in flight."""

    def __init__(self, config: AcceleratorConfig, bus: Bus, slot: float):
        self.max_burst = min(config.max_burst, 4096 // config.word_bytes)
        self.latency = bus.latency
        self.beat = 1 / bus.bandwidth
        self.slot = slot
        self.address = 0.0
        self.data = 0.0
        self.flights = deque([-NEVER] * config.outstanding)

    def row(self, start: int, beats: int, ready: float) -> float:
        """Read a row that begins at this word; return the cycle of its last beat."""
        for _ in self.parts(start, beats, ready):
            pass
        return self.data

    def parts(self, start: int, beats: int, ready: float) -> Iterator[tuple[float, int]]:
        """Read a row that begins at this word; yield the cycle of each burst's first beat, and its beats."""
        while beats:
            size = min(beats, self.max_burst - start % self.max_burst)
            self.address = max(self.address + 1, ready, self.flights.popleft() + self.slot)
            first = max(self.address + 1 + self.latency, self.data + self.beat)
            self.data = first + (size - 1) * self.beat
            self.flights.append(self.data)
            yield first, size
            start += size
            beats -= size

    def write(self, start: int, beats: int, ready: float) -> float:
        """Write a row whose last word is available; return the cycle of its last beat."""
        while beats:
            size = min(beats, self.max_burst - start % self.max_burst)
            self.address = max(self.address + (1 if size > 1 else SINGLE), ready, self.flights.popleft() + self.slot)
            self.data = max(self.address, self.data + self.beat) + (size - 1) * self.beat
            self.flights.append(self.data + 1 + self.latency)
            start += size
            beats -= size
        return self.data
