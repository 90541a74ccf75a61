"""Models from GGUF and safetensors: the same tensors, and every mistake is one line."""

import json
from dataclasses import replace

import numpy as np
import pytest
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import GgufModel, SafetensorsModel
from tilewright_sim.nn.importers.source import tensor_shapes
from tilewright_sim.nn.llm import open_source

LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}  # fmt: skip


@pytest.fixture
def tiny(tmp_path):
    return tiny_llama.write_gguf(tmp_path / "tiny.gguf")


def test_a_gguf_file_gives_sizes_and_dequantized_tensors(tiny):
    source = GgufModel(tiny)
    assert replace(source.config, epsilon=1e-5) == tiny_llama.CONFIG  # it is a float32 in the file
    original = tiny_llama.weights()
    assert set(source.names()) == set(original)
    for name, shape in tensor_shapes(source.config):
        values = source.tensor(name)
        assert values.shape == shape
        assert values.dtype == np.float32
        # Four bits leave an error of a fifteenth of a block's range, halved.
        assert np.abs(values - original[name]).max() <= np.abs(original[name]).max() / 7
    exact = [name for name in original if "norm" in name]
    assert all(np.array_equal(source.tensor(name), original[name]) for name in exact)


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0", "Q4_0", "Q4_1", "Q5_1", "BF16"])
def test_all_tensors_may_be_of_one_type(tmp_path, kind):
    source = GgufModel(
        tiny_llama.write_gguf(
            tmp_path / "one.gguf",
            kinds={"attn_": kind, "ffn_": kind}
            if kind in ("F32", "F16", "BF16")
            else dict.fromkeys(tiny_llama.KINDS, kind),
        )
    )
    assert np.isfinite(source.tensor("blk.1.ffn_down.weight")).all()


def test_q6_k_is_dequantized(tmp_path):
    """By hand: a value is d * scale * (q - 32). With d = 0.5, all scales 3 and all q = 33 that is 1.5."""
    block = np.frombuffer(bytes([0x11] * 128 + [0xAA] * 64 + [3] * 16) + np.float16(0.5).tobytes(), dtype=np.uint8)
    config = replace(tiny_llama.CONFIG, ffn=256)
    path = tiny_llama.write_gguf(tmp_path / "q6.gguf", config, {"ffn_down": "Q6_K"}, raw=np.tile(block, (64, 1)))
    assert np.array_equal(GgufModel(path).tensor("blk.1.ffn_down.weight"), np.full((64, 256), 1.5, np.float32))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"general__architecture": "mamba"},
            "architecture 'mamba', which is not supported; supported are: llama, qwen2, qwen3",
        ),
        ({"llama__block_count": 3}, "has no tensor blk.2.attn_norm.weight"),
        ({"llama__block_count": 1}, "has a tensor blk.1.attn_norm.weight, which"),
        ({"llama__feed_forward_length": 128}, r"blk.0.ffn_gate.weight is \[160, 64\], it must be \[128, 64\]"),
        ({"llama__context_length": None}, "does not say llama.context_length"),
        ({"llama__context_length": 0}, "context_length = 0: it must be a whole number, more than 0"),
        ({"llama__context_length": "long"}, "context_length = 'long': it must be a whole number"),
        ({"llama__rope__scaling__type": "yarn"}, "rope.scaling.type = 'yarn', which is not supported"),
        ({"llama__expert_count": 4}, "expert_count = 4, which is not supported"),
        ({"llama__rope__scaling__factor": -2.0}, "rope.scaling.factor = -2.0: it must be a number, more than 0"),
        ({"llama__attention__sliding_window": "all"}, "sliding_window = 'all': it must be a whole number"),
        ({"llama__attention__sliding_window_pattern": 2}, "sliding_window_pattern = 2, which is not supported"),
        ({"llama__attention__max_alibi_bias": 8.0}, "max_alibi_bias = 8.0, which is not supported"),
        ({"llama__attention__scale": 0.125}, "attention.scale = 0.125, which is not supported"),
        ({"llama__residual_scale": 0.5}, "residual_scale = 0.5, which is not supported"),
        ({"llama__attn_logit_softcapping": 50.0}, "attn_logit_softcapping = 50.0, which is not supported"),
        ({"llama__logit_scale": 0.25}, "logit_scale = 0.25, which is not supported"),
        ({"llama__anything__new": "yes"}, "anything.new = 'yes', which is not supported"),
        ({"llama__attention__head_count": "two"}, "head_count = 'two': it must be a whole number"),
        ({"llama__attention__head_count": 0}, "head_count = 0: it must be a whole number, more than 0"),
        ({"llama__embedding_length": 1 << 31}, "embedding_length = 2147483648: it must be a whole number"),
        ({"llama__attention__layer_norm_rms_epsilon": "small"}, "epsilon = 'small': it must be a number"),
        ({"llama__rope__freq_base": [1.0, 2.0]}, r"freq_base = \[1.0, 2.0\]: it must be a number"),
        ({"llama__rope__dimension_count": 8}, "rope.dimension_count is not the width of a head"),
        ({"llama__attention__head_count_kv": 3}, "heads = 4: must be a multiple of kv_heads = 3"),
    ],
)
def test_a_file_that_cannot_run_says_why(tmp_path, changes, says):
    with pytest.raises(TilewrightError, match=says):
        GgufModel(tiny_llama.write_gguf(tmp_path / "bad.gguf", **changes))


def test_a_type_that_cannot_be_dequantized_is_named(tmp_path):
    """The package says that 32 values take 40 bytes, and no more."""
    raw = np.zeros((64, 5 * 40), np.uint8)
    path = tiny_llama.write_gguf(tmp_path / "q81.gguf", kinds={"ffn_down": "Q8_1"}, raw=raw)
    with pytest.raises(TilewrightError, match=r"blk.0.ffn_down.weight is Q8_1, which cannot be dequantized"):
        GgufModel(path)


def test_a_file_that_is_not_gguf_is_refused(tmp_path, tiny):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"hello")
    with pytest.raises(TilewrightError, match=r"other.gguf is not a GGUF file: it begins with b'hell'"):
        open_source(other)
    with pytest.raises(TilewrightError, match=r"there is no file .*missing.gguf: give a GGUF file, or run"):
        open_source(tmp_path / "missing.gguf")
    whole = tiny.read_bytes()
    for size in (4, 20, 1000, len(whole) // 2, len(whole) - 1000):
        other.write_bytes(whole[:size])
        with pytest.raises(
            TilewrightError, match=r"other.gguf is damaged or incomplete, or newer .+: download it again"
        ) as caught:
            open_source(other)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("config", [tiny_llama.CONFIG, tiny_llama.QWEN2, tiny_llama.QWEN3], ids=tiny_llama.family)
def test_safetensors_give_the_same_tensors(tmp_path, config):
    first = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", config))
    folder = tiny_llama.write_safetensors(tmp_path / "published", first)
    for path in (folder, folder / "model.safetensors"):
        second = open_source(path)
        assert isinstance(second, SafetensorsModel)
        assert (second.config.rope_base, second.config) == (10000.0, first.config)
        for name in first.names():
            assert np.array_equal(second.tensor(name), first.tensor(name)), name


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"model_type": "gpt2"},
            "model_type = 'gpt2', which is not supported; supported are: llama, mistral, qwen2, qwen3",
        ),
        ({"model_type": ["llama"]}, r"model_type = \['llama'\], which is not supported"),
        (
            {"rope_scaling": {"type": "yarn", "factor": 4.0}},
            "rope_type = 'yarn', which is not supported; supported are",
        ),
        ({"rope_scaling": {"type": "dynamic"}}, "rope_type = 'dynamic', which is not supported"),
        ({"rope_scaling": {"type": "linear"}}, "says factor = None: it must be a number"),
        ({"rope_scaling": {"factor": 2.0}}, "says factor = 2.0 with rope_type = 'default', which is not supported"),
        (
            {"rope_scaling": {"rope_type": "linear", "factor": 2.0, "beta_fast": 32}},
            "says beta_fast = 32 with rope_type",
        ),
        ({"rope_scaling": LLAMA3 | {"high_freq_factor": 1.0}}, "high_freq_factor = 1.0: it must be above low_freq_"),
        ({"rope_scaling": LLAMA3 | {"factor": "8"}}, "says factor = '8': it must be a number"),
        (
            {"rope_scaling": LLAMA3, "rope_parameters": LLAMA3 | {"factor": 9.0}},
            "says rope_parameters = .*, but rope_sc",
        ),
        ({"attention_bias": True}, "says attention_bias = True"),
        ({"hidden_act": "gelu"}, "says hidden_act = 'gelu', which is not supported"),
        ({"sliding_window": "all"}, "says sliding_window = 'all': it must be a whole number"),
        ({"num_experts": 8}, "says num_experts = 8, which is not supported"),
        ({"residual_multiplier": 0.2}, "says residual_multiplier = 0.2, which is not supported"),
        ({"attention_multiplier": 0.2}, "says attention_multiplier = 0.2, which is not supported"),
        ({"alibi": True}, "says alibi = True, which is not supported"),
        ({"partial_rotary_factor": 0.5}, "says partial_rotary_factor = 0.5, which is not supported"),
        ({"final_logit_softcapping": 30.0}, "says final_logit_softcapping = 30.0, which is not supported"),
        ({"layer_types": ["sliding_attention"]}, "does not say sliding_window"),
        ({"layer_types": ["linear_attention"]}, "layer_types = .'linear_attention'.: only 'full_attention' and"),
        ({"quantization_config": {"bits": 4}}, "says quantization_config = .*, which is not supported"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "says factor = None: it must be a number"),
        ({"rope_parameters": [1]}, r"says rope_parameters = \[1\]: it must be an object"),
        ({"num_attention_heads": "four"}, "says num_attention_heads = 'four': it must be a whole number"),
        ({"num_attention_heads": 0}, "says num_attention_heads = 0: it must be a whole number"),
        ({"rms_norm_eps": None}, "does not say rms_norm_eps"),
        ({"rms_norm_eps": float("nan")}, "says rms_norm_eps = nan: it must be a number"),
        ({"hidden_size": True}, "says hidden_size = True: it must be a whole number"),
        ({"vocab_size": 100}, "token_embd.weight is .264, 64., it must be .100, 64."),
        ({"tie_word_embeddings": False}, "has no tensor output.weight"),
    ],
)
def test_a_folder_that_cannot_run_says_why(tmp_path, tiny, changes, says):
    folder = tiny_llama.write_safetensors(tmp_path / "published", GgufModel(tiny), **changes)
    with pytest.raises(TilewrightError, match=says):
        open_source(folder)


def test_damaged_safetensors_are_refused(tmp_path, tiny):
    folder = tiny_llama.write_safetensors(tmp_path / "published", GgufModel(tiny))
    file = folder / "model.safetensors"
    whole = file.read_bytes()
    for content, says in ((b"hello", "is not a safetensors file"), (whole[:-9], "lies beyond its end"),
                          (whole[:8] + b"{" * 4000, "not JSON"),
                          (nested(whole), "nested too deeply"), (overlapping(whole), "overlap")):  # fmt: skip
        file.write_bytes(content)
        with pytest.raises(TilewrightError, match=says):
            open_source(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(TilewrightError, match=r"config.json is not JSON"):
        open_source(folder)
    file.unlink()
    with pytest.raises(TilewrightError, match="there is no file"):
        open_source(folder)


def nested(whole):
    header = b"[" * 5000
    return len(header).to_bytes(8, "little") + header + whole[-1000:]


def overlapping(whole):
    """The file with the second tensor where the first is."""
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    names = [name for name in header if name != "__metadata__" and len(header[name]["shape"]) == 1]
    header[names[1]]["data_offsets"] = header[names[0]]["data_offsets"]
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + length :]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_a_number_is_refused_by_its_name(tmp_path, tiny, value):
    folder = tiny_llama.write_safetensors(tmp_path / "published", GgufModel(tiny))
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    length = int.from_bytes(content[:8], "little")
    first, _ = json.loads(content[8 : 8 + length])["model.layers.1.mlp.up_proj.weight"]["data_offsets"]
    content[8 + length + first : 12 + length + first] = np.float32(value).tobytes()
    file.write_bytes(content)
    with pytest.raises(TilewrightError, match=r"blk\.1\.ffn_up\.weight has elements that are not finite"):
        open_source(folder).tensor("blk.1.ffn_up.weight")


def test_bf16_is_read_exactly(tmp_path, tiny):
    """1.5 is 0x3FC0 in BF16: the upper half of a float32."""
    folder = tiny_llama.write_safetensors(tmp_path / "published", GgufModel(tiny))
    file = folder / "model.safetensors"
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    entry = header["model.norm.weight"]
    first, last = entry["data_offsets"]
    entry.update(dtype="BF16", data_offsets=[first, (first + last) // 2])
    body[first : (first + last) // 2] = bytes.fromhex("c03f") * 64
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + body)
    assert np.array_equal(open_source(folder).tensor("output_norm.weight"), np.full(64, 1.5, np.float32))
