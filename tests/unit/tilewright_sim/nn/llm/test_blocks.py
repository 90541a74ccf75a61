"""Networks in block formats: which blocks stay as they are, and that the network is its definition."""

from dataclasses import replace

import gguf
import numpy as np
import pytest
from support import tiny_llama
from unit.tilewright_sim.models.test_blocks import draw

from tilewright.base import TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.models import Records, block_gemm, blocks
from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.llm.blocks import model as block_model
from tilewright_sim.nn.llm.blocks import products as block_products
from tilewright_sim.nn.llm.blocks.model import activation_format, kept_format, load_block_model
from tilewright_sim.nn.llm.blocks.network import BlockNetwork
from tilewright_sim.nn.llm.blocks.products import ExactProducts, FastProducts
from tilewright_sim.nn.llm.emulation import EMULATIONS
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.perplexity import compare

BLOCKS = [name for name, form in FORMATS.items() if form.scale.bits]
TOKENS = [int(token) for token in np.random.default_rng(8).integers(0, 256, 45)]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return GgufModel(tiny_llama.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf"))


def no_int8():
    pytest.fail("a block format needs no int8 network")


@pytest.mark.parametrize(
    ("name", "every_matrix", "kept"),
    [
        ("q4_1", False, {"Q4_1", "Q4_0", "Q8_0"}),
        ("q4_1", True, {"Q4_1"}),
        ("q4_0", False, {"Q4_0", "Q8_0"}),
        ("q8_0", False, {"Q8_0"}),
        ("mxfp4", False, set()),
    ],
)
def test_blocks_that_can_be_held_stay_as_they_are(source, name, every_matrix, kept):
    model = load_block_model(source, FORMATS[name], every_matrix=every_matrix)
    original = tiny_llama.weights()
    matrices = {
        "token_embd": model.output,
        **{f"blk.1.{part}": one for part, one in model.layers[1].matrices.items()},
    }
    for part, found in matrices.items():
        kind = tiny_llama.KINDS[part.split(".")[-1]]
        written = gguf.quants.quantize(original[f"{part}.weight"], gguf.GGMLQuantizationType[kind])
        if kind in kept:
            assert (found.form.name, found.rows.tobytes()) == (kind.lower(), written.tobytes())
        else:
            again = Records.normalized(source.tensor(f"{part}.weight"), FORMATS[name])
            assert (found.form.name, found.rows.tobytes()) == (name, again.rows.tobytes())
    assert {one.kind for one in model.held if one.unchanged} == kept
    assert all(one.form == (one.kind.lower() if one.unchanged else name) for one in model.held)
    assert sum(one.matrices for one in model.held) == 1 + 2 * 7
    assert sum(one.elements for one in model.held) == sum(w.size for w in original.values() if w.ndim == 2)
    assert np.array_equal(model.embed([5, 99, 5]), source.tensor("token_embd.weight")[[5, 99, 5]])


def test_it_is_said_how_matrices_are_held(source):
    model = load_block_model(source, FORMATS["q8_0"])
    assert [str(one) for one in model.held] == [
        "5 matrices of 45,568 weights in q8_0, as in the file",
        "2 matrices of 20,480 weights in q8_0, quantized from Q5_0",
        "2 matrices of 20,480 weights in q8_0, quantized from BF16",
        "2 matrices of 8,192 weights in q8_0, quantized from Q4_1",
        "2 matrices of 4,096 weights in q8_0, quantized from F16",
        "2 matrices of 4,096 weights in q8_0, quantized from Q4_0",
    ]
    assert model.bits_per_weight == 8.5


@pytest.mark.parametrize("name", BLOCKS)
def test_an_accelerator_can_multiply_what_the_host_quantizes(name):
    """The formats have the same blocks; activations have no minimum, keys and values the scales of the weights."""
    activations, kept = activation_format(FORMATS[name]), kept_format(FORMATS[name])
    assert activations.block == kept.block == FORMATS[name].block
    assert not activations.minimum
    assert activation_format(activations) is activation_format(kept) is activations
    assert kept.scale is FORMATS[name].scale


def definition(source, model, tokens):
    """The network in float64, each operand of a product replaced by the values of its blocks, head by head."""
    config = source.config

    def near(x, b=False):
        x = np.asarray(x, np.float32)
        found = Records.of(x, model.kept) if b else Records.normalized(x, model.activations)
        return found.dequantize().astype(np.float64)

    def norm(x, weight):
        return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + config.epsilon) * weight

    turns = config.rope_base ** (-2 * np.arange(config.head_width // 2) / config.head_width)
    angles = np.exp(1j * np.arange(len(tokens))[:, None] * turns)

    def turned(x):
        pairs = x.reshape(len(x), -1, 2)
        complex_ = (pairs[..., 0] + 1j * pairs[..., 1]) * angles
        return np.stack([complex_.real, complex_.imag], axis=-1).reshape(x.shape)

    x = source.tensor("token_embd.weight")[tokens].astype(np.float64)
    for layer in model.layers:
        weights = {name: one.values.astype(np.float64) for name, one in layer.matrices.items()}
        vectors = layer.vectors
        n = near(norm(x, vectors["attn_norm"]))
        mixed = []
        for head in range(config.heads):
            parts = {}
            for name, number in (("attn_q", head), ("attn_k", head // config.group), ("attn_v", head // config.group)):
                cut = slice(number * config.head_width, (number + 1) * config.head_width)
                parts[name] = n @ weights[name][cut].T + vectors.get(f"{name}.bias", np.zeros(10**4))[cut]
                if f"{name}_norm" in vectors:
                    parts[name] = norm(parts[name], vectors[f"{name}_norm"])
            q, k = near(turned(parts["attn_q"])), near(turned(parts["attn_k"]), b=True)
            scores = np.tril(np.exp(q @ k.T / config.head_width**0.5))
            mixed.append(near(scores / scores.sum(axis=1, keepdims=True)) @ near(parts["attn_v"].T, b=True).T)
        x = x + near(np.concatenate(mixed, axis=1)) @ weights["attn_output"].T
        n = near(norm(x, vectors["ffn_norm"]))
        gate = n @ weights["ffn_gate"].T
        x = x + near(gate / (1 + np.exp(-gate)) * (n @ weights["ffn_up"].T)) @ weights["ffn_down"].T
    return near(norm(x, model.output_norm)) @ model.output.values.T


@pytest.mark.parametrize("config", [tiny_llama.CONFIG, tiny_llama.QWEN2, tiny_llama.QWEN3], ids=tiny_llama.family)
@pytest.mark.parametrize("name", ["q4_1", "mxfp4", "nvfp4"])
def test_the_network_is_its_definition(name, config, tmp_path):
    """But for elements, or scales, that a last bit moves to the next step, which happens with the finer formats."""
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", config))
    model = load_block_model(source, FORMATS[name])
    logits = BlockNetwork(model, len(TOKENS), FastProducts()).forward(TOKENS, logits="all")
    want = definition(source, model, TOKENS)
    (floats,) = FloatModel(source).forward([TOKENS])
    error, cost = (np.median(np.abs(found - want).max(axis=1)) / np.abs(want).max() for found in (logits, floats))
    assert cost > 0.05
    assert error < (0.2 * cost if name == "q4_1" else 1e-4)


@pytest.mark.parametrize("name", ["q4_1", "q8_0", "mxfp4", "nvfp4"])
def test_a_product_is_the_accelerators_within_its_bound(name):
    """Both are near the sum in float64: the integers by the bound of `block_gemm`, the floats by that of any order."""
    form = FORMATS[name]
    a, b = Records.of(draw(9, 576, 1), activation_format(form)), Records.of(draw(11, 576, 2), form)
    left, right = a.blocks(), b.blocks()
    real = left.values() @ right.values().T
    size = np.abs(left.values()) @ (np.abs(right.values()) + (0 if right.minimum is None else 1)).T
    (fast,), (exact,) = (one.multiply(0, "down", [(a, b)]) for one in (FastProducts(), ExactProducts()))
    assert np.array_equal(exact, block_gemm.block_gemm(left, right))

    sums, terms = block_gemm.block_sums(left, right), 1 + form.minimum
    fraction = a.form.element.fraction_bits + form.element.fraction_bits
    unit = np.ldexp(1.0, sums.exponent - sums.guard - fraction)
    bound = 576 / form.block * (1 + terms / 2) * unit + np.abs(real) * 2.0**-23
    assert np.all(np.abs(exact - real) <= bound)
    assert np.all(np.abs(fast - real) <= 600 * 2.0**-24 * size)
    assert np.all(np.abs(fast - exact) <= bound + 600 * 2.0**-24 * size)
    assert np.max(np.abs(fast - exact)) > 0


def test_exact_products_do_not_depend_on_how_many_columns_are_in_memory(monkeypatch):
    a, b = Records.of(draw(3, 96, 1), FORMATS["q8_e5m3"]), Records.of(draw(10, 96, 2), FORMATS["q4_1"])
    (whole,) = ExactProducts().multiply(0, "down", [(a, b)])
    monkeypatch.setattr(block_products, "_COLUMNS", 4)
    assert np.array_equal(ExactProducts().multiply(0, "down", [(a, b)])[0], whole)


@pytest.mark.parametrize("name", ["q4_1", "nvfp4"])
def test_the_divergence_with_exact_products_is_that_with_fast_ones(source, name):
    networks = {
        one: EMULATIONS[name](source, no_int8, False, exact).networks
        for one, exact in (("fast", False), ("exact", True))
    }
    assert isinstance(networks["exact"](1).products, ExactProducts)
    found = compare(source, networks, TOKENS, 45)
    fast, exact = found["fast"], found["exact"]
    assert exact.divergence.value == pytest.approx(fast.divergence.value, rel=0.1)
    assert exact.of_format.value == pytest.approx(fast.of_format.value, rel=0.01)
    assert exact.divergence.value > 1e-4


def test_every_format_is_measured_and_more_bits_are_nearer(tmp_path):
    """From float weights, so that no format has an advantage."""
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", kinds={}))
    networks = {name: EMULATIONS[name](source, no_int8, False, False).networks for name in BLOCKS}
    divergence = {name: one.divergence.value for name, one in compare(source, networks, TOKENS, 45).items()}
    assert divergence["q8_0"] < divergence["mxint8"] < divergence["mxfp6_e2m3"] < divergence["mxfp4"]
    assert divergence["q8_0"] < divergence["q4_1"] < divergence["nvfp4"]


@pytest.mark.parametrize("name", ["q4_1", "nvfp4"])
def test_the_network_hardly_depends_on_how_a_text_is_cut(source, name):
    """The scales of values do, within the last record: less than what the format costs."""
    model = load_block_model(source, FORMATS[name])
    whole = BlockNetwork(model, 45, FastProducts()).forward(TOKENS, logits="all")
    cut = BlockNetwork(model, 45, FastProducts())
    found = np.concatenate([cut.forward(part, logits="all") for part in (TOKENS[:3], TOKENS[3:37], TOKENS[37:])])
    (floats,) = FloatModel(source).forward([TOKENS])
    assert 0 < np.mean((found - whole) ** 2) < 0.25 * np.mean((whole - floats) ** 2)
    with pytest.raises(TilewrightError, match="46 tokens are more than the context of 45"):
        cut.forward([1])


@pytest.mark.parametrize("name", ["q4_1", "nvfp4"])
def test_values_are_quantized_again_in_their_last_record_only(name, source):
    """From floats, in the layer in which they do not depend on other tokens."""
    model = load_block_model(source, FORMATS[name])
    form, ops = model.kept, model.host_ops()
    tokens = (TOKENS * 2)[: form.record + 3]
    network = BlockNetwork(model, len(tokens), FastProducts())
    network.forward(tokens[:-6], logits="none")
    for token in tokens[-6:]:
        before, full = network.values.rows[0].copy(), network.length // form.record * form.record_bytes
        network.forward([token], logits="none")
        assert np.array_equal(network.values.rows[0][:, :full], before[:, :full])
        assert not np.array_equal(network.values.rows[0][:, full:], before[:, full:])
    assert full > 0
    inputs = Records.normalized(ops.norm(model.embed(tokens), model.layers[0].vectors["attn_norm"]), model.activations)
    values = inputs.values @ model.layers[0].matrices["attn_v"].values.T
    want = blocks.quantize(values.T, form)
    assert np.mean(network.values.rows[0] == want) > 0.99  # a last bit may tip a rounding


def test_a_row_that_is_too_long_for_an_accumulator_is_refused(source, monkeypatch):
    monkeypatch.setattr(block_model, "LONGEST_K", 159)
    says = r"blk\.0\.ffn_down\.weight has rows of 160 elements: an accumulator takes 159 at most"
    with pytest.raises(TilewrightError, match=says):
        load_block_model(source, FORMATS["q4_1"])


def test_a_matrix_that_cannot_be_held_is_refused_by_its_name(tmp_path):
    tensors = tiny_llama.weights()
    tensors["blk.1.attn_v.weight"][3, 5] = 1e7
    large = GgufModel(tiny_llama.write_gguf(tmp_path / "large.gguf", kinds={}, tensors=tensors))
    with pytest.raises(
        TilewrightError, match=r"blk\.1\.attn_v\.weight: a block needs the scale 7.87e\+04: q8_0 has at"
    ):
        load_block_model(large, FORMATS["q8_0"])


def test_an_activation_that_cannot_be_held_is_refused(tmp_path):
    tensors = tiny_llama.weights()
    tensors["blk.1.attn_norm.weight"][:] = 1e9
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "large.gguf", tensors=tensors))
    network = BlockNetwork(load_block_model(source, FORMATS["q4_1"]), 8, FastProducts())
    with pytest.raises(TilewrightError, match=r"a block needs the scale .*: q8_e5m3 has at most"):
        network.forward([1, 2])


def test_a_table_of_embeddings_is_not_among_the_matrices(tmp_path):
    """But the output layer is, also where it is the same tensor; floats stay floats in the table."""
    for tied in (True, False):
        config = replace(tiny_llama.CONFIG, tied=tied)
        source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", config, kinds={}))
        model = load_block_model(source, FORMATS["q4_1"])
        assert [(one.kind, one.matrices) for one in model.held] == [("F32", 15)]
        assert model.bits_per_weight == 5
        assert np.array_equal(model.embed([7]), tiny_llama.weights(config)["token_embd.weight"][[7]])
        output = tiny_llama.weights(config)["token_embd.weight" if tied else "output.weight"]
        assert model.output.rows.tobytes() == blocks.quantize(output, FORMATS["q4_1"]).tobytes()
