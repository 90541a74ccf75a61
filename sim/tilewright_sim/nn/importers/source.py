"""The interface to a file with a language model: its sizes, and the names and shapes of its tensors."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.models import Records
from tilewright_sim.nn import LlamaConfig

__all__ = [
    "FAMILIES",
    "Family",
    "Kind",
    "Source",
    "check_tensors",
    "count_kinds",
    "describe_kinds",
    "finite",
    "halves_to_pairs",
    "layer_tensors",
    "tensor_shapes",
]


@dataclass(frozen=True)
class Family:
    """An architecture, and its differences from Llama.

    Parameters
    ----------
    qkv_bias : bool or None
        See `LlamaConfig`; None if a file may have them or not.
    qk_norm : bool
        See `LlamaConfig`.
    """

    qkv_bias: bool | None = False
    qk_norm: bool = False


FAMILIES = {"llama": Family(qkv_bias=None), "qwen2": Family(qkv_bias=True), "qwen3": Family(qk_norm=True)}
"""Supported architectures by their names in GGUF."""
ItemT = TypeVar("ItemT", bound=np.generic)
_ROTATED = ("attn_q", "attn_k", "attn_q_norm", "attn_k_norm")


@dataclass(frozen=True)
class Kind:
    """What a file has of one type of tensors: their number, elements and bytes."""

    tensors: int
    elements: int
    bytes: int


_FLOATS = {"F64", "F32", "F16", "BF16"}


class Source(Protocol):
    """A file with a model: its sizes, its tensors, and the data of its tokenizer.

    Tensors have the names of GGUF and are [outputs, inputs]. The rows of queries and keys are ordered so that the
    rotary embedding rotates elements 2i and 2i + 1 of a head together.
    """

    config: LlamaConfig

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return a tensor by its name."""

    def records(self, name: str) -> Records | None:
        """Return a matrix in the blocks that the file has, byte for byte; None if it has others or none.

        Rows are in the order of `tensor`.
        """

    def names(self) -> list[str]:
        """Return the names of all tensors in the file."""

    def kind(self, name: str) -> str:
        """Return the type of a tensor, such as ``Q4_1`` or ``F32``."""

    def kinds(self) -> dict[str, Kind]:
        """Return what the file has of each type of tensors, such as ``Q4_1`` or ``F32``."""

    def rope_factors(self) -> NDArray[np.float32] | None:
        """Return divisors of the frequencies of the rotary embedding, [head_width / 2], or None."""

    def tokenizer(self) -> dict[str, Any]:
        """Return the data for `Tokenizer.build`."""


def count_kinds(tensors: Iterable[tuple[str, int, int]]) -> dict[str, Kind]:
    """Return what there is of each type, from the types, elements and bytes of tensors; most elements first."""
    found: dict[str, Kind] = {}
    for name, elements, size in tensors:
        one = found.get(name, Kind(0, 0, 0))
        found[name] = Kind(one.tensors + 1, one.elements + elements, one.bytes + size)
    return dict(sorted(found.items(), key=lambda item: -item[1].elements))


def describe_kinds(kinds: dict[str, Kind]) -> str:
    """Return a sentence about the types of a file's weights: the float model may have dequantized weights."""
    total = sum(kind.elements for kind in kinds.values())
    shares = ((name, kind.elements / total) for name, kind in kinds.items())
    text = ", ".join(f"{share:.1%} {name}" if share >= 0.0005 else f"under 0.1% {name}" for name, share in shares)
    bits = 8 * sum(kind.bytes for kind in kinds.values()) / total
    text = f"the file's weights are {text}; {bits:.1f} bits per weight"
    if set(kinds) <= _FLOATS:
        return text
    return f"{text}: float is these blocks dequantized, not the model before they were quantized"


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


def halves_to_pairs(name: str, values: NDArray[ItemT], head_width: int) -> NDArray[ItemT]:
    """Return a tensor, the elements of each head of queries and keys reordered along its first axis.

    Published models rotate the elements i and i + head_width / 2 of a head together; in the result they are the
    elements 2i and 2i + 1. Products of queries and keys do not depend on the order. Tensors of other names are returned
    as they are.
    """
    if name.split(".")[-2] not in _ROTATED:
        return values
    pairs = values.reshape(-1, 2, head_width // 2, *values.shape[1:]).swapaxes(1, 2)
    return np.ascontiguousarray(pairs).reshape(values.shape)


def layer_tensors(config: LlamaConfig) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the tensors of a layer, without the ``blk.N.`` in front."""
    hidden, ffn, q_width, kv_width = config.hidden, config.ffn, config.q_width, config.kv_width
    shapes: dict[str, tuple[int, ...]] = {
        "attn_norm.weight": (hidden,),
        "attn_q.weight": (q_width, hidden),
        "attn_k.weight": (kv_width, hidden),
        "attn_v.weight": (kv_width, hidden),
        "attn_output.weight": (hidden, q_width),
        "ffn_norm.weight": (hidden,),
        "ffn_gate.weight": (ffn, hidden),
        "ffn_up.weight": (ffn, hidden),
        "ffn_down.weight": (hidden, ffn),
    }
    if config.qkv_bias:
        shapes |= {"attn_q.bias": (q_width,), "attn_k.bias": (kv_width,), "attn_v.bias": (kv_width,)}
    if config.qk_norm:
        shapes |= {"attn_q_norm.weight": (config.head_width,), "attn_k_norm.weight": (config.head_width,)}
    return shapes


def tensor_shapes(config: LlamaConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield the name and the shape of every tensor of a model."""
    yield "token_embd.weight", (config.vocab, config.hidden)
    for layer in range(config.layers):
        for name, shape in layer_tensors(config).items():
            yield f"blk.{layer}.{name}", shape
    yield "output_norm.weight", (config.hidden,)
    if not config.tied:
        yield "output.weight", (config.vocab, config.hidden)


def check_tensors(shapes: dict[str, tuple[int, ...]], config: LlamaConfig, file: object) -> None:
    """Raise `TilewrightError` unless a file has exactly the tensors of a model, with the right shapes."""
    wanted = dict(tensor_shapes(config)) | {"rope_freqs.weight": (config.head_width // 2,)}
    for name, shape in wanted.items():
        if name not in shapes:
            if name != "rope_freqs.weight":
                raise TilewrightError(f"{file} has no tensor {name}: it is incomplete, or of another architecture")
        elif shapes[name] != shape:
            raise TilewrightError(f"{file}: {name} is {list(shapes[name])}, it must be {list(shape)}")
    for name in shapes:
        if name not in wanted:
            raise TilewrightError(f"{file} has a tensor {name}, which is not supported")
