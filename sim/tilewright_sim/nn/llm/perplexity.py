"""The accuracy cost of int8: the int8 network against the float model, token by token, on the same texts."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn.importers import Source

from .float_model import FloatModel
from .golden_model import GoldenModel
from .quantize import Int8Model

__all__ = ["BATCH", "TEXTS", "Comparison", "Mean", "compare", "public_text"]

BATCH = 64
"""Number of tokens whose mean is one observation for the standard errors: adjacent tokens are not independent."""
TEXTS = {
    "memorised": ("founding.txt", "public-domain text that models have read many times"),
    "unseen": ("harbour.txt", "a story written for this project, which no model has read"),
}
"""The texts of the project: file and description."""

Progress = Callable[[str, int, int], None]
"""Called with the current step, the amount done and the total amount."""


@dataclass(frozen=True)
class Mean:
    """A mean over tokens and its standard error, from the means of batches of `BATCH` consecutive tokens."""

    value: float
    error: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Mean":
        """Return the mean of all values; the error ignores an incomplete last batch, and is nan below two batches."""
        count = len(values) // BATCH
        error = math.nan
        if count > 1:
            batches = values[: count * BATCH].reshape(count, BATCH).mean(axis=1)
            error = float(batches.std(ddof=1) / math.sqrt(count))
        return cls(float(values.mean()), error)

    def exp(self) -> "Mean":
        """The exponential of the mean, with its error to first order."""
        value = math.exp(self.value)
        return Mean(value, value * self.error)


@dataclass(frozen=True)
class Comparison:
    """The int8 network against the float model on one text.

    Parameters
    ----------
    tokens : int
        Number of tokens that were predicted.
    window : int
        Length in tokens of the parts of the text, which are read independently.
    of_float, of_int8 : Mean
        Perplexities.
    ratio : Mean
        Perplexity of int8 divided by that of float, from the differences for each token.
    divergence : Mean
        Kullback-Leibler divergence of the int8 prediction from the float one, in nats.
    equal_top : Mean
        Share of positions at which both have the same likeliest token.
    """

    tokens: int
    window: int
    of_float: Mean
    of_int8: Mean
    ratio: Mean
    divergence: Mean
    equal_top: Mean

    @property
    def cost(self) -> float:
        """Relative increase of the perplexity by int8."""
        return self.ratio.value - 1


def public_text(name: str = "memorised") -> str:
    """Return a text of the project, see ``texts/README.md``."""
    return (Path(__file__).parent / "texts" / TEXTS[name][0]).read_text(encoding="utf-8")


def compare(
    source: Source, model: Int8Model, tokens: list[int], window: int = 512, progress: Progress | None = None
) -> Comparison:
    """Compare a model in float32 with its int8 network, both in numpy.

    The first token of each window is given; each other token is predicted from the previous ones.
    """
    told = progress or (lambda what, done, total: None)
    windows = [tokens[start : start + window] for start in range(0, len(tokens), window)]
    windows = [part for part in windows if len(part) > 1]
    columns: list[NDArray[np.float64]] = []
    answers = FloatModel(source).forward(windows, lambda done, total: told("float", done, total))
    for number, (logits, part) in enumerate(zip(answers, windows, strict=True)):
        int8 = GoldenModel(model, len(part)).forward(part, logits="all")
        columns.append(_columns(logits[:-1], int8[:-1], part[1:]))
        told("int8", number + 1, len(windows))
    of_float, of_int8, divergence, equal = np.concatenate(columns, axis=1)
    return Comparison(
        len(of_float),
        window,
        Mean.of(of_float).exp(),
        Mean.of(of_int8).exp(),
        Mean.of(of_int8 - of_float).exp(),
        Mean.of(divergence),
        Mean.of(equal),
    )


def _columns(logits: NDArray[np.float32], int8: NDArray[np.float32], tokens: list[int]) -> NDArray[np.float64]:
    """Return for each token: -log of its probability in float and in int8, the divergence, whether the top is equal."""
    rows = []
    for a, b, token in zip(logits, int8, tokens, strict=True):
        p, q = _log_softmax(a), _log_softmax(b)
        rows.append((-p[token], -q[token], float(np.exp(p) @ (p - q)), float(p.argmax() == q.argmax())))
    return np.array(rows).T


def _log_softmax(row: NDArray[np.float32]) -> NDArray[np.float64]:
    values = row.astype(np.float64)
    values -= values.max()
    return values - math.log(np.exp(values).sum())
