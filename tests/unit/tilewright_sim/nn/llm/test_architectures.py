"""Llama, Mistral, Qwen2 and Qwen3, in both kinds of files: the float model against the published definitions."""

from dataclasses import replace

import numpy as np
import pytest
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.llm import open_source
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.int8.golden import GoldenModel
from tilewright_sim.nn.llm.int8.quantize import load_model, quantize_model

TOKENS = [5, 200, 31, 31, 7, 90, 255, 12, 3, 77]
CONFIGS = {
    "llama": tiny_llama.CONFIG,
    "llama-3.1": tiny_llama.CONFIG,
    "mistral": replace(tiny_llama.CONFIG, tied=False, head_width=32),
    "qwen2": tiny_llama.QWEN2,
    "qwen3": tiny_llama.QWEN3,
}
SETTINGS = {
    "llama-3.1": {"rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                   "high_freq_factor": 4.0, "original_max_position_embeddings": 64}},
    "mistral": {"model_type": "mistral", "sliding_window": 64},
    "qwen2": {"sliding_window": 8, "use_sliding_window": False},
}  # fmt: skip


def rotated(x, position, frequencies):
    """`apply_rotary_pos_emb` of transformers: element i of a head belongs to element i + half."""
    angles = np.concatenate([position * frequencies, position * frequencies])
    half = len(x) // 2
    return x * np.cos(angles) + np.concatenate([-x[half:], x[:half]]) * np.sin(angles)


def normed(x, weight, epsilon):
    return x / np.sqrt((x**2).mean() + epsilon) * weight


def reference(config, tensors, tokens, frequencies):
    """The published definition in float64, token by token and head by head.

    As in ``modeling_llama.py``, ``modeling_qwen2.py`` (biases of queries, keys and values) and ``modeling_qwen3.py``
    (norms of the heads of queries and keys before their rotation) of transformers.
    """
    tensors = {name: values.astype(np.float64) for name, values in tensors.items()}
    states = [tensors["token_embd.weight"][token] for token in tokens]
    for layer in range(config.layers):
        part = {name[6:]: values for name, values in tensors.items() if name.startswith(f"blk.{layer}.")}
        keys, values = [], []
        for position, x in enumerate(states):
            n = normed(x, part["attn_norm.weight"], config.epsilon)
            heads = {}
            for name in ("attn_q", "attn_k", "attn_v"):
                flat = part[f"{name}.weight"] @ n + part.get(f"{name}.bias", 0)
                heads[name] = list(flat.reshape(-1, config.head_width))
                if f"{name}_norm.weight" in part:
                    weight = part[f"{name}_norm.weight"]
                    heads[name] = [normed(head, weight, config.epsilon) for head in heads[name]]
            keys.append([rotated(head, position, frequencies) for head in heads["attn_k"]])
            values.append(heads["attn_v"])
            mixed = []
            for number, head in enumerate(heads["attn_q"]):
                query, shared = rotated(head, position, frequencies), number // (config.heads // config.kv_heads)
                scores = np.array([query @ key[shared] for key in keys]) / np.sqrt(config.head_width)
                weights = np.exp(scores - scores.max())
                mixed.append(sum(w * v[shared] for w, v in zip(weights / weights.sum(), values, strict=True)))
            x = x + part["attn_output.weight"] @ np.concatenate(mixed)  # noqa: PLW2901
            n = normed(x, part["ffn_norm.weight"], config.epsilon)
            gate = part["ffn_gate.weight"] @ n
            states[position] = x + part["ffn_down.weight"] @ (gate / (1 + np.exp(-gate)) * (part["ffn_up.weight"] @ n))
    output = tensors["token_embd.weight" if config.tied else "output.weight"]
    return np.array([output @ normed(x, tensors["output_norm.weight"], config.epsilon) for x in states])


def frequencies(name, config):
    plain = config.rope_base ** (-np.arange(0, config.head_width, 2) / config.head_width)
    if name != "llama-3.1":
        return plain
    wavelengths = 2 * np.pi / plain
    smooth = (64 / wavelengths - 1) / (4 - 1)
    scaled = np.where(wavelengths > 64, plain / 8, (1 - smooth) * plain / 8 + smooth * plain)
    return np.where(wavelengths < 16, plain, scaled)


def converted(name, config, tensors):
    """What llama.cpp's converter makes of published tensors: pairs for Llama, and the divisors of Llama 3.1."""
    made = dict(tensors)
    for tensor, values in tensors.items():
        if config.qkv_bias or config.qk_norm or not any(part in tensor for part in ("attn_q", "attn_k")):
            continue
        heads = len(values) // config.head_width
        made[tensor] = values.reshape(heads, 2, config.head_width // 2, -1).swapaxes(1, 2).reshape(values.shape)
    if name == "llama-3.1":
        plain = frequencies("llama", config)
        made["rope_freqs.weight"] = (plain / frequencies(name, config)).astype(np.float32)
    return made


def open_both(name, folder):
    config = CONFIGS[name]
    tensors = tiny_llama.weights(config)
    published = tiny_llama.write_published(folder / "published", config, tensors, **SETTINGS.get(name, {}))
    file = tiny_llama.write_gguf(folder / "tiny.gguf", config, {}, tensors=converted(name, config, tensors))
    return tensors, open_source(published), open_source(file)


@pytest.mark.parametrize("name", CONFIGS)
def test_both_files_compute_the_published_definition(tmp_path, name):
    tensors, *sources = open_both(name, tmp_path)
    config = CONFIGS[name]
    want = reference(config, tensors, TOKENS, frequencies(name, config))
    for source in sources:
        (logits,) = FloatModel(source).forward([TOKENS])
        assert np.abs(logits - want).max() < 2e-4 * np.abs(want).max()


@pytest.mark.parametrize("name", ["qwen2", "qwen3"])
def test_the_int8_network_is_close_to_the_float_model_and_survives_the_cache(tmp_path, monkeypatch, name):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))
    _, _, source = open_both(name, tmp_path)
    (want,) = FloatModel(source).forward([TOKENS])
    first = load_model(source.path)
    error = GoldenModel(first, 10).forward(TOKENS, logits="all") - want
    assert 0.001 < np.sqrt(np.mean(error**2) / np.mean(want**2)) < 0.05
    again = load_model(source.path, lambda *_: pytest.fail("quantized once more"))
    for one, other in zip(first.layers, again.layers, strict=True):
        for vector in ("qkv_bias", "query_norm", "key_norm"):
            assert np.array_equal(getattr(one, vector), getattr(other, vector))
    assert (first.layers[0].qkv_bias is None) == (name == "qwen3")


def test_biases_and_norms_matter_in_the_int8_network(tmp_path):
    for name, vectors in (("qwen2", ["qkv_bias"]), ("qwen3", ["query_norm", "key_norm"])):
        (tmp_path / name).mkdir()
        _, _, source = open_both(name, tmp_path / name)
        model = quantize_model(source)
        right = GoldenModel(model, 10).forward(TOKENS)
        without = replace(model, layers=[replace(layer, **dict.fromkeys(vectors)) for layer in model.layers])
        assert np.abs(GoldenModel(without, 10).forward(TOKENS) - right).max() > 0.05 * np.abs(right).max()


def test_llama_files_may_have_biases_of_queries_keys_and_values(tmp_path):
    """As llama.cpp reads them: rows in the order of pairs."""
    config = replace(tiny_llama.CONFIG, qkv_bias=True)
    published = tiny_llama.weights(config)
    tensors = converted("llama", tiny_llama.CONFIG, published)
    fields = {"general.architecture": "llama"} | {
        f"llama.{name.removeprefix('qwen2.')}": value
        for name, value in (("block_count", 2), ("context_length", 64), ("embedding_length", 64),
                            ("feed_forward_length", 160), ("attention.head_count", 4), ("attention.head_count_kv", 2),
                            ("attention.layer_norm_rms_epsilon", 1e-5))
    }  # fmt: skip
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", config, {}, tensors=tensors, **fields))
    (logits,) = FloatModel(source).forward([TOKENS])
    want = reference(config, published, TOKENS, frequencies("llama", config))
    assert np.abs(logits - want).max() < 2e-4 * np.abs(want).max()


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("qwen2", {"blk.1.attn_k.bias": None}, "has no tensor blk.1.attn_k.bias: it is incomplete"),
        ("qwen3", {"blk.0.attn_q_norm.weight": None}, "has no tensor blk.0.attn_q_norm.weight"),
        ("llama", {"blk.0.attn_q_norm.weight": 16}, "has a tensor blk.0.attn_q_norm.weight, which is not supported"),
        ("qwen3", {"blk.0.attn_q.bias": 96}, "has a tensor blk.0.attn_q.bias, which is not supported"),
        ("qwen2", {"blk.0.attn_output.bias": 64}, "has a tensor blk.0.attn_output.bias, which is not supported"),
        ("llama", {"blk.1.ffn_gate_inp.weight": 64}, "has a tensor blk.1.ffn_gate_inp.weight, which is not supported"),
        ("llama", {"blk.0.attn_sinks.weight": 4}, "has a tensor blk.0.attn_sinks.weight, which is not supported"),
    ],
)
def test_tensors_that_are_missing_or_unknown_are_named(tmp_path, name, change, says):
    tensors = converted(name, CONFIGS[name], tiny_llama.weights(CONFIGS[name]))
    tensors |= {tensor: np.ones(size, np.float32) for tensor, size in change.items() if size}
    tensors = {tensor: values for tensor, values in tensors.items() if change.get(tensor, 1)}
    with pytest.raises(TilewrightError, match=says):
        GgufModel(tiny_llama.write_gguf(tmp_path / "bad.gguf", CONFIGS[name], {}, tensors=tensors))


@pytest.mark.parametrize(
    ("tensor", "says"),
    [
        ("model.layers.0.self_attn.rotary_emb.inv_freq", None),
        ("model.layers.0.self_attn.q_proj.bias", "has a tensor blk.0.attn_q.bias, which is not supported"),
        ("model.layers.0.block_sparse_moe.gate.weight", "has a tensor model.layers.0.block_sparse_moe.gate.weight,"),
        ("model.layers.0.self_attn.q_proj.weight_scale", "q_proj.weight_scale, which is not supported"),
        ("score.weight", "has a tensor score.weight, which is not supported"),
    ],
)
def test_published_tensors_that_are_unknown_are_named(tmp_path, tensor, says):
    folder = tiny_llama.write_published(tmp_path / "model", tiny_llama.CONFIG, tiny_llama.weights())
    file = folder / "model.safetensors"
    from safetensors.numpy import load_file, save_file

    save_file(load_file(file) | {tensor: np.ones(64, np.float32)}, file)
    if says is None:
        assert len(open_source(folder).names()) == len(tiny_llama.weights())
        return
    with pytest.raises(TilewrightError, match=says):
        open_source(folder)
