"""Values as int8 with one scale for each token, by which its probabilities are multiplied."""

import numpy as np
import pytest
from support import tiny_llama

from tilewright.base import TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.models import vector
from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.llm.blocks.model import load_block_model
from tilewright_sim.nn.llm.blocks.network import BlockNetwork
from tilewright_sim.nn.llm.blocks.products import ExactProducts, FastProducts
from tilewright_sim.nn.llm.blocks.values import ColumnValues, RecordValues, code_byte, code_records
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.golden_ops import golden_records
from tilewright_sim.nn.llm.perplexity import compare
from tilewright_sim.nn.llm.whole.network import golden_network

CONTEXT = 70
TOKENS = [int(token) for token in np.random.default_rng(7).integers(0, tiny_llama.CONFIG.vocab, CONTEXT)]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return GgufModel(tiny_llama.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf"))


@pytest.fixture(scope="module", params=["q8_0", "q8_e5m3"])
def model(source, request):
    return load_block_model(source, FORMATS[request.param], activations=FORMATS[request.param])


def draw(rows, columns, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((rows, columns)) * np.exp2(rng.uniform(-6, 6, (rows, 1)))).astype(np.float32)


def kept(model, *sizes):
    """Values kept in blocks of these sizes, and the floats."""
    values, floats = ColumnValues(model, CONTEXT), draw(sum(sizes), model.config.kv_width)
    for first, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        values.keep(1, floats[first : first + size], int(first))
    return values, floats


def test_an_element_of_a_record_is_its_code(model):
    form, codes = model.kept, np.random.default_rng(1).integers(-127, 128, (3, CONTEXT)).astype(np.int8)
    records = code_records(form, 3, CONTEXT)
    assert not records.values.any()
    for position in range(CONTEXT):
        records.rows[:, code_byte(form, position)] = codes[:, position].view(np.uint8)
    assert np.array_equal(128 * records.dequantize(), codes)


@pytest.mark.parametrize("name", ["mxint8", "nvfp4"])
def test_formats_of_other_elements_are_refused(name):
    with pytest.raises(TilewrightError, match=f"{name}: int8 with a scale for each token must be in q8_0 or q8_e5m3"):
        code_records(FORMATS[name], 1, 1)


def test_a_token_touches_no_other_position(model):
    """Nor another layer: a byte of each row, and a scale."""
    values, _ = kept(model, 33)
    before, scales = values.rows.copy(), values.scales.copy()
    values.keep(1, draw(1, model.config.kv_width, 2), 33)
    changed, place = before != values.rows, code_byte(model.kept, 33)
    assert changed[1, :, place].mean() > 0.9
    changed[1, :, place] = False
    assert not changed.any()
    assert np.flatnonzero(scales != values.scales).tolist() == [CONTEXT + 33]


def test_blocks_of_tokens_are_kept_as_one_by_one(model):
    """Also those that reach into another record, or over two."""
    alone, _ = kept(model, *[1] * 67)
    for sizes in ((67,), (31, 2, 34), (30, 37)):
        values, _ = kept(model, *sizes)
        assert np.array_equal(values.rows, alone.rows)
        assert np.array_equal(values.scales, alone.scales)


def test_the_product_is_that_of_floats_within_the_roundings(model):
    """Half a step of each value, and of each probability times its scale."""
    values, floats = kept(model, 67)
    config, form, rng = model.config, model.kept, np.random.default_rng(3)
    shares = rng.dirichlet(np.full(67, 0.2), config.kv_heads).astype(np.float32)[:, None]
    weights = values.weighted(1, shares)
    for head, records in enumerate(values.records(1, 67)):
        left = golden_records(weights[head], form)
        (found,) = ExactProducts().multiply(0, "mixed", [(left, records)])
        part = floats[:, head * config.head_width : (head + 1) * config.head_width]
        codes = np.abs(records.values).sum(axis=1)
        steps = left.blocks().scale.values(form.scale).max()
        bound = 0.51 * weights[head].sum() / 128 + 0.51 * steps * codes
        error = np.abs(found[0] - shares[head, 0].astype(np.float64) @ part)
        assert np.all(error <= bound)
        assert error.max() > 0.01 * bound.max()


def test_the_golden_network_does_what_the_operations_of_the_vector_engine_do(model):
    network = golden_network(model, CONTEXT)
    network.forward(TOKENS[:2], logits="none")
    values, x = network.values, draw(3, model.config.kv_width)
    x[0] *= 2.0**-120  # so that products with its scale are subnormal
    found = values.keep(0, x, 2)
    step = 128 * float(np.float32(1) / np.float32(127))
    assert np.array_equal(found["scales"][0, 2:], vector.run("ABS_MAX", x, scalar=step)[:, 0])
    places = [code_byte(model.kept, position) for position in (2, 3, 4)]
    assert np.array_equal(found["values"][:, places].view(np.int8), vector.run("QUANTIZE", x).T)
    scores, choices = draw(4, 5), {"scalar": 0.25, "limit": 3, "causal": True}
    wanted = vector.run("WEIGHTED_SOFTMAX", scores, found["scales"], **choices)
    assert not wanted[:, 2].all()
    assert np.array_equal(values.weighted(0, vector.run("SOFTMAX", scores, **choices)[None])[0], wanted)


def test_what_the_golden_network_answers_does_not_depend_on_how_a_text_is_cut(model):
    whole = golden_network(model, CONTEXT).forward(TOKENS, logits="all")
    cut = golden_network(model, CONTEXT)
    found = [cut.forward(part, logits="all") for part in (TOKENS[:31], TOKENS[31:32], TOKENS[32:36], TOKENS[36:])]
    assert np.array_equal(np.concatenate(found), whole)


def test_one_scale_for_a_token_costs_hardly_more_than_one_for_a_block(source):
    model = load_block_model(source, FORMATS["q4_1"], activations=FORMATS["q8_0"])
    kinds = {"records": RecordValues, "columns": ColumnValues}

    def network(kind):
        return lambda context: BlockNetwork(model, context, FastProducts(), values=kind(model, context))

    found = compare(source, {name: network(kind) for name, kind in kinds.items()}, TOKENS, CONTEXT)
    assert 0 < found["columns"].divergence.value < 1.2 * found["records"].divergence.value
    (floats,) = FloatModel(source).forward([TOKENS])
    logits = network(ColumnValues)(CONTEXT).forward(TOKENS, logits="all")
    assert np.abs(logits - floats).max() < 0.5 * np.abs(floats).max()
