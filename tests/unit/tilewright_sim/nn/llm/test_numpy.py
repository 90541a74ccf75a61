"""The networks in numpy: exact products, the definition of the float model, and the accuracy of int8."""

import numpy as np
import pytest
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright_sim.models import gemm as golden
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.host_ops import HostOps, Rotation, quantize_rows, scaled
from tilewright_sim.nn.llm.int8.golden import GoldenModel, exact_product
from tilewright_sim.nn.llm.int8.quantize import Linear

TOKENS = [5, 200, 31, 31, 7, 90, 255, 12]


@pytest.mark.parametrize("k", [1, 1023, 1024, 1025, 3000])
def test_products_are_exact_at_the_ends_of_int8(k):
    rng = np.random.default_rng(k)
    for a, b in (
        (np.full((2, k), -128, np.int8), np.full((3, k), -128, np.int8)),
        (np.full((2, k), 127, np.int8), np.where(np.arange(k) % 2, -128, 127).astype(np.int8)[None]),
        (np.full((1, k), 127, np.int8), 127 - (np.arange(k) < [[1], [2], [3]]).astype(np.int8)),
        (rng.integers(-128, 128, (4, k), dtype=np.int8), rng.integers(-128, 128, (5, k), dtype=np.int8)),
    ):
        product = exact_product(a, b)
        assert product.dtype == np.int32
        assert np.array_equal(product, golden.matmul(a, b))


def test_rows_are_quantized_to_the_nearest_of_their_own_steps():
    values = np.array([[127, -64, 0.5, 1.5, -0.49], [-254, 1, 3, 0, 0], [0, 0, 0, 0, 0]], dtype=np.float32)
    quantized, scale = quantize_rows(values)
    assert quantized.tolist() == [[127, -64, 0, 2, 0], [-127, 0, 2, 0, 0], [0, 0, 0, 0, 0]]  # ties to even
    assert scale.tolist() == [[1], [2], [0]]
    assert scaled(quantized, scale)[1].tolist() == [-254, 0, 4, 0, 0]


def test_weights_have_a_scale_for_each_output():
    weights = np.array([[1, -2], [100, 50]], dtype=np.float32)
    linear = Linear.of(weights[:1], weights[1:])
    assert linear.weight.tolist() == [[64, -127], [127, 64]]
    assert np.allclose(linear.scale, [2 / 127, 100 / 127])


def by_definition(source, tokens):
    """The network in float64, token by token and head by head, with rotations as complex numbers."""
    config, tensor = source.config, lambda name: source.tensor(name + ".weight").astype(np.float64)

    def norm(x, weight):
        return x / np.sqrt((x**2).mean() + config.epsilon) * weight

    states = [tensor("token_embd")[token] for token in tokens]
    turns = config.rope_base ** (-2 * np.arange(config.head_width // 2) / config.head_width)
    for layer in range(config.layers):
        part = {name: tensor(f"blk.{layer}.{name}") for name in tiny_llama.KINDS if name != "token_embd"}
        part |= {name: tensor(f"blk.{layer}.{name}") for name in ("attn_norm", "ffn_norm")}
        keys, values = [], []
        for position, x in enumerate(states):
            n = norm(x, part["attn_norm"])
            angle = np.exp(1j * position * turns)

            def turned(vector, angle=angle):
                pairs = vector.reshape(-1, config.head_width // 2, 2)
                return (pairs[..., 0] + 1j * pairs[..., 1]) * angle

            keys.append(turned(part["attn_k"] @ n))
            values.append((part["attn_v"] @ n).reshape(config.kv_heads, -1))
            mixed = []
            for head, query in enumerate(turned(part["attn_q"] @ n)):
                kv = head * config.kv_heads // config.heads
                scores = np.array([(query * key[kv].conj()).real.sum() for key in keys]) / config.head_width**0.5
                weights = np.exp(scores) / np.exp(scores).sum()
                mixed.append(sum(weight * value[kv] for weight, value in zip(weights, values, strict=True)))
            x = x + part["attn_output"] @ np.concatenate(mixed)  # noqa: PLW2901
            n = norm(x, part["ffn_norm"])
            gate = part["ffn_gate"] @ n
            states[position] = x + part["ffn_down"] @ (gate / (1 + np.exp(-gate)) * (part["ffn_up"] @ n))
    return np.array([tensor("token_embd") @ norm(x, tensor("output_norm")) for x in states])


def test_the_float_model_is_the_definition(source):
    (logits,) = FloatModel(source).forward([TOKENS])
    want = by_definition(source, TOKENS)
    assert np.abs(logits - want).max() < 1e-4 * np.abs(want).max()


def test_the_int8_network_is_close_to_the_float_model(source, model):
    (want,) = FloatModel(source).forward([TOKENS])
    logits = GoldenModel(model, 8).forward(TOKENS, logits="all")
    error = np.sqrt(np.mean((logits - want) ** 2) / np.mean(want**2))
    assert 0.001 < error < 0.05


def test_the_golden_model_does_not_depend_on_how_a_prompt_is_cut(model):
    """Sums are equal bit for bit; only the order of the softmax's sums may move a last bit of the floats."""
    whole = GoldenModel(model, 8).forward(TOKENS, logits="all")
    cut = GoldenModel(model, 8)
    parts = [cut.forward(TOKENS[:3], logits="all"), cut.forward(TOKENS[3:7], logits="all")]
    parts.append(cut.forward(TOKENS[7:], logits="all"))
    assert np.abs(np.concatenate(parts) - whole).max() < 0.02 * np.abs(whole).max()
    with pytest.raises(TilewrightError, match="9 tokens are more than the context of 8"):
        cut.forward([1])


def test_frequencies_are_divided_by_the_factors_of_the_file():
    positions = np.arange(3)
    plain, divided = Rotation(4, 100.0), Rotation(4, 100.0, np.array([2, 1], np.float32))
    assert np.allclose(plain.at(positions)[0][:, 0], np.cos(np.outer(positions, [1, 0.1])))
    assert np.allclose(divided.at(positions)[1][:, 0], np.sin(np.outer(positions, [0.5, 0.1])))


def test_a_token_sees_no_later_one_and_extremes_do_no_harm():
    ops = HostOps(1e-5, Rotation(4, 100.0))
    scores = np.array([[[1e4, 0, -1e4], [-1e4, -1e4, 1e4]]], dtype=np.float32)
    assert ops.softmax(scores, np.array([0, 1])).tolist() == [[[1, 0, 0], [0.5, 0.5, 0]]]
    assert ops.gate(np.array([-1e4, 1e4], np.float32), np.float32([3, 3])).tolist() == [0, 30000]
