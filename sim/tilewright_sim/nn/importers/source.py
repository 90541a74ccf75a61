"""The interface to a file with a Llama model: its sizes, and the names and shapes of its tensors."""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.nn import LlamaConfig

__all__ = ["Source", "check_tensors", "describe_kinds", "finite", "tensor_shapes"]


class Source(Protocol):
    """A file with a model: its sizes, its tensors, and the data of its tokenizer.

    Tensors have the names of GGUF and are [outputs, inputs]. The rows of queries and keys are ordered so that the
    rotary embedding rotates elements 2i and 2i + 1 of a head together.
    """

    config: LlamaConfig

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return a tensor by its name."""

    def names(self) -> list[str]:
        """Return the names of all tensors in the file."""

    def kinds(self) -> dict[str, int]:
        """Return how many tensors the file has of each type, such as ``Q4_1`` or ``F32``."""

    def rope_factors(self) -> NDArray[np.float32] | None:
        """Return divisors of the frequencies of the rotary embedding, [head_width / 2], or None."""

    def tokenizer(self) -> dict[str, Any]:
        """Return the fields of `tokenizer.TokenizerData`."""


def describe_kinds(kinds: dict[str, int]) -> str:
    """Return a sentence about the types of a file's weights: the float model may have dequantized weights."""
    text = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items(), key=lambda item: -item[1]))
    if set(kinds) <= {"F64", "F32", "F16", "BF16"}:
        return f"the file's weights are {text}"
    return f"the file's weights are {text}: quantized blocks, so the float model is not the original model"


def finite(file: object, name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``values`` if all elements are finite.

    Raises
    ------
    TilewrightError
        If an element is not finite.
    """
    if not math.isfinite(float(np.sum(values, dtype=np.float64))) and not np.all(np.isfinite(values)):
        raise TilewrightError(f"{file}: {name} has elements that are not finite numbers: the file is damaged")
    return values


def tensor_shapes(config: LlamaConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and the shape of every tensor of a model."""
    hidden, ffn = config.hidden, config.ffn
    yield "token_embd.weight", (config.vocab, hidden)
    for layer in range(config.layers):
        prefix = f"blk.{layer}."
        yield prefix + "attn_norm.weight", (hidden,)
        yield prefix + "attn_q.weight", (config.q_width, hidden)
        yield prefix + "attn_k.weight", (config.kv_width, hidden)
        yield prefix + "attn_v.weight", (config.kv_width, hidden)
        yield prefix + "attn_output.weight", (hidden, config.q_width)
        yield prefix + "ffn_norm.weight", (hidden,)
        yield prefix + "ffn_gate.weight", (ffn, hidden)
        yield prefix + "ffn_up.weight", (ffn, hidden)
        yield prefix + "ffn_down.weight", (hidden, ffn)
    yield "output_norm.weight", (hidden,)
    if not config.tied:
        yield "output.weight", (config.vocab, hidden)


def check_tensors(shapes: dict[str, tuple[int, ...]], config: LlamaConfig, file: object) -> None:
    """Raise `TilewrightError` unless a file has exactly the tensors of a model, with the right shapes."""
    wanted = dict(tensor_shapes(config)) | {"rope_freqs.weight": (config.head_width // 2,)}
    for name, shape in wanted.items():
        if name not in shapes:
            if name != "rope_freqs.weight":
                raise TilewrightError(f"{file} has no tensor {name}: it is incomplete, or not a Llama model")
        elif shapes[name] != shape:
            raise TilewrightError(f"{file}: {name} is {list(shapes[name])}, it must be {list(shape)}")
    for name in shapes:
        if name not in wanted:
            raise TilewrightError(f"{file} has a tensor {name}, which is not part of the Llama architecture")
