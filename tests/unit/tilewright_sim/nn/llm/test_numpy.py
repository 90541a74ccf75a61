"""The networks in numpy: exact products, the definition of the float model, and the accuracy of int8."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from support import tiny_llama

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.models import gemm as golden
from tilewright_sim.nn.importers import GgufModel, describe_kinds
from tilewright_sim.nn.importers.source import Kind, count_kinds
from tilewright_sim.nn.llm.emulation import EMULATIONS
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.generate import check_length, generate
from tilewright_sim.nn.llm.golden_model import GoldenModel, exact_product
from tilewright_sim.nn.llm.host_ops import HostOps, Rotation, quantize_rows, scaled
from tilewright_sim.nn.llm.perplexity import BATCH, Mean, compare, public_text
from tilewright_sim.nn.llm.prompt_blocks import block_cycles, plan_blocks
from tilewright_sim.nn.llm.quantize import Linear, load_model, open_source, quantize_model
from tilewright_sim.nn.llm.smooth import factors, smooth

TOKENS = [5, 200, 31, 31, 7, 90, 255, 12]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny_llama.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="module")
def source(path):
    return GgufModel(path)


@pytest.fixture(scope="module")
def model(source):
    return quantize_model(source)


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


class Counting:
    """Says that the next token is one more than the last, and keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def forward(self, tokens, *, logits="last"):
        self.asked.append((list(tokens), logits))
        return np.eye(100, dtype=np.float32)[[tokens[-1] + 1]]


def test_generation_is_greedy_and_stops_at_the_end():
    model = Counting()
    assert list(generate(model, [[7, 8], [9, 10, 11]], 6, {15})) == [12, 13, 14]
    assert model.asked == [([7, 8], "none"), ([9, 10, 11], "last"), ([12], "last"), ([13], "last"), ([14], "last")]
    model = Counting()
    assert list(generate(model, [[1]], 3, ())) == [2, 3, 4]
    assert len(model.asked) == 3  # what follows the last token is nobody's business


def test_the_cost_of_a_block_is_the_time_of_tile_or_bus():
    """By hand, on 4×4 with a bus of 4 bytes: a tile of weights takes 4 beats.

    A block of the chip has 32 rows, for K = 64 (half a panel of 512 words holds as many), and 12 for K = 160.
    """
    nano, model = AcceleratorConfig.preset("nano"), tiny_llama.CONFIG
    tiles, tiles_of_down = ((64 + 64) * 64 + 64 * 64 + 320 * 64) / 16, 64 * 160 / 16
    for tokens, rows, rows_of_down in ((1, 4, 4), (4, 4, 4), (5, 5, 5), (32, 32, 32), (33, 36, 33), (25, 25, 28)):
        assert block_cycles(nano, model, tokens) == 2 * (rows * tiles + rows_of_down * tiles_of_down + 3000)


@pytest.mark.parametrize("preset", ["nano", "base"])
@pytest.mark.parametrize("count", [1, 2, 9, 37, 65, 100, 200])
def test_a_prompt_is_cut_into_the_cheapest_blocks(preset, count):
    config, prompt = AcceleratorConfig.preset(preset), list(range(count))
    model = replace(tiny_llama.CONFIG, hidden=576, ffn=1536, heads=9, kv_heads=3, head_width=64)
    parts = plan_blocks(config, model, prompt)
    assert [token for part in parts for token in part] == prompt
    assert all(1 <= len(part) <= 64 for part in parts)

    costs = [0, *(block_cycles(config, model, size) for size in range(1, 65))]
    planned = sum(costs[len(part)] for part in parts)
    for size in range(1, 65):
        assert planned <= costs[size] * (count // size) + costs[count % size]


@pytest.mark.parametrize(
    ("prompt", "most", "says"),
    [
        (0, 1, "the prompt is empty"),
        (64, 1, "the prompt has 64 tokens, and the model's context only 64: shorten it"),
        (60, 5, "a prompt of 60 tokens and --max-tokens 5 .* of 64: use --max-tokens 4"),
    ],
)
def test_a_context_past_the_models_is_refused(prompt, most, says):
    check_length(tiny_llama.CONFIG, [1] * 60, 4)
    with pytest.raises(TilewrightError, match=says):
        check_length(tiny_llama.CONFIG, [1] * prompt, most)


def test_a_sequence_past_the_sliding_window_is_refused():
    """Where a window makes no difference, it is accepted."""
    config = replace(tiny_llama.CONFIG, sliding_window=32)
    check_length(config, [1] * 20, 12)
    with pytest.raises(
        TilewrightError, match=r"20 tokens and --max-tokens 13 .* sliding window of 32: use --max-tokens 12"
    ):
        check_length(config, [1] * 20, 13)
    with pytest.raises(TilewrightError, match="the prompt has 32 tokens, and the model's sliding window only 32"):
        check_length(config, [1] * 32, 1)


def test_networks_are_compared_with_float_token_by_token(source, model):
    """Two of them: the float model is read once for both."""
    told = []
    floats = FloatModel(source)

    class Itself:
        def forward(self, tokens, *, logits):
            assert logits == "all"
            return next(iter(floats.forward([tokens])))

    networks = {
        "int8": EMULATIONS["int8"](source, lambda: model, False, False).networks,
        "float": lambda context: Itself(),
    }
    found = compare(source, networks, TOKENS, 5, progress=lambda *what: told.append(what))
    parts = (TOKENS[:5], TOKENS[5:])
    surprise, divergence, equal = [], [], []
    for part, rows in zip(parts, floats.forward(list(parts)), strict=True):
        others = GoldenModel(model, len(part)).forward(part, logits="all")
        p, q = (np.exp(logits.astype(np.float64)) for logits in (rows, others))
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        for n in range(len(part) - 1):
            surprise.append((-np.log(p[n, part[n + 1]]), -np.log(q[n, part[n + 1]])))
            divergence.append(sum(p[n] * np.log(p[n] / q[n])))
            equal.append(p[n].argmax() == q[n].argmax())
    of_float, of_int8 = np.mean(surprise, axis=0)
    assert list(found) == ["int8", "float"]
    measured = found["int8"]
    assert measured.tokens == len(surprise) == 6
    assert measured.of_float.value == pytest.approx(np.exp(of_float))
    assert measured.of_format.value == pytest.approx(np.exp(of_int8))
    assert measured.cost.value == pytest.approx(np.exp(of_int8 - of_float) - 1)
    assert measured.divergence.value == pytest.approx(np.mean(divergence))
    assert measured.divergence.value > 0
    assert measured.equal_top.value == pytest.approx(np.mean(equal))
    assert measured.divergence.error is None  # fewer than two batches
    assert found["float"].of_float == measured.of_float
    assert (found["float"].cost.value, found["float"].equal_top.value) == (0, 1)
    assert {("int8", 2, 2), ("float", 2, 2)} <= set(told)
    assert told[0][0] == "float"


class Echo:
    """Keeps what it reads."""

    read: ClassVar[list] = []

    def __init__(self, context):
        self.context = context

    def forward(self, tokens, *, logits):
        assert len(tokens) == self.context
        Echo.read.append(tokens)
        return np.zeros((len(tokens), 264), dtype=np.float32)


@pytest.mark.parametrize(
    ("text", "begin", "wanted"),
    [
        ([1, 2, 3, 4, 5, 6], None, [[1, 2, 3, 4], [5, 6]]),
        ([9, 2, 3, 4, 5, 6, 7], 9, [[9, 2, 3, 4], [9, 5, 6, 7]]),
        ([9, 2, 3, 4, 5], 9, [[9, 2, 3, 4], [9, 5]]),
        ([1, 2, 3, 4, 5], None, [[1, 2, 3, 4]]),  # the last token has no previous one
        ([1, 2, 3, 4, 5, 6], 9, [[1, 2, 3, 4], [5, 6]]),
    ],
)
def test_each_window_begins_as_a_text_does(source, text, begin, wanted):
    Echo.read.clear()
    found = compare(source, {"echo": Echo}, text, 4, begin)["echo"]
    assert Echo.read == wanted
    assert found.tokens == sum(len(part) - 1 for part in wanted)
    assert found.of_format.value == pytest.approx(264)


def test_a_standard_error_is_that_of_batches_of_neighbours():
    """By hand: batches with the means 1, 2 and 3 have the deviation 1, and what is left over counts in the mean."""
    values = np.repeat([1.0, 2.0, 3.0], BATCH)
    assert Mean.of(values) == Mean(2.0, pytest.approx(1 / 3**0.5))
    assert Mean.of(np.append(values, [2.0] * 10)).error == pytest.approx(1 / 3**0.5)
    alternating = np.tile([0.0, 4.0], 3 * BATCH // 2)
    assert Mean.of(alternating) == Mean(2.0, 0.0)
    assert Mean(np.log(3.0), 0.1).exp() == Mean(pytest.approx(3.0), pytest.approx(0.3))
    assert Mean.of(np.ones(2 * BATCH - 1)) == Mean(1.0, None)
    assert Mean(0.0, None).exp() == Mean(1.0, None)


def test_a_mean_is_shown_with_its_error_if_it_has_one():
    assert f"{Mean(0.0213, 0.00161):.4f}" == "0.0213 ± 0.0016"
    assert f"{Mean(0.0213, 0.00161):+.1%}" == "+2.1% ± 0.2%"
    assert f"{Mean(0.0213, None):+.1%}" == "+2.1%"


@pytest.mark.parametrize(
    ("name", "start", "words"), [("memorised", "The Declaration", 5000), ("unseen", "The Tide", 1400)]
)
def test_the_texts_have_enough_words(name, start, words):
    assert public_text(name).startswith(start)
    assert words < len(public_text(name).split()) < 10_000


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
