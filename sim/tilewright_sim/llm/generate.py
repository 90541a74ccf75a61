"""Answer a prompt, token by token."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tilewright.errors import TilewrightError

from .llama import LlamaConfig

__all__ = ["Forward", "blocks", "check_length", "generate"]


class Forward(Protocol):
    """A model that remembers what it has read: on the chip, checked, or golden."""

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens and return logits [rows, vocabulary], of the ``last`` token or of ``none``."""


def check_length(config: LlamaConfig, prompt: list[int], most: int) -> None:
    """Raise `TilewrightError` if a prompt, and ``most`` tokens after it, are more than the model's context."""
    if not prompt:
        raise TilewrightError("the prompt is empty")
    if len(prompt) >= config.context:
        raise TilewrightError(
            f"the prompt has {len(prompt):,} tokens, and the model's context only {config.context:,}: shorten it"
        )
    if len(prompt) + most > config.context:
        raise TilewrightError(
            f"a prompt of {len(prompt):,} tokens and --max-tokens {most} are more than the model's context of "
            f"{config.context:,}: use --max-tokens {config.context - len(prompt)}"
        )


def generate(model: Forward, prompt: list[int], most: int, end: int | None, block: int) -> Iterator[int]:
    """Yield the likeliest tokens one after the other, up to ``most`` or before ``end``.

    The prompt is read in blocks of about the same size, of ``block`` tokens at most; only its last token goes through
    the output layer.
    """
    parts = blocks(prompt, block)
    for place, part in enumerate(parts, start=1):
        logits = model.forward(part, logits="last" if place == len(parts) else "none")
    for count in range(1, most + 1):
        token = int(logits[0].argmax())
        if token == end:
            return
        yield token
        if count < most:
            logits = model.forward([token])


def blocks(prompt: list[int], most: int) -> list[list[int]]:
    """Cut a prompt into as few blocks as there must be, of at most ``most`` tokens, whose sizes differ by at most 1."""
    count = math.ceil(len(prompt) / most)
    ends = [len(prompt) * place // count for place in range(count + 1)]
    return [prompt[start:end] for start, end in pairwise(ends)]
