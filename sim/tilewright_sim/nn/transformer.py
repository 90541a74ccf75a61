"""Descriptions of transformers: their sizes, and what a file may say of them."""

from dataclasses import asdict, dataclass
from numbers import Integral, Real
from typing import Any

from tilewright.base import TilewrightError

__all__ = ["MAX_SIZE", "MODELS", "LlamaConfig", "Transformer", "number"]

MAX_SIZE = 10**7
"""Of every size of a `Transformer`, and of a context and a batch."""


@dataclass(frozen=True, kw_only=True)
class Transformer:
    """Sizes of a decoder: grouped-query attention, and a feed-forward network with a gate (``gated``) or without.

    Parameters
    ----------
    layers, hidden, heads, kv_heads, ffn, vocab : int
        Layers, elements of the residual stream, heads of queries, of keys and values, elements inside the feed-forward
        network, tokens of the vocabulary. A head has ``hidden / heads`` elements.
    gated : bool
        The feed-forward network has two products in and one out, as in Llama; otherwise one and one, as in GPT-2.
    source : str
        Where the figures are from.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    gated: bool = True
    source: str = "as given"

    def __post_init__(self):
        for name, value in asdict(self).items():
            if name not in ("gated", "source") and not 1 <= value <= MAX_SIZE:
                raise TilewrightError(f"{name} = {value}: must be 1 to {MAX_SIZE}")
        if self.hidden % self.heads or self.heads % self.kv_heads:
            raise TilewrightError(
                f"hidden {self.hidden}, heads {self.heads}, kv-heads {self.kv_heads}: hidden must be a multiple of "
                "heads, and heads of kv-heads"
            )

    @property
    def head_width(self) -> int:
        """Elements of a head."""
        return self.hidden // self.heads


def _model(layers: int, hidden: int, heads: int, kv_heads: int, ffn: int, vocab: int, source: str, gated: bool = True):
    return Transformer(
        layers=layers, hidden=hidden, heads=heads, kv_heads=kv_heads, ffn=ffn, vocab=vocab, gated=gated, source=source
    )


MODELS = {
    "smollm2-135m": _model(30, 576, 9, 3, 1536, 49152, "config.json of HuggingFaceTB/SmolLM2-135M"),
    "gpt2": _model(12, 768, 12, 12, 3072, 50257, "config.json of openai-community/gpt2", gated=False),
    "tinyllama-1.1b": _model(22, 2048, 32, 4, 5632, 32000, "config.json of TinyLlama/TinyLlama-1.1B-Chat-v1.0"),
    "llama-2-7b": _model(32, 4096, 32, 32, 11008, 32000, "config.json of meta-llama/Llama-2-7b-hf"),
    "mistral-7b": _model(32, 4096, 32, 8, 14336, 32000, "config.json of mistralai/Mistral-7B-v0.1"),
    "llama-3.1-8b": _model(32, 4096, 32, 8, 14336, 128256, "config.json of meta-llama/Llama-3.1-8B"),
    "llama-3.1-70b": _model(80, 8192, 64, 8, 28672, 128256, "config.json of meta-llama/Llama-3.1-70B"),
}


_TOO_LARGE = 1 << 31  # above every number of a model's description


@dataclass(frozen=True, kw_only=True)
class LlamaConfig:
    """Sizes of a model.

    Parameters
    ----------
    layers, width, hidden, vocabulary : int
        Layers, elements of the residual stream, elements inside the feed-forward network, tokens.
    heads, kv_heads : int
        Heads of queries, and of keys and values; ``heads / kv_heads`` queries share one.
    head_width : int
        Elements of a head: all of them are rotated.
    context : int
        Longest sequence that the model was made for.
    rope_base : float
        Base of the rotary embedding.
    epsilon : float
        Of the norms.
    tied : bool
        The output layer uses the embeddings.
    """

    layers: int
    width: int
    hidden: int
    vocabulary: int
    heads: int
    kv_heads: int
    head_width: int
    context: int
    rope_base: float
    epsilon: float
    tied: bool

    def __post_init__(self):
        for name, value in asdict(self).items():
            if name != "tied":
                number("this model", name, value, whole=name not in ("rope_base", "epsilon"))
        if self.heads % self.kv_heads or self.head_width % 2:
            raise TilewrightError(
                f"this model has {self.heads} heads of {self.head_width} elements for {self.kv_heads} of keys: heads "
                "must be a multiple of those of keys, and their elements even"
            )

    @property
    def group(self) -> int:
        """Heads of queries for each of keys."""
        return self.heads // self.kv_heads

    @property
    def q_width(self) -> int:
        """Elements of the queries of a token."""
        return self.heads * self.head_width

    @property
    def kv_width(self) -> int:
        """Elements of the keys of a token, and of its values."""
        return self.kv_heads * self.head_width


def number(file: object, name: str, value: Any, *, whole: bool) -> Any:
    """Return a number of a model's description, an int if ``whole``; more than 0, finite and of sensible size."""
    kinds: Any = Integral if whole else Real  # numpy registers its numbers as such
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < _TOO_LARGE:
        kind = "a whole number" if whole else "a number"
        raise TilewrightError(f"{file} says {name} = {value!r}: it must be {kind}, more than 0 and below {_TOO_LARGE}")
    return int(value) if whole else float(value)
