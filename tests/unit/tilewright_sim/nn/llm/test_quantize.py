"""Quantized models are kept by content; files say what their weights are; channels are smoothed."""

import numpy as np
import pytest
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.nn.importers import GgufModel, describe_kinds
from tilewright_sim.nn.importers.source import Kind, count_kinds
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.int8.quantize import load_model, open_source, quantize_model
from tilewright_sim.nn.llm.int8.smooth import factors, smooth

TOKENS = [5, 200, 31, 31, 7, 90, 255, 12]


def test_a_quantized_model_is_kept_and_found_by_content(path, model, tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))
    told = []
    first = load_model(path, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    copy = tmp_path / "renamed.gguf"
    copy.write_bytes(path.read_bytes())
    second = load_model(copy, lambda done, total: told.append((done, total)))
    assert len(told) == 2
    for one in (first, second):
        assert one.config == model.config
        assert one.output is one.embedding
        for layer, want in zip(one.layers, model.layers, strict=True):
            for part, linear in layer.linears.items():
                assert np.array_equal(linear.weight, want.linears[part].weight)
                assert np.array_equal(linear.scale, want.linears[part].scale)
        assert one.tokenizer.chat("the") == model.tokenizer.chat("the")
    (kept,) = (tmp_path / "cache" / "models").iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    again = load_model(path, lambda done, total: told.append((done, total)))
    assert len(told) == 4
    assert again.config == model.config
    assert load_model(path, lambda *_: pytest.fail("quantized once more")).config == model.config


def test_a_model_whose_quantization_is_interrupted_leaves_nothing(path, tmp_path, monkeypatch):
    monkeypatch.setenv("TILEWRIGHT_CACHE", str(tmp_path / "cache"))

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_model(path)
    assert list((tmp_path / "cache" / "models").iterdir()) == []


def test_types_of_the_weights_are_described_by_their_shares_and_bits():
    """By hand: 79 elements in blocks of 5 bits, 21 of 8.5, and a few of 32."""
    tensors = [("F32", 1, 4), ("Q4_1", 3200, 2000), ("Q8_0", 1600, 1700), ("Q4_1", 3200, 2000), ("F32", 2, 8)]
    kinds = count_kinds(tensors)
    assert next(iter(kinds.items())) == ("Q4_1", Kind(2, 6400, 4000))
    said = describe_kinds(kinds)
    assert said.startswith("the file's weights are 80.0% Q4_1, 20.0% Q8_0, under 0.1% F32; 5.7 bits per weight: float")
    assert said.endswith("dequantized, not the model before they were quantized")
    assert describe_kinds({"BF16": Kind(3, 30, 60)}) == "the file's weights are 100.0% BF16; 16.0 bits per weight"


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0"])
def test_both_files_say_what_their_weights_are(tmp_path, kind):
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "a.gguf", kinds=dict.fromkeys(tiny_llama.KINDS, kind)))
    bits = {"F32": 32, "F16": 16, "Q8_0": 8.5}[kind]
    of_matrices = source.kinds()[kind]
    assert of_matrices.bytes * 8 == pytest.approx(of_matrices.elements * bits, rel=0.01)
    published = tiny_llama.write_safetensors(tmp_path / "published", source)
    total = sum(one.elements for one in source.kinds().values())
    assert open_source(published).kinds() == {"F32": Kind(len(source.names()), total, 4 * total)}


def test_a_tokenizer_of_another_model_is_refused(source, monkeypatch):
    other = source.tokenizer()
    tokens = [*other["tokens"], "more"]
    monkeypatch.setattr(source, "tokenizer", lambda: other | {"tokens": tokens, "types": [1] * len(tokens)})
    with pytest.raises(TilewrightError, match="tokenizer has 265 tokens, the model only 264: they do not belong"):
        quantize_model(source)


def test_smoothing_changes_nothing_but_the_size_of_channels(source):
    """The same network in floats; the sizes of channels come closer to each other."""
    floats = FloatModel(source)
    x = source.tensor("token_embd.weight")[TOKENS]

    def seen(weights):
        largest = {}
        result = floats.layer(x, weights, lambda name, values: largest.update({name: np.abs(values).max(axis=0)}))
        return result, largest

    weights = floats.weights(1)
    weights["attn_norm"] = weights["attn_norm"] * np.where(np.arange(64) == 9, 50, 1).astype(np.float32)
    weights["ffn_up"] = weights["ffn_up"] * np.where(np.arange(160) == 7, 50, 1).astype(np.float32)[:, None]
    want, before = seen(weights)
    got, after = seen(smooth(weights, before))
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()
    for name in ("attn_q", "ffn_down"):
        uneven, even = (largest[name].max() / np.median(largest[name]) for largest in (before, after))
        assert even < uneven / 2


def test_factors_balance_activations_and_weights():
    """By hand: 32**0.6 / 1**0.4 = 8 and 1 / 1 = 1, divided by their geometric mean."""
    by = factors(np.array([32, 1], np.float32), np.array([[1, -1], [0.5, 1]], np.float32))
    assert by == pytest.approx([8**0.5, 8**-0.5])
    assert np.isfinite(factors(np.array([0, 1e30], np.float32), np.zeros((1, 2), np.float32))).all()
