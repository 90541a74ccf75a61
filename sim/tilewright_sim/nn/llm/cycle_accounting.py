"""Accounting of the chip's cycles by phase and kind of layer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig
from tilewright_sim.host import DeviceArray, RunResult

__all__ = ["KINDS", "LINEAR", "VECTOR", "Account", "Product", "Rows", "Tally", "Work"]

KINDS = {
    "qkv": "queries, keys, values",
    "scores": "queries · keys",
    "mixed": "probabilities · values",
    "output": "attention output",
    "gate_up": "gate and up",
    "down": "down",
    "logits": "output layer",
    "norm": "norms",
    "rotate": "rotary embedding",
    "softmax": "softmax",
    "gate": "SiLU of the gate, times up",
    "add": "residuals and biases",
    "token": "whole tokens and prompts",
}
"""Kinds of submissions, and their titles; all is in the last one if nothing is left to the host."""
LINEAR = ("qkv", "output", "gate_up", "down")
"""The linear layers, which multiply weights with all tokens."""
VECTOR = ("norm", "rotate", "softmax", "gate", "add")
"""Operations of the vector engine, if it runs them."""


class Work(Protocol):
    """What a descriptor does."""

    @property
    def macs(self) -> int:
        """Multiplications of the tile."""

    def read_words(self, word_bytes: int) -> int:
        """Return the minimum number of bus words to read, without the descriptor: each operand once."""


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

    @property
    def macs(self) -> int:
        return self.m * self.n * self.k

    def read_words(self, word_bytes: int) -> int:
        return self.m * math.ceil(self.a_bytes / word_bytes) + self.n * math.ceil(self.b_bytes / word_bytes)


class Rows(NamedTuple):
    """A vector operation of a submission: rows of x and of y, and the bytes of each."""

    x_rows: int
    x_bytes: int
    y_rows: int
    y_bytes: int

    @classmethod
    def of(cls, x: DeviceArray, y: DeviceArray | None) -> "Rows":
        """Return that of matrices in the device's memory."""
        sizes = [(part.shape[0], part.shape[1] * part.dtype.itemsize) if part else (0, 0) for part in (x, y)]
        return cls(*sizes[0], *sizes[1])

    @property
    def macs(self) -> int:
        return 0

    def read_words(self, word_bytes: int) -> int:
        return self.x_rows * math.ceil(self.x_bytes / word_bytes) + self.y_rows * math.ceil(self.y_bytes / word_bytes)


@dataclass
class Tally:
    """Sums over submissions.

    Parameters
    ----------
    cycles : int
        From doorbell to interrupt.
    words : int
        Minimum number of bus words to read: operands and descriptors, each once.
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
    on : str
        Where the cycles come from: ``simulator``, ``board``, or ``model`` if the cycle model estimates them.
    """

    config: AcceleratorConfig
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    on: str = "simulator"
    _unfinished: list[tuple[tuple[str, str], Tally]] = field(default_factory=list)

    def read(self, phase: str, tokens: int, seconds: float) -> None:
        """Count tokens that have been read; all submissions so far belong to them."""
        self._unfinished.clear()
        self.tokens[phase] = self.tokens.get(phase, 0) + tokens
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def add(self, phase: str, kind: str, work: Sequence[Work], run: RunResult) -> None:
        """Count one submission."""
        word = self.config.word_bytes
        tally = Tally(
            run.cycles,
            sum(one.read_words(word) + math.ceil(DESCRIPTOR_BYTES / word) for one in work),
            sum(one.macs for one in work),
            1,
            run.descriptors,
            run.seconds,
        )
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
