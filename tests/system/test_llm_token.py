"""A language model that runs on the generated Verilog with nothing left to the host: one submission for a token."""

from dataclasses import replace

import numpy as np
import pytest
from support import tiny_llama

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.host import Descriptor, Simulator, fenced
from tilewright_sim.models import Records
from tilewright_sim.models.cycles import Bus, QueueModel
from tilewright_sim.nn.llm.blocks.model import load_block_model
from tilewright_sim.nn.llm.blocks.products import ExactProducts
from tilewright_sim.nn.llm.check import MismatchError
from tilewright_sim.nn.llm.generate import generate
from tilewright_sim.nn.llm.golden_ops import golden_records
from tilewright_sim.nn.llm.int8.quantize import open_source
from tilewright_sim.nn.llm.whole.chip import TokenChipModel
from tilewright_sim.nn.llm.whole.cycles import jobs_of
from tilewright_sim.nn.llm.whole.network import golden_network

SIZE = 1 << 22
CONFIG = AcceleratorConfig(
    rows=32, cols=8, dot=32, data_bits=32, requant_lanes=1, chunk_words=2, long_chunk_words=4, panel_words=512,
    ring_words=64, acc_rows=16, a_format="q8_0", b_formats=("q4_1", "q8_0"), unaligned=True, vector_lanes=1,
    variables=8,
)  # fmt: skip
MODELS = {"llama": tiny_llama.CONFIG, "qwen2": tiny_llama.QWEN2, "qwen3": tiny_llama.QWEN3}
PROMPT = [int(token) for token in np.random.default_rng(3).integers(0, 256, 64)]


def load(folder, sizes=tiny_llama.CONFIG, kinds=None):
    kinds = tiny_llama.KINDS | {"attn_v": "Q4_1"} if kinds is None else kinds
    path = tiny_llama.write_gguf(folder / f"{sizes.head_width}.gguf", sizes, kinds=kinds)
    return load_block_model(open_source(path), FORMATS["q4_1"], activations=FORMATS["q8_0"])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(tmp_path_factory.mktemp("model"))


def answers(model, parts, count, context):
    """The tokens that the golden model answers."""
    return list(generate(golden_network(model, context), parts, count, ()))


def elements(sizes, counts):
    """Elements of all products, and of all vector operations and their records, for blocks of tokens."""
    products = vectors = 0
    for count, end in zip(counts, np.cumsum(counts), strict=True):
        linear = 2 * sizes.hidden + sizes.q_width + 2 * sizes.kv_width + 2 * sizes.ffn
        products += count * (linear + sizes.heads * (end + sizes.head_width))
        vectors += count * (4 * sizes.hidden + 2 * sizes.q_width + sizes.ffn + sizes.heads * end)
        vectors += count * (sizes.q_width + 2 * sizes.kv_width) * sizes.qkv_bias
        vectors += count * (sizes.q_width + sizes.kv_width) * sizes.qk_norm
        form = FORMATS["q8_0"]
        vectors += end * sizes.kv_heads * form.row_bytes(sizes.head_width) + sizes.kv_width * form.row_bytes(int(end))
        vectors += end  # scales of values
    return sizes.layers * int(products), sizes.layers * int(vectors)


def check_answer(model, parts, count, **memory):
    """Let it answer, and compare all with the golden model: each block of tokens is one submission."""
    sizes, counts = model.config, [len(part) for part in parts] + [1] * (count - 1)
    context = sum(counts)
    with Simulator(CONFIG, size=SIZE, **memory) as chip:
        reader = TokenChipModel(chip, model, context, max(counts), check=True)
        answer = list(generate(reader, parts, count, ()))
        assert answer == answers(model, parts, count, context)
    products, vectors = elements(sizes, counts)
    assert reader.checked.compared == products + count * sizes.vocab
    assert reader.checked.compared_vectors == vectors + count * (sizes.hidden + 1)
    assert reader.account.total().submissions == len(counts)


def test_a_small_model_answers_with_one_submission_for_a_token(model):
    check_answer(model, [PROMPT[:5], PROMPT[5:7]], 3, latency=9)


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_small_models_of_every_family_answer(name, tmp_path):
    """The prompt has tokens of two blocks of values that are read together, and read alone."""
    check_answer(load(tmp_path, MODELS[name]), [PROMPT[:29], PROMPT[29:30], PROMPT[30:33]], 6, latency=30, stall=0.2)


@pytest.mark.long
def test_tokens_are_read_one_by_one_from_the_first_on(model):
    check_answer(model, [[5]], 35, latency=3)


@pytest.mark.long
def test_cycles_are_as_estimated(model):
    """Of a prompt and of tokens: whole, and of the products alone."""
    with Simulator(CONFIG, size=SIZE, latency=20) as chip:
        reader = TokenChipModel(chip, model, 64, 37)
        for count in (37, 1, 3):
            descriptors = [step.descriptor for step in reader.program.steps(count, reader.length)]
            reader.forward(PROMPT[:count])
            products = [one for one in descriptors if isinstance(one, Descriptor)]
            for queue, within in ((descriptors, 0.005), (products, 0.03)):
                found = QueueModel(CONFIG, Bus(latency=20), jobs_of(queue)).run()
                assert found == pytest.approx(chip.submit(queue).cycles, rel=within)


def test_what_the_tile_has_waited_for_needs_no_fence_of_b():
    """B of the last product is made by a vector operation, whose result is A of the product before it."""
    form, rng = CONFIG.a, np.random.default_rng(2)
    x = rng.standard_normal((16, 32)).astype(np.float32)
    made = golden_records(x, form)
    for weights in (129, 128, 4):
        b, a = (Records.of(rng.standard_normal((n, 32)).astype(np.float32), form) for n in (weights, 5))
        for seed in range(3):
            with Simulator(CONFIG, size=1 << 20, latency=40, stall=0.3, seed=seed) as chip:
                rows = chip.records(Records(form, 32, np.zeros_like(made.rows)))
                first, last = chip.empty((16, weights), np.float32), chip.empty((5, 16), np.float32)
                queue = fenced(CONFIG, [
                    chip.vector_descriptor("COPY", chip.array(x), rows),
                    chip.descriptor(rows, chip.records(b), first),
                    chip.descriptor(chip.records(a), rows, last),
                ])  # fmt: skip
                assert [bool(one.flags) for one in queue] == [False, True, weights <= 128]
                chip.submit(queue)
                for found, pair in ((first, (made, b)), (last, (a, made))):
                    (wanted,) = ExactProducts().multiply(0, "qkv", [pair])
                    assert np.array_equal(found.numpy(), wanted)
                rows.write(np.zeros_like(made.rows))
                chip.submit([queue[0], replace(queue[2], flags=0)])  # nothing waits here
                assert not np.array_equal(last.numpy(), wanted)


def test_a_flipped_bit_is_found_and_named(model):
    """In a weight, in the cache, and in a norm, one after the other."""
    with Simulator(CONFIG, size=SIZE) as chip:
        reader = TokenChipModel(chip, model, 8, 2, check=True)
        reader.forward(PROMPT[:2])
        for array, place, says in (
            (reader.memory.weights[model.layers[1].matrices["ffn_up"]], (9, 20), r"layer 1, up, position \[0, 9\]"),
            (reader.memory.tensor(1, "keys"), (8, 3), r"layer 1, keys, position \[1, 0, 3\]"),
            (reader.memory.tensor(0, "values"), (17, 3), r"layer 0, values, position \[17, 3\]"),
            (reader.memory.tensor(0, "scales"), (0, 1), r"layer 0, scales, position \[0, 1\]"),
        ):
            data = array.numpy()
            changed = data.copy()
            if data.dtype == np.float32:
                changed[place] *= 3
            else:
                changed[place] ^= 64
            array.write(changed)
            with pytest.raises(MismatchError, match=says):
                reader.forward([PROMPT[2]])
            array.write(data)
            reader.length -= 1


def test_what_cannot_run_alone_is_refused_before_anything_is_written(model, tmp_path):
    with Simulator(CONFIG, size=SIZE) as chip:
        free = chip.allocator.free_bytes
        usual = load_block_model(
            open_source(tiny_llama.write_gguf(tmp_path / "tiny.gguf", kinds={})), FORMATS["q8_0"], every_matrix=True
        )
        with pytest.raises(TilewrightError, match="a_format = 'q8_0': must be the format of the model's activations"):
            TokenChipModel(chip, usual, 8)
        with pytest.raises(TilewrightError, match=r"need [\d,]+ bytes on the device"):
            TokenChipModel(chip, model, 8000)
        for context, says in ((8193, "8,193 tokens of context: K is at most 8,192"), (10**6, "strides are at most")):
            with pytest.raises(TilewrightError, match=says):
                TokenChipModel(chip, model, context)
        wide = load(tmp_path, replace(tiny_llama.CONFIG, head_width=66), kinds={})
        with pytest.raises(TilewrightError, match=r"n = 66: a rotated row must be at most 64 \* vector_lanes = 64"):
            TokenChipModel(chip, wide, 8)
        assert chip.allocator.free_bytes == free
        reader = TokenChipModel(chip, model, 8, 4)
        with pytest.raises(TilewrightError, match="cannot read 5 tokens: at most 4 at once, and 8 in all"):
            reader.forward(PROMPT[:5])
    for field, value in (("unaligned", False), ("variables", 4), ("vector_lanes", 0)):
        chip.config = CONFIG.replace(**{field: value})
        with pytest.raises(TilewrightError, match=f"^{field} = {value}: must be"):
            TokenChipModel(chip, model, 8)
