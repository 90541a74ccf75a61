"""Read a model from a GGUF file."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError, missing_package
from tilewright_sim.nn import LlamaConfig, number

from .source import check_tensors, finite

__all__ = ["GgufModel"]

_ARCHITECTURE = "llama"
_MISSING = object()

_READ = frozenset({
    "attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.layer_norm_rms_epsilon",
    "attention.value_length", "block_count", "context_length", "embedding_length", "feed_forward_length",
    "rope.dimension_count", "rope.freq_base",
    # These have no effect by themselves.
    "rope.scaling.finetuned", "rope.scaling.original_context_length", "tensor_data_layout", "vocab_size",
})  # fmt: skip
"""Keys of the architecture that are read, or do not affect the result."""
_NOTHING = (None, 0, False, "", "none")
_NEUTRAL = {
    "rope.scaling.type": (None, "", "none"), "rope.scaling.factor": (None, 0, 1),
    "logit_scale": (None, 0, 1), "residual_scale": (None, 0, 1), "embedding_scale": (None, 0, 1),
    "attention.scale": (None, 0), "attention.causal": (None, True), "expert_count": (None, 0, 1),
}  # fmt: skip
"""Values of other keys that do not affect the result; for keys not listed, those in `_NOTHING`."""


class GgufModel:
    """A `Source` in a GGUF file, with any tensor types that the ``gguf`` package can dequantize.

    Parameters
    ----------
    path : Path

    Raises
    ------
    TilewrightError
        If it is not a GGUF file, has another architecture, or has tensors that are missing, unknown or of a type that
        cannot be dequantized.
    """

    def __init__(self, path: Path):
        gguf = _gguf()
        self.path = path
        try:
            with path.open("rb") as stream:
                start = stream.read(4)
        except OSError as error:
            raise TilewrightError(f"cannot read {path}: {error.strerror}") from None
        if start != b"GGUF":
            raise TilewrightError(f"{path} is not a GGUF file: it begins with {start!r}, not b'GGUF'")
        try:
            self._reader = gguf.GGUFReader(path)
        except Exception as error:  # a damaged file may cause any error
            reason = " ".join(str(error).split()) or type(error).__name__
            raise TilewrightError(
                f"{path} is damaged or incomplete, or newer than the package gguf ({reason}): download it again"
            ) from None
        architecture = self._field("general.architecture")
        if architecture != _ARCHITECTURE:
            raise TilewrightError(f"{path} has the architecture {architecture!r}: only 'llama' is supported")
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        self.config = self._config()
        self._check(gguf)

    def names(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._tensors)

    def kinds(self) -> dict[str, int]:
        """Return how many tensors there are of each type."""
        return dict(Counter(tensor.tensor_type.name for tensor in self._reader.tensors))

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return a tensor, dequantized."""
        tensor = self._tensors[name]
        values = _gguf().quants.dequantize(tensor.data, tensor.tensor_type)
        return finite(self.path, name, np.asarray(values, dtype=np.float32).reshape(_shape(tensor)))

    def rope_factors(self) -> NDArray[np.float32] | None:
        """Return the divisors of the rotary frequencies, or None."""
        return self.tensor("rope_freqs.weight") if "rope_freqs.weight" in self._tensors else None

    def tokenizer(self) -> dict[str, Any]:
        """Return the fields of `tokenizer.TokenizerData`."""
        kind = self._field("tokenizer.ggml.model")
        if kind != "gpt2":
            raise TilewrightError(f"{self.path} has a tokenizer of the type {kind!r}: only 'gpt2' is supported")
        tokens = self._field("tokenizer.ggml.tokens")
        return {
            "tokens": tokens,
            "merges": self._field("tokenizer.ggml.merges"),
            "types": self._field("tokenizer.ggml.token_type", [1] * len(tokens)),
            "splitter": self._field("tokenizer.ggml.pre", "default"),
            "template": self._field("tokenizer.chat_template", ""),
            "begin": self._field("tokenizer.ggml.bos_token_id", None),
            "end": self._field("tokenizer.ggml.eos_token_id", None),
            "add_begin": bool(self._field("tokenizer.ggml.add_bos_token", False)),
        }

    def _field(self, name: str, default: Any = _MISSING) -> Any:
        field = self._reader.get_field(name)
        if field is None:
            if default is _MISSING:
                raise TilewrightError(f"{self.path} does not say {name}")
            return default
        try:
            return field.contents()
        except Exception as error:  # a damaged file may cause any error
            raise TilewrightError(f"{self.path} is damaged: {name} cannot be read ({error})") from None

    def _number(self, name: str, default: Any = _MISSING, *, whole: bool = True) -> Any:
        key = f"{_ARCHITECTURE}.{name}"
        return number(self.path, key, self._field(key, default), whole=whole)

    def _refuse_what_is_ignored(self) -> None:
        """Reject each key of the architecture that would affect the result and that this class does not read."""
        for key in self._reader.fields:
            name = key.removeprefix(f"{_ARCHITECTURE}.")
            if name == key or name in _READ:
                continue
            value = self._field(key)
            if value not in _NEUTRAL.get(name, _NOTHING):
                raise TilewrightError(f"{self.path} says {key} = {value!r}, which is not supported")

    def _config(self) -> LlamaConfig:
        self._refuse_what_is_ignored()
        heads = self._field(f"{_ARCHITECTURE}.attention.head_count")
        if isinstance(heads, list):
            raise TilewrightError(f"{self.path} has another number of heads in each layer, which is not supported")
        heads, hidden = self._number("attention.head_count"), self._number("embedding_length")
        head_width = self._number("attention.key_length", max(hidden // heads, 1))
        for name in ("rope.dimension_count", "attention.value_length"):
            if self._number(name, head_width) != head_width:
                raise TilewrightError(f"{self.path}: {name} is not the width of a head, {head_width}: not supported")
        if "token_embd.weight" not in self._tensors:
            raise TilewrightError(f"{self.path} has no tensor token_embd.weight: incomplete, or not a Llama model")
        return LlamaConfig(
            layers=self._number("block_count"),
            hidden=hidden,
            ffn=self._number("feed_forward_length"),
            vocab=_shape(self._tensors["token_embd.weight"])[0],
            heads=heads,
            kv_heads=self._number("attention.head_count_kv", heads),
            head_width=head_width,
            context=self._number("context_length"),
            rope_base=self._number("rope.freq_base", 10000.0, whole=False),
            epsilon=self._number("attention.layer_norm_rms_epsilon", whole=False),
            tied="output.weight" not in self._tensors,
        )

    def _check(self, gguf: Any) -> None:
        check_tensors({name: _shape(tensor) for name, tensor in self._tensors.items()}, self.config, self.path)
        for name, tensor in self._tensors.items():
            try:
                gguf.quants.dequantize(np.atleast_2d(tensor.data)[:1], tensor.tensor_type)
            except Exception:  # the package raises several kinds
                kind = tensor.tensor_type.name
                raise TilewrightError(f"{self.path}: {name} is {kind}, which cannot be dequantized") from None


def _shape(tensor: Any) -> tuple[int, ...]:
    """Return a tensor's shape; GGUF lists the innermost dimension first."""
    return tuple(int(size) for size in reversed(tensor.shape))


def _gguf() -> Any:
    try:
        import gguf
        import gguf.quants
    except ImportError:
        raise missing_package("the package gguf", "llm") from None
    return gguf
