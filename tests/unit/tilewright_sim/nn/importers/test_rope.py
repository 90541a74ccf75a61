"""Scaling of the rotary embedding: published settings, GGUF keys and tensors."""

from dataclasses import replace

import numpy as np
import pytest
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.importers.rope import rope_divisors
from tilewright_sim.nn.llm import open_source

LLAMA31 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip


def llama3(frequency, factor, low, high, original):
    """The three cases, one frequency at a time, as Meta's `apply_scaling` has them."""
    wavelength = 2 * np.pi / frequency
    if wavelength < original / high:
        return frequency
    if wavelength > original / low:
        return frequency / factor
    smooth = (original / wavelength - low) / (high - low)
    return (1 - smooth) * frequency / factor + smooth * frequency


@pytest.mark.parametrize(
    ("head_width", "base", "changes"),
    [(128, 5e5, {}), (64, 5e5, {"factor": 32.0}), (16, 1e4, {"original_max_position_embeddings": 256}),
     (128, 5e5, {"low_freq_factor": 2.0, "high_freq_factor": 2.5, "factor": 0.5})],
)  # fmt: skip
def test_llama3_divides_the_low_frequencies(head_width, base, changes):
    rope = LLAMA31 | changes
    divisors = rope_divisors("file", rope, head_width, base)
    frequencies = base ** (-np.arange(0, head_width, 2) / head_width)
    values = [rope[name] for name in ("factor", "low_freq_factor", "high_freq_factor")]
    wanted = [llama3(f, *values, rope["original_max_position_embeddings"]) for f in frequencies]
    assert np.allclose(frequencies / divisors, wanted, rtol=1e-6)
    assert {1.0, rope["factor"]} < set(divisors.tolist())  # and some between
    assert divisors.dtype == np.float32


def test_llama31_8b_has_the_frequencies_that_are_published():
    """By hand: the frequencies 29 to 34 of 64 lie between the wavelengths 2048 and 8192."""
    divisors = rope_divisors("file", LLAMA31, 128, 5e5)
    between = [number for number, divisor in enumerate(divisors) if 1 < divisor < 8]
    assert between == [n for n in range(64) if 2048 < 2 * np.pi * 5e5 ** (n / 64) < 8192] == list(range(29, 35))


@pytest.mark.parametrize("rope", [{}, {"rope_type": "default"}, {"rope_type": "default", "rope_theta": 1e4},
                                  {"type": None, "attention_factor": None}])  # fmt: skip
def test_nothing_is_scaled_by_default(rope):
    assert rope_divisors("file", rope, 8, 1e4) is None


def test_linear_divides_every_frequency():
    assert rope_divisors("file", {"type": "linear", "factor": 4.0}, 8, 1e4).tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize(
    ("rope", "says"),
    [
        (
            {"rope_type": "yarn", "factor": 4.0},
            "file says rope_type = 'yarn', which is not supported; supported are: def",
        ),
        ({"rope_type": "longrope"}, "rope_type = 'longrope', which is not supported"),
        ({"full_attention": {"rope_type": "default"}}, "says full_attention = .* with rope_type = 'default', which is"),
        ({"type": "linear", "factor": 4.0, "attention_factor": 2.0}, "says attention_factor = 2.0 with rope_type"),
        ({"type": "linear", "factor": True}, "says factor = True: it must be a number"),
        (LLAMA31 | {"original_max_position_embeddings": None}, "says original_max_position_embeddings = None: it must"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(rope, says):
    with pytest.raises(TilewrightError, match=says):
        rope_divisors("file", rope, 8, 1e4)


@pytest.mark.parametrize("name", ["rope_scaling", "rope_parameters"])
def test_a_folder_gives_its_divisors(tmp_path, name):
    tensors = tiny_llama.weights()
    rope = LLAMA31 | {"original_max_position_embeddings": 256}
    folder = tiny_llama.write_published(tmp_path / "model", tiny_llama.CONFIG, tensors, **{name: rope})
    assert np.array_equal(open_source(folder).rope_factors(), rope_divisors("file", rope, 16, 1e4))


def test_the_base_may_be_among_the_parameters(tmp_path):
    folder = tiny_llama.write_published(
        tmp_path / "model",
        tiny_llama.CONFIG,
        tiny_llama.weights(),
        rope_theta=None,
        rope_parameters={"rope_theta": 5e5},
    )
    assert open_source(folder).config.rope_base == 5e5


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, None),
        ({"type": "none", "factor": 4.0}, None),
        ({"factor": 4.0}, 4),
        ({"type": "linear", "factor": 4.0}, 4),
        ({"type": "linear", "factor": 0.0}, None),
        ({"type": "none", "original_context_length": 2048}, None),
    ],
)
def test_a_gguf_file_scales_as_its_keys_say(tmp_path, changes, wanted):
    fields = {f"llama.rope.scaling.{name}": value for name, value in changes.items()}
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", **fields))
    found = source.rope_factors()
    assert found is None if wanted is None else found.tolist() == [wanted] * 8
    scaled = tiny_llama.weights() | {"rope_freqs.weight": np.arange(1, 9, dtype=np.float32)}
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "scaled.gguf", tensors=scaled, **fields))
    assert source.rope_factors().tolist() == [number * (wanted or 1) for number in range(1, 9)]


def test_divisors_of_a_file_must_be_above_0(tmp_path):
    tensors = tiny_llama.weights() | {"rope_freqs.weight": np.zeros(8, dtype=np.float32)}
    with pytest.raises(TilewrightError, match=r"rope_freqs\.weight has elements that are not above 0"):
        GgufModel(tiny_llama.write_gguf(tmp_path / "zero.gguf", tensors=tensors))


def test_a_window_limits_the_length_only_where_it_is_shorter_than_the_context(tmp_path):
    config = tiny_llama.CONFIG
    for window, longest, limit in ((None, 64, "context"), (0, 64, "context"), (64, 64, "context"), (100, 64, "context"),
                                   (63, 63, "sliding window")):  # fmt: skip
        source = GgufModel(tiny_llama.write_gguf(tmp_path / "a.gguf", llama__attention__sliding_window=window))
        assert (source.config.longest, source.config.limit) == (longest, limit)
    assert replace(config, sliding_window=8).longest == 8


@pytest.mark.parametrize(
    ("config", "settings", "window"),
    [
        (tiny_llama.CONFIG, {"model_type": "mistral", "sliding_window": 32}, 32),
        (tiny_llama.CONFIG, {"model_type": "mistral", "sliding_window": None}, None),
        (tiny_llama.QWEN2, {"sliding_window": 32, "max_window_layers": 1}, None),
        (tiny_llama.QWEN2, {"sliding_window": 32, "use_sliding_window": False}, None),
        (tiny_llama.QWEN2, {"sliding_window": 32, "use_sliding_window": True}, 32),
        (tiny_llama.QWEN3, {"sliding_window": 32, "layer_types": ["full_attention", "sliding_attention"]}, 32),
        (tiny_llama.QWEN3, {"layer_types": ["full_attention"] * 2}, None),
    ],
)
def test_a_folder_has_a_window_if_some_layer_uses_it(tmp_path, config, settings, window):
    folder = tiny_llama.write_published(tmp_path / "model", config, tiny_llama.weights(config), **settings)
    assert open_source(folder).config.sliding_window == window
