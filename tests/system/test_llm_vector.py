"""A language model whose products and vector operations all run on the generated Verilog."""

from dataclasses import replace

import numpy as np
import pytest
from support import tiny_llama
from system.test_block_formats import CONFIGS as BLOCK_CONFIGS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.formats import FORMATS
from tilewright_sim.host import Simulator
from tilewright_sim.nn.llm.blocks.chip import BlockChipModel
from tilewright_sim.nn.llm.blocks.model import load_block_model
from tilewright_sim.nn.llm.blocks.network import BlockNetwork
from tilewright_sim.nn.llm.blocks.products import ExactProducts
from tilewright_sim.nn.llm.check import CheckedModel, MismatchError
from tilewright_sim.nn.llm.cycle_accounting import VECTOR
from tilewright_sim.nn.llm.generate import generate
from tilewright_sim.nn.llm.golden_ops import GoldenVectorOps
from tilewright_sim.nn.llm.int8.chip import ChipModel
from tilewright_sim.nn.llm.int8.golden import GoldenModel
from tilewright_sim.nn.llm.int8.quantize import open_source, quantize_model

SIZE = 1 << 22
CONFIG = AcceleratorConfig.preset("nano", vector_lanes=4, variables=4)
PARTS = [[5, 200, 31, 31, 7], [90]]
MODELS = {"llama": tiny_llama.CONFIG, "qwen2": tiny_llama.QWEN2, "qwen3": tiny_llama.QWEN3}


def vector_results(config, counts):
    """Elements of all vector operations, for blocks of tokens."""
    total = 0
    for count, end in zip(counts, np.cumsum(counts), strict=True):
        layer = count * (4 * config.hidden + config.ffn + config.q_width + config.kv_width)
        layer += config.heads * count * end
        layer += count * (config.q_width + 2 * config.kv_width) * config.qkv_bias
        layer += count * (config.q_width + config.kv_width) * config.qk_norm
        total += config.layers * layer
    return int(total)


@pytest.mark.parametrize(
    "name", [name if name == "llama" else pytest.param(name, marks=pytest.mark.long) for name in MODELS]
)
def test_a_small_model_answers_as_the_golden_model_of_the_vector_engine(tmp_path, name):
    """Every result of both kinds is compared; the cycles of all kinds add up to those of the submissions."""
    model = quantize_model(open_source(tiny_llama.write_gguf(tmp_path / "tiny.gguf", MODELS[name])))
    sizes, ran = model.config, []
    with Simulator(CONFIG, size=SIZE, latency=9) as chip:
        checked = CheckedModel(
            ChipModel(chip, model, context=16, block=5, ran=lambda kind, layer, run: ran.append((kind, layer, run)))
        )
        answer = list(generate(checked, PARTS, 3, ()))
        assert chip.allocator.free_bytes > 0
    assert answer == list(generate(GoldenModel(model, 16, ops=GoldenVectorOps(model.host_ops())), PARTS, 3, ()))
    counts, logits = [5, 1, 1, 1], 3
    assert checked.ops.compared == vector_results(sizes, counts) + logits * sizes.hidden
    account = checked.chip.account
    assert account.total().cycles == sum(run.cycles for _, _, run in ran)
    decode = account.total("decode")
    each = 7 + bool(sizes.qkv_bias) + 2 * bool(sizes.qk_norm)
    assert account.total("decode", VECTOR).submissions == 3 * (sizes.layers * each + 1)
    assert decode.submissions == 3 * (sizes.layers * (each + 6) + 2)
    assert {(kind, layer) for kind, layer, _ in ran if kind == "norm"} == {("norm", layer) for layer in range(3)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return quantize_model(open_source(tiny_llama.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")))


@pytest.mark.long
def test_the_host_computes_what_is_between_the_products_if_it_is_told_to(model):
    with Simulator(CONFIG, size=SIZE) as chip:
        checked = CheckedModel(ChipModel(chip, model, context=16, block=5, host_ops=True))
        answer = list(generate(checked, PARTS, 2, ()))
    assert checked.ops is None
    assert checked.chip.account.total(kinds=VECTOR).cycles == 0
    assert answer == list(generate(GoldenModel(model, 16), PARTS, 2, ()))


@pytest.mark.long
def test_a_wrong_vector_descriptor_is_found_and_named(model, monkeypatch):
    with Simulator(CONFIG, size=SIZE) as chip:
        checked = CheckedModel(ChipModel(chip, model, context=16, block=5))
        right = chip.vector_descriptor

        def wrong(operation, *arrays, **more):
            made = right(operation, *arrays, **more)
            return replace(made, k=made.k + 1) if operation == "SOFTMAX" else made

        monkeypatch.setattr(chip, "vector_descriptor", wrong)
        with pytest.raises(MismatchError, match=r"layer 0, softmax, position \[0, 0, 0\]: the hardware gave"):
            checked.forward([1, 2, 3])


@pytest.mark.long
def test_a_small_model_answers_in_block_formats(tmp_path):
    path = tiny_llama.write_gguf(tmp_path / "blocks.gguf", kinds=tiny_llama.KINDS | {"attn_v": "Q4_1"})
    model = load_block_model(open_source(path), FORMATS["q4_1"])
    config = AcceleratorConfig(**BLOCK_CONFIGS["two formats"], vector_lanes=4)
    with Simulator(config, size=SIZE, latency=9) as chip:
        reader = BlockChipModel(chip, model, 16, 5, check=True)
        answer = list(generate(reader, PARTS, 3, ()))
    ops = GoldenVectorOps(model.host_ops())
    assert answer == list(generate(BlockNetwork(model, 16, ExactProducts(), ops), PARTS, 3, ()))
    assert reader.ops.compared == vector_results(model.config, [5, 1, 1, 1]) + 3 * model.config.hidden
    assert reader.account.total("decode").submissions == 3 * (13 * model.config.layers + 2)
