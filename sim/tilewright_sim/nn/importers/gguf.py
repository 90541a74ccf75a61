"""Read a model from a GGUF file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError, missing_package
from tilewright.formats import FORMATS
from tilewright_sim.models import Records
from tilewright_sim.nn import LlamaConfig, number

from .byte_pairs import LIKE_LLAMA3
from .source import FAMILIES, Kind, check_tensors, count_kinds, finite, halves_to_pairs

__all__ = ["GgufModel"]

_MISSING = object()
_MOST_SHOWN = 60

_READ = frozenset({
    "attention.head_count", "attention.head_count_kv", "attention.key_length", "attention.layer_norm_rms_epsilon",
    "attention.sliding_window", "attention.value_length", "block_count", "context_length", "embedding_length",
    "feed_forward_length", "rope.dimension_count", "rope.freq_base", "rope.scaling.factor", "rope.scaling.type",
    # These have no effect by themselves.
    "rope.scaling.finetuned", "rope.scaling.original_context_length", "tensor_data_layout", "vocab_size",
})  # fmt: skip
"""Keys of the architecture that are read, or do not affect the result."""
_NOTHING = (None, 0, False, "", "none")
_NEUTRAL = {
    "rope.scale_linear": (None, 0, 1), "rope.scaling.attn_factor": (None, 0, 1),
    "logit_scale": (None, 0, 1), "residual_scale": (None, 0, 1), "embedding_scale": (None, 0, 1),
    "attention.scale": (None, 0), "attention.causal": (None, True), "expert_count": (None, 0, 1),
}  # fmt: skip
"""Values of other keys that do not affect the result; for keys not listed, those in `_NOTHING`."""
_TOKENIZER_READ = frozenset({
    "model", "tokens", "scores", "merges", "token_type", "pre", "bos_token_id", "eos_token_id", "eot_token_id",
    "eom_token_id", "add_bos_token", "add_space_prefix",
    # These have no effect on a prompt or an answer.
    "unknown_token_id", "padding_token_id", "seperator_token_id", "cls_token_id", "mask_token_id", "fim_pre_token_id",
    "fim_suf_token_id", "fim_mid_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id",
    "prefix_token_id", "suffix_token_id", "middle_token_id", "token_type_count", "add_sep_token",
})  # fmt: skip
"""Keys of the tokenizer that are read, or do not affect the result; others must be as in `_NOTHING`."""


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
        self.architecture = self._field("general.architecture")
        if self.architecture not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise TilewrightError(
                f"{path} has the architecture {self.architecture!r}, which is not supported; supported are: {known}"
            )
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        self.config = self._config()
        self._check(gguf)
        self.rope_factors()

    def names(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._tensors)

    def kinds(self) -> dict[str, Kind]:
        """Return what there is of each type of tensors."""
        return count_kinds(
            (tensor.tensor_type.name, int(tensor.n_elements), int(tensor.n_bytes)) for tensor in self._reader.tensors
        )

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return a tensor, dequantized."""
        tensor = self._tensors[name]
        dequantized = _gguf().quants.dequantize(tensor.data, tensor.tensor_type)
        values = finite(self.path, name, np.asarray(dequantized, dtype=np.float32).reshape(_shape(tensor)))
        # Files with the architecture llama have pairs already.
        return values if self.architecture == "llama" else halves_to_pairs(name, values, self.config.head_width)

    def records(self, name: str) -> Records | None:
        """Return a matrix of a type that is a block format, byte for byte; None if it is of another type.

        Raises
        ------
        TilewrightError
            If an element is not a finite number.
        """
        tensor, shape = self._tensors[name], _shape(self._tensors[name])
        form = FORMATS.get(self.kind(name).lower())
        if form is None or not form.scale.bits or len(shape) != 2:
            return None
        rows = np.asarray(tensor.data, dtype=np.uint8).reshape(shape[0], -1)
        if self.architecture != "llama":
            rows = halves_to_pairs(name, rows, self.config.head_width)
        found = Records(form, shape[1], rows)
        finite(self.path, name, found.dequantize())
        return found

    def kind(self, name: str) -> str:
        """Return the type of a tensor."""
        return self._tensors[name].tensor_type.name

    def rope_factors(self) -> NDArray[np.float32] | None:
        """Return the divisors of the rotary frequencies, or None: those of Llama 3, a linear scaling, or their product.

        Raises
        ------
        TilewrightError
            If there is another kind of scaling.
        """
        kind, key = self._key("rope.scaling.type", None), f"{self.architecture}.rope.scaling.type"
        if kind not in (*_NOTHING, "linear"):
            raise TilewrightError(f"{self.path} says {key} = {kind!r}, which is not supported")
        # As in llama.cpp: without a type, a factor is linear.
        given = 0 if kind == "none" else self._key("rope.scaling.factor", 0)
        factor = 1.0 if given in _NOTHING else self._number("rope.scaling.factor", whole=False)
        if "rope_freqs.weight" in self._tensors:
            divisors = self.tensor("rope_freqs.weight")
            if not np.all(divisors > 0):
                raise TilewrightError(f"{self.path}: rope_freqs.weight has elements that are not above 0")
            return divisors * np.float32(factor)
        return None if factor == 1 else np.full(self.config.head_width // 2, factor, dtype=np.float32)

    def tokenizer(self) -> dict[str, Any]:
        """Return the data for `Tokenizer.build`.

        Raises
        ------
        TilewrightError
            If the tokenizer is of a kind that is not supported, or has a setting that is not.
        """
        kind = self._field("tokenizer.ggml.model")
        if kind not in ("gpt2", "llama"):
            raise TilewrightError(
                f"{self.path} has a tokenizer of the type {kind!r}, which is not supported; supported are: gpt2, llama"
            )
        for key in self._reader.fields:
            name = key.removeprefix("tokenizer.ggml.")
            if name != key and name not in _TOKENIZER_READ and (value := self._field(key)) not in (*_NOTHING, []):
                raise TilewrightError(f"{self.path} says {key} = {_short(value)}, which is not supported")

        def get(name: str, default: Any = _MISSING) -> Any:
            return self._field(f"tokenizer.ggml.{name}", default)

        tokens = get("tokens")
        data = {"tokens": tokens, "types": get("token_type", [1] * len(tokens))}
        scored = kind == "llama"
        if scored:
            data = {"pieces": data["tokens"], "types": data["types"], "scores": get("scores")}
            data["prefix"] = bool(get("add_space_prefix", True))
        else:
            data |= {"merges": get("merges"), "splitter": get("pre", "default")}
        ends = [get("eos_token_id", 2 if scored else None), get("eot_token_id", None), get("eom_token_id", None)]
        return data | {
            "template": self._field("tokenizer.chat_template", ""),
            "begin": get("bos_token_id", 1 if scored else None),
            "ends": [end for end in dict.fromkeys(ends) if end is not None],
            # As in llama.cpp, where the file does not say it.
            "add_begin": bool(get("add_bos_token", scored or data.get("splitter") in LIKE_LLAMA3)),
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

    def _key(self, name: str, default: Any = _MISSING) -> Any:
        return self._field(f"{self.architecture}.{name}", default)

    def _number(self, name: str, default: Any = _MISSING, *, whole: bool = True) -> Any:
        return number(self.path, f"{self.architecture}.{name}", self._key(name, default), whole=whole)

    def _refuse_what_is_ignored(self) -> None:
        """Reject each key of the architecture that would affect the result and that this class does not read."""
        for key in self._reader.fields:
            name = key.removeprefix(f"{self.architecture}.")
            if name == key or name in _READ:
                continue
            value = self._field(key)
            if value not in _NEUTRAL.get(name, _NOTHING):
                raise TilewrightError(f"{self.path} says {key} = {_short(value)}, which is not supported")

    def _config(self) -> LlamaConfig:
        self._refuse_what_is_ignored()
        heads = self._key("attention.head_count")
        if isinstance(heads, list):
            raise TilewrightError(f"{self.path} has another number of heads in each layer, which is not supported")
        heads, hidden = self._number("attention.head_count"), self._number("embedding_length")
        head_width = self._number("attention.key_length", max(hidden // heads, 1))
        for name in ("rope.dimension_count", "attention.value_length"):
            if self._number(name, head_width) != head_width:
                raise TilewrightError(f"{self.path}: {name} is not the width of a head, {head_width}: not supported")
        if "token_embd.weight" not in self._tensors:
            raise TilewrightError(f"{self.path} has no tensor token_embd.weight: it is incomplete")
        family, window = FAMILIES[self.architecture], self._key("attention.sliding_window", None)
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
            qkv_bias="blk.0.attn_q.bias" in self._tensors if family.qkv_bias is None else family.qkv_bias,
            qk_norm=family.qk_norm,
            sliding_window=None if window in _NOTHING else self._number("attention.sliding_window"),
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


def _short(value: Any) -> str:
    """Return a value as it is shown in a message."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _gguf() -> Any:
    try:
        import gguf
        import gguf.quants
    except ImportError:
        raise missing_package("the package gguf", "llm") from None
    return gguf
