"""Quantization of weights to int8, with one scale for each output channel; the result is cached."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError, cache_folder
from tilewright_sim.cache import scratch
from tilewright_sim.nn import LlamaConfig
from tilewright_sim.nn.importers import GgufModel, SafetensorsModel, Source, Tokenizer, read_tokenizer

from ..float_model import FloatModel
from ..host_ops import HostOps, Rotation, quantize_rows
from .smooth import MAX_TOKENS, calibration_text, smooth

__all__ = ["Int8Layer", "Int8Model", "Linear", "load_model", "open_source", "quantize_model"]

FORMAT = 5
"""Version of the format of cached models."""
Progress = Callable[[int, int], None]
"""Called with the number of layers done and the number of all layers."""
_PARTS = ("qkv", "output", "gate_up", "down")
_VECTORS = ("attention_norm", "feed_forward_norm", "qkv_bias", "query_norm", "key_norm")


@dataclass(frozen=True)
class Linear:
    """A linear layer: ``weight`` int8 [outputs, inputs] and ``scale`` float32 [outputs]."""

    weight: NDArray[np.int8]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, *weights: NDArray[np.float32]) -> "Linear":
        """Quantize one weight, or the concatenation of several with the same inputs."""
        values, scales = quantize_rows(np.concatenate(weights))
        return cls(values, scales[:, 0])


@dataclass(frozen=True)
class Int8Layer:
    """A layer of the network; queries, keys and values are one linear layer, and so are gate and up.

    ``qkv_bias`` [q_width + 2 kv_width] is added in float32 to the scaled sums of ``qkv``. ``query_norm`` and
    ``key_norm`` [head_width] are the weights of the norm of each head of queries and keys before rotation. They are
    None if the model has none.
    """

    attention_norm: NDArray[np.float32]
    feed_forward_norm: NDArray[np.float32]
    qkv: Linear
    output: Linear
    gate_up: Linear
    down: Linear
    qkv_bias: NDArray[np.float32] | None = None
    query_norm: NDArray[np.float32] | None = None
    key_norm: NDArray[np.float32] | None = None

    @property
    def linears(self) -> dict[str, Linear]:
        """The linear layers by name."""
        return {part: getattr(self, part) for part in _PARTS}


@dataclass(frozen=True)
class Int8Model:
    """A model with int8 weights.

    Parameters
    ----------
    config : LlamaConfig
    tokenizer : Tokenizer
    embedding : Linear
        ``weight`` [vocab, hidden]: a row for each token.
    layers : list of Int8Layer
    output_norm : float32 array [hidden]
    output : Linear
        The output layer; the same object as ``embedding`` if they are tied.
    rope_factors : float32 array [head_width / 2] or None
    """

    config: LlamaConfig
    tokenizer: Tokenizer
    embedding: Linear
    layers: list[Int8Layer]
    output_norm: NDArray[np.float32]
    output: Linear
    rope_factors: NDArray[np.float32] | None

    def embed(self, tokens: list[int]) -> NDArray[np.float32]:
        """Return the embeddings of tokens, [tokens, hidden]."""
        return self.embedding.weight[tokens].astype(np.float32) * self.embedding.scale[tokens][:, None]

    def host_ops(self) -> HostOps:
        """Return the host's operations for this model."""
        return HostOps(self.config.epsilon, Rotation(self.config.head_width, self.config.rope_base, self.rope_factors))


def open_source(path: Path) -> Source:
    """Open a GGUF file, or a folder or file of safetensors.

    Raises
    ------
    TilewrightError
        If the file does not exist, or is invalid.
    """
    if not path.exists():
        raise TilewrightError(f"there is no file {path}: give a GGUF file, or run `tilewright model fetch smollm2`")
    if path.is_dir() or path.suffix == ".safetensors":
        return SafetensorsModel(path)
    return GgufModel(path)


def quantize_model(source: Source, progress: Progress | None = None) -> Int8Model:
    """Quantize all weights of a model, layer by layer.

    The float model reads `smooth.calibration_text`, and each layer is smoothed for the activations of that text.
    """
    config = source.config
    tokenizer = read_tokenizer(source)
    floats, embeddings = FloatModel(source), source.tensor("token_embd.weight")
    x = embeddings[tokenizer.encode(calibration_text())[: min(MAX_TOKENS, config.longest)]]
    embedding = Linear.of(embeddings)
    layers = []
    for number in range(config.layers):
        weights = floats.weights(number)
        largest: dict[str, NDArray[np.float32]] = {}

        def observe(name: str, values: NDArray, largest: dict[str, NDArray] = largest) -> None:
            largest[name] = np.abs(values).max(axis=0)

        x = floats.layer(x, weights, observe)
        layers.append(_int8_layer(smooth(weights, largest)))
        if progress:
            progress(number + 1, config.layers)
    output = embedding if config.tied else Linear.of(source.tensor("output.weight"))
    norm = source.tensor("output_norm.weight")
    return Int8Model(config, tokenizer, embedding, layers, norm, output, source.rope_factors())


def _int8_layer(weights: dict[str, NDArray[np.float32]]) -> Int8Layer:
    biases = [weights[name] for name in ("attn_q.bias", "attn_k.bias", "attn_v.bias") if name in weights]
    return Int8Layer(
        weights["attn_norm"],
        weights["ffn_norm"],
        Linear.of(weights["attn_q"], weights["attn_k"], weights["attn_v"]),
        Linear.of(weights["attn_output"]),
        Linear.of(weights["ffn_gate"], weights["ffn_up"]),
        Linear.of(weights["ffn_down"]),
        np.concatenate(biases) if biases else None,
        weights.get("attn_q_norm"),
        weights.get("attn_k_norm"),
    )


def load_model(path: Path, progress: Progress | None = None) -> Int8Model:
    """Return the quantized model of a file, from the cache if it was quantized before.

    The key in the cache is a hash of the file's contents, so a changed file is quantized again.

    Raises
    ------
    TilewrightError
        If the file is invalid.
    """
    if not path.exists():
        open_source(path)
    kept = cache_folder() / "models" / f"int8-{FORMAT}-{_digest(path)}.npz"
    if kept.exists():
        with suppress(OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):  # damaged
            return _read(kept)
    model = quantize_model(open_source(path), progress)
    _write(kept, model)
    return model


def _digest(path: Path) -> str:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    if path.suffix == ".safetensors" and path.is_file():
        files = [*sorted(path.parent.glob("*.json")), path]
    content = hashlib.sha256()
    try:
        for file in files:
            if file.suffix in (".json", ".safetensors", ".gguf") or len(files) == 1:
                content.update(file.name.encode() if len(files) > 1 else b"")
                with file.open("rb") as stream:
                    content.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise TilewrightError(f"cannot read {error.filename or path}: {error.strerror}") from None
    return content.hexdigest()[:24]


def _write(path: Path, model: Int8Model) -> None:
    arrays: dict[str, NDArray] = {"output_norm": model.output_norm}
    linears = {"embedding": model.embedding} | ({} if model.config.tied else {"output": model.output})
    for number, layer in enumerate(model.layers):
        linears |= {f"{number}.{part}": linear for part, linear in layer.linears.items()}
        vectors = {f"{number}.{name}": getattr(layer, name) for name in _VECTORS}
        arrays |= {name: vector for name, vector in vectors.items() if vector is not None}
    for name, linear in linears.items():
        arrays |= {f"{name}.weight": linear.weight, f"{name}.scale": linear.scale}
    if model.rope_factors is not None:
        arrays["rope_factors"] = model.rope_factors
    about = {"config": asdict(model.config), "tokenizer": model.tokenizer.to_json()}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    try:
        with scratch(path.parent, "tilewright-int8") as temporary:
            whole = temporary / path.name
            np.savez(whole, **arrays)  # type: ignore[arg-type]  # its other arguments are not among the names
            whole.replace(path)
    except OSError as error:
        raise TilewrightError(f"cannot write the quantized model to {path.parent}: {error.strerror}") from None


def _read(path: Path) -> Int8Model:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:  # which checks the checksum of each
        return _from_arrays(arrays)


def _from_arrays(arrays: Any) -> Int8Model:
    about = json.loads(arrays["about"].tobytes())
    config = LlamaConfig(**about["config"])

    def linear(name: str) -> Linear:
        return Linear(arrays[f"{name}.weight"], arrays[f"{name}.scale"])

    def layer(number: int) -> Int8Layer:
        parts: dict[str, Any] = {part: linear(f"{number}.{part}") for part in _PARTS}
        return Int8Layer(**parts, **{name: arrays.get(f"{number}.{name}", None) for name in _VECTORS})

    layers = [layer(number) for number in range(config.layers)]
    embedding = linear("embedding")
    return Int8Model(
        config,
        Tokenizer.from_json(about["tokenizer"]),
        embedding,
        layers,
        arrays["output_norm"],
        embedding if config.tied else linear("output"),
        arrays.get("rope_factors", None),
    )
