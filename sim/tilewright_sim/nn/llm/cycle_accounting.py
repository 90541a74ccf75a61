"""Accounting of the chip's cycles by phase and kind of layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig
from tilewright_sim.host import DeviceArray, RunResult

__all__ = ["KINDS", "LINEAR", "Account", "Product", "Tally"]

KINDS = {
    "qkv": "queries, keys, values",
    "scores": "queries · keys",
    "mixed": "probabilities · values",
    "output": "attention output",
    "gate_up": "gate and up",
    "down": "down",
    "logits": "output layer",
}
"""Kinds of submissions, and their titles."""
LINEAR = ("qkv", "output", "gate_up", "down")
"""The linear layers, which multiply weights with all tokens."""


class Product(NamedTuple):
    """A product of a submission: its sizes, and the bytes of a row of A and of B."""

    m: int
    n: int
    k: int
    a_bytes: int
    b_bytes: int

    @classmethod
    def of(cls, a: DeviceArray, b: DeviceArray) -> "Product":
        """Return that of two matrices in the device's memory."""
        return cls(a.shape[0], b.shape[0], a.k, *(x.shape[1] * x.dtype.itemsize for x in (a, b)))


@dataclass
class Tally:
    """Sums over submissions.

    Parameters
    ----------
    cycles : int
        From doorbell to interrupt.
    words : int
        Minimum number of bus words to read: A, B and descriptors, each once.
    macs : int
    submissions, descriptors : int
    seconds : float
        Wall-clock time in the simulator.
    """

    cycles: int = 0
    words: int = 0
    macs: int = 0
    submissions: int = 0
    descriptors: int = 0
    seconds: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, name) - getattr(other, name) for name in self.__dataclass_fields__))


@dataclass
class Account:
    """All submissions of a conversation.

    Parameters
    ----------
    config : AcceleratorConfig
    tallies : dict
        `Tally` by phase (``"prefill"`` or ``"decode"``) and kind (of `KINDS`).
    tokens : dict
        Tokens read, by phase.
    seconds : dict
        Wall-clock time by phase, including the host's work.
    """

    config: AcceleratorConfig
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    _unfinished: list[tuple[tuple[str, str], Tally]] = field(default_factory=list)

    def read(self, phase: str, tokens: int, seconds: float) -> None:
        """Count tokens that have been read; all submissions so far belong to them."""
        self._unfinished.clear()
        self.tokens[phase] = self.tokens.get(phase, 0) + tokens
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def add(self, phase: str, kind: str, products: Sequence[Product], run: RunResult) -> None:
        """Count one submission."""
        word = self.config.word_bytes
        tally = Tally(
            run.cycles,
            sum(one.m * math.ceil(one.a_bytes / word) + one.n * math.ceil(one.b_bytes / word)
                + math.ceil(DESCRIPTOR_BYTES / word) for one in products),
            sum(one.m * one.n * one.k for one in products),
            1,
            run.descriptors,
            run.seconds,
        )  # fmt: skip
        self.tallies[phase, kind] = self.tallies.get((phase, kind), Tally()) + tally
        self._unfinished.append(((phase, kind), tally))

    def drop_unfinished(self) -> None:
        """Drop the submissions of unfinished tokens."""
        for key, tally in self._unfinished:
            self.tallies[key] -= tally
        self._unfinished.clear()

    def total(self, phase: str | None = None, kinds: Sequence[str] = tuple(KINDS)) -> Tally:
        """Return the sum over kinds, of one phase or both."""
        chosen = (tally for (of, kind), tally in self.tallies.items() if kind in kinds and phase in (None, of))
        return sum(chosen, Tally())

    def bus_share(self, tally: Tally) -> float:
        """Return the share of the bus roofline: the minimum number of bus words divided by the cycles."""
        return tally.words / max(tally.cycles, 1)

    def busy(self, tally: Tally) -> float:
        """Return the average share of the multipliers that work, from 0 to 1."""
        return tally.macs / (self.config.tile.rows * self.config.tile.cols * max(tally.cycles, 1))
