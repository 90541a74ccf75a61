"""The accuracy cost of number formats: networks against the float model, token by token, on the same texts."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn.importers import Source

from .emulation import Networks
from .float_model import FloatModel

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
    """A mean over tokens and its standard error, from the means of batches of `BATCH` consecutive tokens.

    The error is None below two batches.
    """

    value: float
    error: float | None

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Mean":
        """Return the mean of all values; the error ignores an incomplete last batch."""
        count = len(values) // BATCH
        error = None
        if count > 1:
            batches = values[: count * BATCH].reshape(count, BATCH).mean(axis=1)
            error = float(batches.std(ddof=1) / math.sqrt(count))
        return cls(float(values.mean()), error)

    def exp(self) -> "Mean":
        """The exponential of the mean, with its error to first order."""
        value = math.exp(self.value)
        return Mean(value, None if self.error is None else value * self.error)

    def __format__(self, spec: str) -> str:
        """Return the mean with its error, if there is one, both in the format of a float."""
        text = format(self.value, spec)
        return text if self.error is None else f"{text} ± {format(self.error, spec.removeprefix('+'))}"


@dataclass(frozen=True)
class Comparison:
    """A network against the float model on one text.

    Parameters
    ----------
    tokens : int
        Number of tokens that were predicted.
    window : int
        Length in tokens of the parts of the text, which are read independently.
    of_float, of_format : Mean
        Perplexities.
    ratio : Mean
        Perplexity of the network divided by that of float, from the differences for each token.
    divergence : Mean
        Kullback-Leibler divergence of the network's prediction from the float one, in nats.
    equal_top : Mean
        Share of positions at which both have the same likeliest token.
    """

    tokens: int
    window: int
    of_float: Mean
    of_format: Mean
    ratio: Mean
    divergence: Mean
    equal_top: Mean

    @property
    def cost(self) -> Mean:
        """Relative increase of the perplexity."""
        return Mean(self.ratio.value - 1, self.ratio.error)


def public_text(name: str = "memorised") -> str:
    """Return a text of the project, see ``texts/README.md``."""
    return (Path(__file__).parent / "texts" / TEXTS[name][0]).read_text(encoding="utf-8")


def compare(
    source: Source,
    networks: dict[str, Networks],
    tokens: list[int],
    window: int = 512,
    begin: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Comparison]:
    """Compare networks with the float model, whose weights are those of the file, dequantized.

    The text is divided into windows of at most ``window`` tokens, which are read independently. The first token of each
    is given, and each other token is predicted from the previous ones. If the text begins with the token ``begin``,
    each window does.

    Returns
    -------
    dict
        By the names of ``networks``.
    """
    told = progress or (lambda what, done, total: None)
    first = [begin] if begin is not None and tokens[:1] == [begin] else []
    step = window - len(first)
    windows = [first + tokens[start : start + step] for start in range(len(first), len(tokens), step)]
    windows = [part for part in windows if len(part) > 1]
    columns: dict[str, list[NDArray[np.float64]]] = {name: [] for name in networks}
    answers = FloatModel(source).forward(windows, lambda done, total: told("float", done, total))
    for number, (logits, part) in enumerate(zip(answers, windows, strict=True)):
        for name, network in networks.items():
            others = network(len(part)).forward(part, logits="all")
            columns[name].append(_columns(logits[:-1], others[:-1], part[1:]))
            told(name, number + 1, len(windows))
    return {name: _comparison(np.concatenate(parts, axis=1), window) for name, parts in columns.items()}


def _comparison(columns: NDArray[np.float64], window: int) -> Comparison:
    of_float, of_format, divergence, equal = columns
    return Comparison(
        len(of_float),
        window,
        Mean.of(of_float).exp(),
        Mean.of(of_format).exp(),
        Mean.of(of_format - of_float).exp(),
        Mean.of(divergence),
        Mean.of(equal),
    )


def _columns(logits: NDArray[np.float32], others: NDArray[np.float32], tokens: list[int]) -> NDArray[np.float64]:
    """Return for each token: -log of both its probabilities, the divergence, whether the top is equal."""
    rows = []
    for a, b, token in zip(logits, others, tokens, strict=True):
        p, q = _log_softmax(a), _log_softmax(b)
        rows.append((-p[token], -q[token], float(np.exp(p) @ (p - q)), float(p.argmax() == q.argmax())))
    return np.array(rows).T


def _log_softmax(row: NDArray[np.float32]) -> NDArray[np.float64]:
    values = row.astype(np.float64)
    values -= values.max()
    return values - math.log(np.exp(values).sum())
