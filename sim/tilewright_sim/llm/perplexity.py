"""What int8 costs: perplexity of the float model and of the int8 network on the same text."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .float_model import FloatModel
from .golden_model import GoldenModel
from .llama import Source
from .quantize import Int8Model

__all__ = ["Perplexity", "measure_perplexity", "public_text"]

Progress = Callable[[str, int, int], None]
"""Is told what is done, how much of it, and how much there is."""


@dataclass(frozen=True)
class Perplexity:
    """Perplexities on a text.

    Parameters
    ----------
    tokens : int
        Tokens that were predicted.
    window : int
        The text is cut into parts of so many tokens, each read on its own.
    of_float, of_int8 : float
    """

    tokens: int
    window: int
    of_float: float
    of_int8: float

    @property
    def cost(self) -> float:
        """By which share int8 raises the perplexity."""
        return self.of_int8 / self.of_float - 1


def public_text() -> str:
    """Return the text of the project, which is in the public domain: see ``texts/README.md``."""
    return (Path(__file__).parent / "texts" / "founding.txt").read_text(encoding="utf-8")


def measure_perplexity(
    source: Source, model: Int8Model, tokens: list[int], window: int = 512, progress: Progress | None = None
) -> Perplexity:
    """Return the perplexity of a model in float32 and of its int8 network, both in numpy.

    The first token of each window is given; all others are predicted from those before.
    """
    told = progress or (lambda what, done, total: None)
    windows = [tokens[start : start + window] for start in range(0, len(tokens), window)]
    windows = [part for part in windows if len(part) > 1]
    count = sum(len(part) - 1 for part in windows)
    losses = {"int8": 0.0, "float": 0.0}
    for number, part in enumerate(windows):
        losses["int8"] += _loss(GoldenModel(model, len(part)).forward(part, logits="all"), part)
        told("int8", number + 1, len(windows))
    answers = FloatModel(source).forward(windows, lambda done, total: told("float", done, total))
    for logits, part in zip(answers, windows, strict=True):
        losses["float"] += _loss(logits, part)
    return Perplexity(count, window, math.exp(losses["float"] / count), math.exp(losses["int8"] / count))


def _loss(logits: NDArray[np.float32], tokens: list[int]) -> float:
    """Sum of the negative logarithms of the probabilities of all tokens but the first."""
    total = 0.0
    for row, token in zip(logits[:-1], tokens[1:], strict=True):
        values = row.astype(np.float64)
        largest = values.max()
        total += largest + math.log(np.exp(values - largest).sum()) - values[token]
    return total
