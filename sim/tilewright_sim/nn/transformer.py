"""Descriptions of transformers: published ones by name, and those that a file of weights describes."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from tilewright.base import TilewrightError

__all__ = ["MAX_SIZE", "MODELS", "LlamaConfig", "Transformer", "number"]

MAX_SIZE = 10**7
"""Largest size in a `Transformer`, and largest context and batch of an estimate."""
_SIZES = ("layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "head_width")


@dataclass(frozen=True, kw_only=True)
class Transformer:
    """Sizes of a decoder with grouped-query attention.

    Parameters
    ----------
    layers : int
    hidden : int
        Elements of the residual stream.
    heads, kv_heads : int
        Attention heads of queries, and of keys and values; ``heads / kv_heads`` heads of queries share one of keys.
    ffn : int
        Elements inside the feed-forward network.
    vocab : int
        Tokens of the vocabulary.
    head_width : int
        Elements of a head; ``hidden / heads`` if not given.
    gated : bool
        The feed-forward network has two products in and one out, as in Llama; otherwise one and one, as in GPT-2.
    source : str
        Where the sizes are from.

    Raises
    ------
    TilewrightError
        If a size is out of range, or heads cannot be shared evenly.
    """

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    head_width: int = 0
    gated: bool = True
    source: str = "as given"

    def __post_init__(self):
        if not self.head_width and self.heads:
            if self.hidden % self.heads:
                raise TilewrightError(f"hidden = {self.hidden}: must be a multiple of heads = {self.heads}")
            object.__setattr__(self, "head_width", self.hidden // self.heads)
        for name in _SIZES:
            if not 1 <= getattr(self, name) <= MAX_SIZE:
                raise TilewrightError(f"{name} = {getattr(self, name)}: must be 1 to {MAX_SIZE}")
        if self.heads % self.kv_heads:
            raise TilewrightError(f"heads = {self.heads}: must be a multiple of kv_heads = {self.kv_heads}")

    @property
    def group(self) -> int:
        """Heads of queries for each head of keys."""
        return self.heads // self.kv_heads

    @property
    def q_width(self) -> int:
        """Elements of the queries of a token."""
        return self.heads * self.head_width

    @property
    def kv_width(self) -> int:
        """Elements of the keys of a token, and of its values."""
        return self.kv_heads * self.head_width


@dataclass(frozen=True, kw_only=True)
class LlamaConfig(Transformer):
    """A model of the Llama architecture or one close to it: its sizes, and the constants that its arithmetic needs.

    Parameters
    ----------
    context : int
        Longest sequence that the model was made for.
    rope_base : float
        Base of the rotary embedding, which rotates all elements of a head: an even number.
    epsilon : float
        Of the norms.
    tied : bool
        The output layer uses the embeddings.
    qkv_bias : bool
        A bias is added to queries, keys and values, as in Qwen2.
    qk_norm : bool
        Each head of the queries and keys is normed before it is rotated, as in Qwen3.
    sliding_window : int or None
        A token sees only as many tokens, itself included. Longer sequences are not supported.
    """

    context: int
    rope_base: float
    epsilon: float
    tied: bool
    qkv_bias: bool = False
    qk_norm: bool = False
    sliding_window: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.head_width % 2:
            raise TilewrightError(f"head_width = {self.head_width}: must be even")

    @property
    def longest(self) -> int:
        """Longest sequence that is supported: no token of it is outside a sliding window."""
        return min(self.context, self.sliding_window or self.context)

    @property
    def limit(self) -> str:
        """What limits `longest`, for messages."""
        return "context" if self.longest == self.context else "sliding window"


def number(file: object, name: str, value: Any, *, whole: bool) -> Any:
    """Return a number that a file gives, as an int if ``whole`` or else as a float.

    Raises
    ------
    TilewrightError
        If it is not a number, not above 0, or above every size that a model can have.
    """
    kinds: Any = Integral if whole else Real  # numpy registers its numbers as such
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < _TOO_LARGE:
        kind = "a whole number" if whole else "a number"
        raise TilewrightError(f"{file} says {name} = {value!r}: it must be {kind}, more than 0 and below {_TOO_LARGE}")
    return int(value) if whole else float(value)


_TOO_LARGE = 1 << 31  # above every number of a model's description


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
