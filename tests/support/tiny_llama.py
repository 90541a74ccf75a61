"""Small random models of the supported architectures, as GGUF files and as folders with safetensors."""

import json
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file
from tokenizers import pre_tokenizers

from tilewright_sim.nn import LlamaConfig
from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.importers.source import tensor_shapes

CONFIG = LlamaConfig(
    layers=2, hidden=64, ffn=160, vocab=264, heads=4, kv_heads=2, head_width=16, context=64, rope_base=10000.0,
    epsilon=1e-5, tied=True,
)  # fmt: skip
TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}{{ eos_token }}"
QWEN2 = replace(CONFIG, qkv_bias=True)
QWEN3 = replace(CONFIG, qk_norm=True, head_width=24, tied=False)
KINDS = {
    "attn_q": "Q8_0", "attn_k": "F16", "attn_v": "Q4_0", "attn_output": "Q4_1", "ffn_gate": "Q5_0", "ffn_up": "BF16",
    "ffn_down": "Q8_0", "token_embd": "Q8_0",
}  # fmt: skip


def vocabulary() -> tuple[list[str], list[str], list[int]]:
    """All bytes, five pairs and three tokens that are no text: tokens, merges, types."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = ["t h", "th e", "Ġ the", "i n", "e r"]
    tokens = [*letters, *(pair.replace(" ", "") for pair in pairs), "<|end|>", "<|user|>", "<|pad|>"]
    return tokens, pairs, [1] * (len(tokens) - 3) + [3] * 3


def weights(config: LlamaConfig = CONFIG, seed: int = 1) -> dict[str, np.ndarray]:
    """Random tensors, of various magnitudes in each row, as a GGUF file has them."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in tensor_shapes(config):
        if name.endswith(".bias"):
            made[name] = rng.standard_normal(shape).astype(np.float32)
        elif len(shape) == 1:
            made[name] = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        else:
            rows = 2.0 ** rng.uniform(-2, 1, (shape[0], 1))
            made[name] = (rng.standard_normal(shape) * rows * shape[1] ** -0.5).astype(np.float32)
    return made


def pieces() -> dict[str, list]:
    """A vocabulary of SentencePiece of as many tokens as `vocabulary` has, as a GGUF file has it."""
    whole = ["▁the", "▁t", "he", "▁", "e"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *whole]
    return {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * 259 + [-0.0, -1.0, -2.0, -3.0, -4.0],
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * 5,
    }


def family(config: LlamaConfig) -> str:
    """The architecture of a model in GGUF, and its ``model_type``."""
    return "qwen2" if config.qkv_bias else "qwen3" if config.qk_norm else "llama"


def write_gguf(
    path: Path, config: LlamaConfig = CONFIG, kinds: dict[str, str] | None = None, raw=None, tensors=None, **changes
) -> Path:
    """Write it.

    ``kinds`` are tensor types by part of a name; ``raw`` are the bytes of a tensor whose type the package cannot
    make; ``tensors`` replace `weights`; ``changes`` replace metadata or remove it (None).
    """
    kinds = KINDS if kinds is None else kinds
    name = family(config)
    tokens, merges, types = vocabulary()
    fields = {
        f"{name}.block_count": config.layers, f"{name}.context_length": config.context,
        f"{name}.embedding_length": config.hidden, f"{name}.feed_forward_length": config.ffn,
        f"{name}.attention.head_count": config.heads, f"{name}.attention.head_count_kv": config.kv_heads,
        f"{name}.rope.freq_base": config.rope_base, f"{name}.attention.layer_norm_rms_epsilon": config.epsilon,
        f"{name}.rope.dimension_count": config.head_width, f"{name}.attention.key_length": config.head_width,
        f"{name}.attention.value_length": config.head_width,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types, "tokenizer.ggml.merges": merges, "tokenizer.ggml.eos_token_id": 261,
        "tokenizer.chat_template": TEMPLATE,
    } | {name.replace("__", "."): value for name, value in changes.items()}  # fmt: skip
    writer = gguf.GGUFWriter(path, fields.pop("general.architecture", name))
    for name, value in fields.items():
        match value:
            case None:
                pass
            case list():
                writer.add_array(name, value)
            case str():
                writer.add_string(name, value)
            case bool():
                writer.add_bool(name, value)
            case float():
                writer.add_float32(name, value)
            case _:
                writer.add_uint32(name, value)
    for name, values in (tensors or weights(config)).items():
        kind = "F32" if values.ndim == 1 else next((kind for part, kind in kinds.items() if part in name), "F32")
        number = gguf.GGMLQuantizationType[kind]
        data = raw if raw is not None and kind != "F32" else gguf.quants.quantize(values, number)
        writer.add_tensor(name, data, raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_safetensors(folder: Path, source: GgufModel, **changes) -> Path:
    """Write what is in a GGUF file as it is published: halves of heads rather than pairs."""
    config = source.config

    def halves(name: str) -> np.ndarray:
        values = source.tensor(name)
        if not any(part in name for part in ("attn_q", "attn_k")):
            return values
        pairs = values.reshape(-1, config.head_width // 2, 2, *values.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(values.shape)

    folder = write_published(folder, config, {name: halves(name) for name in source.names()}, **changes)
    from tilewright_sim.nn.importers import Tokenizer

    tokenizer = Tokenizer.build(source.tokenizer())
    (folder / "tokenizer.json").write_text(tokenizer.inner.data()["ready"])
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    return folder


def write_published(folder: Path, config: LlamaConfig, tensors: dict[str, np.ndarray], **changes) -> Path:
    """Write a model without its tokenizer.

    ``tensors`` have the names of GGUF and are written as they are; ``changes`` replace settings or remove them (None).
    """
    folder.mkdir()
    names = {"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
             "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
             "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}  # fmt: skip
    tops = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
    published = {}
    for name, values in tensors.items():
        part, kind = name.rsplit(".", 1)
        if part not in tops:
            _, layer, part = part.split(".")
            published[f"model.layers.{layer}.{names[part]}.{kind}"] = values
        else:
            published[f"{tops[part]}.{kind}"] = values
    save_file(published, folder / "model.safetensors")
    settings = {
        "model_type": family(config), "num_hidden_layers": config.layers, "hidden_size": config.hidden,
        "intermediate_size": config.ffn, "vocab_size": config.vocab, "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads, "max_position_embeddings": config.context,
        "head_dim": config.head_width, "rope_theta": config.rope_base, "rms_norm_eps": config.epsilon,
        "tie_word_embeddings": config.tied, "eos_token_id": 261,
    } | changes  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings))
    return folder
