"""Read a model from a folder with safetensors, the usual form of published models."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError, parse_json, read_json
from tilewright_sim.nn import LlamaConfig, number

from .rope import rope_divisors
from .source import FAMILIES, Kind, check_tensors, count_kinds, finite, halves_to_pairs

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
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_MOST_HEADER = 100 << 20
_OFF, _ONE = (None, False, 0), (None, 1)
_MODEL_TYPES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""Supported values of ``model_type`` and their families."""
_NO_EFFECT = "rotary_emb.inv_freq"  # old files have it, and transformers computes it anew
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("hidden_act", "hidden_activation", "activation_function"), ("silu", "swish", None)),
    **dict.fromkeys((
        "attention_bias", "mlp_bias", "bias", "use_mrope", "attn_logit_softcapping", "final_logit_softcapping",
        "logits_soft_cap", "clip_qkv", "qk_norm", "use_qk_norm", "query_pre_attn_scalar", "attention_multiplier",
        "attention_scale", "no_rope_layers", "rope_interleaved", "alibi", "quantization_config", "parallel_residual",
        "use_parallel_residual",
    ), _OFF),
    **dict.fromkeys((
        "partial_rotary_factor", "logit_scale", "logits_scaling", "residual_multiplier", "embedding_multiplier",
        "num_experts", "num_local_experts",
    ), (*_ONE, 0)),
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
            if name != "__metadata__" and not name.endswith(_NO_EFFECT)
        }
        self.config = self._config()
        if self.config.tied:  # some files have the same tensor twice
            self._tensors.pop("output.weight", None)
        check_tensors({name: tuple(entry["shape"]) for name, entry in self._tensors.items()}, self.config, path)
        self.rope_factors()

    def names(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._tensors)

    def kinds(self) -> dict[str, Kind]:
        """Return what there is of each type of tensors."""
        shapes = ((entry["dtype"], math.prod(entry["shape"])) for entry in self._tensors.values())
        return count_kinds((kind, elements, elements * np.dtype(_TYPES[kind]).itemsize) for kind, elements in shapes)

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
        return halves_to_pairs(name, finite(entry["file"], name, values), self.config.head_width)

    def records(self, _: str) -> None:
        """Return None: there are no blocks in such a file."""

    def kind(self, name: str) -> str:
        """Return the type of a tensor."""
        return self._tensors[name]["dtype"]

    def rope_factors(self) -> NDArray[np.float32] | None:
        """Return the divisors of the rotary frequencies, or None; see `rope.rope_divisors`."""
        file, config = self.folder / "config.json", self.config
        return rope_divisors(file, self._rope(), config.head_width, config.rope_base)

    def tokenizer(self) -> dict[str, Any]:
        """Return the data for `Tokenizer.build`."""
        settings = _json(self.folder / "tokenizer_config.json")
        template = settings.get("chat_template") or ""
        ends, add_begin = self._settings.get("eos_token_id"), settings.get("add_bos_token")
        if settings.get("add_eos_token"):
            raise TilewrightError(f"{self.folder / 'tokenizer_config.json'} says add_eos_token = True: not supported")
        return {
            "ready": json.dumps(_json(self.folder / "tokenizer.json")),
            "template": template if isinstance(template, str) else "",
            "begin": self._settings.get("bos_token_id"),
            "ends": ends if isinstance(ends, list) else [] if ends is None else [ends],
            "add_begin": None if add_begin is None else bool(add_begin),
        }

    def _config(self) -> LlamaConfig:
        file, settings = self.folder / "config.json", self._settings
        kind = settings.get("model_type")
        if not isinstance(kind, str) or kind not in _MODEL_TYPES:
            known = ", ".join(_MODEL_TYPES)
            raise TilewrightError(f"{file} says model_type = {kind!r}, which is not supported; supported are: {known}")
        rope = self._rope()
        for name, neutral in _NEUTRAL.items():
            if settings.get(name, neutral[0]) not in neutral:
                raise TilewrightError(f"{file} says {name} = {settings[name]!r}, which is not supported")

        def get(name: str, default: Any = None, *, whole: bool = True) -> Any:
            value = settings.get(name)
            if value is None and default is None:
                raise TilewrightError(f"{file} does not say {name}")
            return number(file, name, default if value is None else value, whole=whole)

        heads, hidden = get("num_attention_heads"), get("hidden_size")
        family = FAMILIES[_MODEL_TYPES[kind]]
        return LlamaConfig(
            layers=get("num_hidden_layers"),
            hidden=hidden,
            ffn=get("intermediate_size"),
            vocab=get("vocab_size"),
            heads=heads,
            kv_heads=get("num_key_value_heads", heads),
            head_width=get("head_dim", 128 if kind == "qwen3" else max(hidden // heads, 1)),
            context=get("max_position_embeddings"),
            rope_base=get("rope_theta", rope.get("rope_theta", 10000.0), whole=False),
            epsilon=get("rms_norm_eps", whole=False),
            tied=bool(settings.get("tie_word_embeddings", False)),
            qkv_bias=bool(family.qkv_bias),
            qk_norm=family.qk_norm,
            sliding_window=get("sliding_window") if self._windowed(kind) else None,
        )

    def _rope(self) -> dict[str, Any]:
        """Return the object that describes the rotary embedding."""
        file, found = self.folder / "config.json", []
        for name in ("rope_parameters", "rope_scaling"):
            rope = self._settings.get(name) or {}
            if not isinstance(rope, dict):
                raise TilewrightError(f"{file} says {name} = {rope!r}: it must be an object")
            found.append(rope)
        if all(found) and found[0] != found[1]:
            raise TilewrightError(f"{file} says rope_parameters = {found[0]!r}, but rope_scaling = {found[1]!r}")
        return found[0] or found[1]

    def _windowed(self, kind: str) -> bool:
        """Return whether attention is limited to ``sliding_window`` in some layer."""
        file, settings = self.folder / "config.json", self._settings
        kinds = settings.get("layer_types") or []
        if not isinstance(kinds, list) or not {"full_attention", "sliding_attention"}.issuperset(map(str, kinds)):
            raise TilewrightError(
                f"{file} says layer_types = {kinds!r}: only 'full_attention' and 'sliding_attention' are supported"
            )
        # Qwen has a window only on request, and its files name one all the same.
        used = settings.get("use_sliding_window", not kind.startswith("qwen"))
        return "sliding_attention" in kinds or bool(used and settings.get("sliding_window") is not None)


def _name(name: str, path: Path) -> str:
    """Return the tensor's name in GGUF."""
    if name in _NAMES:
        return _NAMES[name]
    layer, _, rest = name.removeprefix("model.layers.").partition(".")
    part, _, kind = rest.rpartition(".")
    if layer.isdecimal() and part in _LAYER_NAMES and kind in ("weight", "bias"):
        return f"blk.{int(layer)}.{_LAYER_NAMES[part]}.{kind}"
    raise TilewrightError(f"{path} has a tensor {name}, which is not supported")


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
