"""Parameters of the simulated memory behind the bus."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np

from tilewright.base import TilewrightError

__all__ = ["CHANNELS", "MemoryModel"]


CHANNELS = ("AR", "R", "AW", "W", "B")


@dataclass(frozen=True, kw_only=True)
class MemoryModel:
    """Timing and addresses of the memory behind the bus.

    Parameters
    ----------
    latency : int
        Cycles between the acceptance of a read address and the first beat: with 0, the beat is in the next cycle.
        Reads are pipelined.
    write_latency : int or None
        The same from a write's last beat to its response; `latency` if None.
    bandwidth : Fraction or float
        Beats per cycle, of reads and of writes each, at most 1.
    shared : bool
        Whether reads and writes share that bandwidth, as with a memory of one port.
    stall : float or mapping of a channel (AR, R, AW, W, B) to float
        Probability that a channel pauses in a cycle.
    outstanding : int
        Maximum number of bursts that the memory accepts at a time, of reads and of writes each.
    base, size : int
        Its address range; other addresses get the response DECERR. Unused parts take no memory of the host.
    seed : int
        Seed of the stalls.
    """

    latency: int = 0
    write_latency: int | None = None
    bandwidth: Fraction | float = 1
    shared: bool = False
    stall: float | Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    outstanding: int = 64
    base: int = 0
    size: int = 1 << 30
    seed: int = 0

    def __post_init__(self):
        self._check_number("bandwidth", self.bandwidth, 0.0001, 1, "beats per cycle")
        for name in ("latency", "write_latency"):
            if name == "latency" or self.write_latency is not None:
                self._check_whole(name, 0, 1_000_000, "cycles")
        self._check_whole("outstanding", 1, 1024, "bursts")
        self._check_whole("size", 4096, 1 << 40, "bytes")
        self._check_whole("base", 0, (1 << 64) - 4096, "in bytes")
        self._check_whole("seed", 0, (1 << 64) - 1, "")
        if self.base % 4096:
            raise TilewrightError(f"base = {self.base:#x}: must be a multiple of 4096")
        for channel, probability in self.stalls.items():
            if channel not in CHANNELS:
                raise TilewrightError(f"stall: there is no channel {channel!r}; they are {', '.join(CHANNELS)}")
            self._check_number("stall", probability, 0, 0.99, "")

    def _check_whole(self, name: str, low: int, high: int, unit: str) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not low <= value <= high:
            raise TilewrightError(f"{name} = {value!r}: must be a whole number, {low} to {high} {unit}".rstrip())

    @staticmethod
    def _check_number(name: str, value: Any, low: float, high: float, unit: str) -> None:
        if isinstance(value, bool) or not isinstance(value, Real) or not low <= float(value) <= high:
            raise TilewrightError(f"{name} = {value!r}: must be {low} to {high} {unit}".rstrip())

    @property
    def stalls(self) -> dict[str, float]:
        """The probability of a pause, by channel."""
        if isinstance(self.stall, Mapping):
            return dict(self.stall)
        return dict.fromkeys(CHANNELS, self.stall)

    @property
    def slowdown(self) -> float:
        """Average number of cycles per beat, on the slowest channel."""
        share = float(self.bandwidth) / (2 if self.shared else 1)
        return 1 / (share * (1 - max(self.stalls.values(), default=0)))
