"""Read a model from a folder with safetensors, the usual form of published models."""

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError, parse_json, read_json
from tilewright_sim.nn import LlamaConfig, number

from .source import check_tensors, finite

__all__ = ["SafetensorsModel"]

_TYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "F64": "<f8"}
_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_LAYER_NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_MOST_HEADER = 100 << 20
_OFF, _ONE = (None, False, 0), (None, 1)
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu", "swish", None), "activation_function": ("silu", "swish", None),
    **dict.fromkeys((
        "rope_scaling", "attention_bias", "mlp_bias", "bias", "sliding_window", "use_sliding_window",
        "attn_logit_softcapping", "final_logit_softcapping", "logits_soft_cap", "clip_qkv", "qk_norm", "use_qk_norm",
        "query_pre_attn_scalar", "attention_multiplier", "no_rope_layers", "rope_interleaved",
        "alibi", "quantization_config", "parallel_residual", "use_parallel_residual",
    ), _OFF),
    **dict.fromkeys((
        "partial_rotary_factor", "logit_scale", "logits_scaling", "residual_multiplier", "embedding_multiplier",
        "num_experts", "num_local_experts", "factor", "attention_factor",
    ), (*_ONE, 0)),
    "rope_type": ("default", None), "type": ("default", None),
}  # fmt: skip
"""Settings that affect the result, with the values that are supported."""


class SafetensorsModel:
    """A `Source` in a folder that has ``config.json``, ``tokenizer.json`` and files ``*.safetensors``.

    Parameters
    ----------
    path : Path
        The folder, or a file of safetensors in it.

    Raises
    ------
    TilewrightError
        If a file is missing or damaged, or the model has another architecture.
    """

    def __init__(self, path: Path):
        self.folder = path if path.is_dir() else path.parent
        files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
        if not files:
            raise TilewrightError(f"there is no file *.safetensors in {path}")
        self._settings = _json(self.folder / "config.json")
        self._tensors = {
            _name(name, path): place
            for file in files
            for name, place in _header(file).items()
            if name != "__metadata__"
        }
        self.config = self._config()
        if self.config.tied:  # some files have the same tensor twice
            self._tensors.pop("output.weight", None)
        check_tensors({name: tuple(entry["shape"]) for name, entry in self._tensors.items()}, self.config, path)

    def names(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._tensors)

    def kinds(self) -> dict[str, int]:
        """Return how many tensors there are of each type."""
        return dict(Counter(entry["dtype"] for entry in self._tensors.values()))

    def tensor(self, name: str) -> NDArray[np.float32]:
        """Return a tensor, with the rows of queries and keys in the order of GGUF."""
        entry = self._tensors[name]
        raw = np.memmap(
            entry["file"], dtype=_TYPES[entry["dtype"]], mode="r", offset=entry["start"], shape=tuple(entry["shape"])
        )
        if entry["dtype"] == "BF16":
            values = (raw.astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.asarray(raw, dtype=np.float32)
        finite(entry["file"], name, values)
        for part, heads in (("attn_q", self.config.heads), ("attn_k", self.config.kv_heads)):
            if part in name:  # the halves of a head become pairs
                pairs = values.reshape(heads, 2, self.config.head_width // 2, -1).swapaxes(1, 2)
                return np.ascontiguousarray(pairs).reshape(values.shape)
        return values

    def rope_factors(self) -> None:
        """Return None: files with divisors of the rotary frequencies are rejected."""

    def tokenizer(self) -> dict[str, Any]:
        """Return the fields of `tokenizer.TokenizerData`."""
        settings = _json(self.folder / "tokenizer_config.json")
        template = settings.get("chat_template") or ""
        end = self._settings.get("eos_token_id")
        return {
            "ready": json.dumps(_json(self.folder / "tokenizer.json")),
            "template": template if isinstance(template, str) else "",
            "begin": self._settings.get("bos_token_id"),
            "end": end[0] if isinstance(end, list) and end else end,
            "add_begin": bool(settings.get("add_bos_token", False)),
        }

    def _config(self) -> LlamaConfig:
        file, settings = self.folder / "config.json", self._settings
        if settings.get("model_type") != "llama":
            kind = settings.get("model_type")
            raise TilewrightError(f"{file} says model_type = {kind!r}: only 'llama' is supported")
        rope = settings.get("rope_parameters") or {}
        if not isinstance(rope, dict):
            raise TilewrightError(f"{file} says rope_parameters = {rope!r}: it must be an object")
        for place in (settings, rope):
            for name, neutral in _NEUTRAL.items():
                if place.get(name, neutral[0]) not in neutral:
                    raise TilewrightError(f"{file} says {name} = {place[name]!r}, which is not supported")
        kinds = settings.get("layer_types") or []
        if any(kind != "full_attention" for kind in kinds):
            raise TilewrightError(f"{file} says layer_types = {kinds!r}: only 'full_attention' is supported")

        def get(name: str, default: Any = None, *, whole: bool = True) -> Any:
            value = settings.get(name)
            if value is None and default is None:
                raise TilewrightError(f"{file} does not say {name}")
            return number(file, name, default if value is None else value, whole=whole)

        heads, hidden = get("num_attention_heads"), get("hidden_size")
        return LlamaConfig(
            layers=get("num_hidden_layers"),
            hidden=hidden,
            ffn=get("intermediate_size"),
            vocab=get("vocab_size"),
            heads=heads,
            kv_heads=get("num_key_value_heads", heads),
            head_width=get("head_dim", max(hidden // heads, 1)),
            context=get("max_position_embeddings"),
            rope_base=get("rope_theta", rope.get("rope_theta", 10000.0), whole=False),
            epsilon=get("rms_norm_eps", whole=False),
            tied=bool(settings.get("tie_word_embeddings", False)),
        )


def _name(name: str, path: Path) -> str:
    """Return the tensor's name in GGUF."""
    if name in _NAMES:
        return _NAMES[name]
    parts = name.removeprefix("model.layers.").removesuffix(".weight").split(".", 1)
    if len(parts) == 2 and parts[0].isdigit() and parts[1] in _LAYER_NAMES:
        return f"blk.{int(parts[0])}.{_LAYER_NAMES[parts[1]]}.weight"
    raise TilewrightError(f"{path} has a tensor {name}, which is not part of the Llama architecture")


def _json(file: Path) -> dict[str, Any]:
    content = read_json(file, "an object")
    if not isinstance(content, dict):
        raise TilewrightError(f"{file} does not hold a JSON object")
    return content


def _header(file: Path) -> dict[str, dict[str, Any]]:
    """Return dtype, shape, file and first byte of each tensor."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= min(_MOST_HEADER, size - 8):
                raise TilewrightError(f"{file} is not a safetensors file, or incomplete")
            header: Any = parse_json(stream.read(length), f"the header of {file}", "a table of tensors")
        taken = []
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            if entry["dtype"] not in _TYPES:
                raise TilewrightError(f"{file}: {name} is {entry['dtype']}: only {', '.join(_TYPES)} are supported")
            first, last = entry["data_offsets"]
            if not all(isinstance(size, int) and size >= 0 for size in (first, last, *entry["shape"])):
                raise ValueError
            count = math.prod(entry["shape"]) * np.dtype(_TYPES[entry["dtype"]]).itemsize
            taken.append((first, last, name))
            if not 0 <= first <= last <= size - 8 - length or last - first != count:
                raise TilewrightError(f"{file} is damaged or incomplete: {name} lies beyond its end")
            entry.update(file=file, start=8 + length + first)
        taken.sort()
        for (_, end, name), (start, _, following) in pairwise(taken):
            if start < end:
                raise TilewrightError(f"{file} is damaged: {name} and {following} overlap")
    except OSError as error:
        raise TilewrightError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TilewrightError(f"{file} is not a safetensors file, or damaged") from None
    return header
