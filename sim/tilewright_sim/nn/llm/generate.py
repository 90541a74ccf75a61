"""Answer a prompt, token by token."""

from collections.abc import Collection, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.nn import LlamaConfig

__all__ = ["Answers", "Forward", "check_length", "generate", "likeliest_after"]


class Forward(Protocol):
    """A model that remembers the tokens it has read: on the chip, with or without check, or the golden model."""

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens and return logits [rows, vocab], of the ``last`` token or of ``none``.

        Networks in numpy also return those of ``all``.
        """


@runtime_checkable
class Answers(Protocol):
    """A model that tells the likeliest token by itself."""

    def likeliest_after(self, tokens: list[int]) -> int:
        """Read tokens and return the likeliest one behind them."""


def check_length(config: LlamaConfig, prompt: list[int], max_tokens: int) -> None:
    """Raise `TilewrightError` if a prompt and ``max_tokens`` more tokens are longer than the model can read."""
    if not prompt:
        raise TilewrightError("the prompt is empty")
    longest, limit = config.longest, config.limit
    if len(prompt) >= longest:
        raise TilewrightError(
            f"the prompt has {len(prompt):,} tokens, and the model's {limit} only {longest:,}: shorten it"
        )
    if len(prompt) + max_tokens > longest:
        raise TilewrightError(
            f"a prompt of {len(prompt):,} tokens and --max-tokens {max_tokens} are more than the model's {limit} of "
            f"{longest:,}: use --max-tokens {longest - len(prompt)}"
        )


def generate(model: Forward, prompt: list[list[int]], max_tokens: int, ends: Collection[int]) -> Iterator[int]:
    """Yield the likeliest tokens one after the other: at most ``max_tokens``, ending before a token of ``ends``.

    ``prompt`` is divided into the blocks in which it is read; only its last token goes through the output layer.
    """
    for part in prompt[:-1]:
        model.forward(part, logits="none")
    part = prompt[-1]
    for _ in range(max_tokens):
        token = likeliest_after(model, part)
        if token in ends:
            return
        yield token
        part = [token]


def likeliest_after(model: Forward, tokens: list[int]) -> int:
    """Let a model read tokens, and return the likeliest one behind them."""
    if isinstance(model, Answers):
        return model.likeliest_after(tokens)
    return int(model.forward(tokens)[0].argmax())
