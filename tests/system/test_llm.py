"""A complete language model on the generated Verilog: every sum equals that of the golden model."""

from dataclasses import replace

import numpy as np
import pytest
from support import tiny_llama
from system.test_block_formats import CONFIGS as BLOCK_CONFIGS
from system.test_gemm import CONFIGS

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright.formats import FORMATS
from tilewright_sim.host import DeviceView, Scratch, Simulator
from tilewright_sim.models import Records
from tilewright_sim.nn.llm.blocks.chip import BlockChipModel, ChipProducts, device_bytes
from tilewright_sim.nn.llm.blocks.model import load_block_model
from tilewright_sim.nn.llm.blocks.network import BlockNetwork
from tilewright_sim.nn.llm.blocks.products import ExactProducts
from tilewright_sim.nn.llm.check import CheckedModel, MismatchError
from tilewright_sim.nn.llm.generate import generate
from tilewright_sim.nn.llm.int8.chip import ChipModel
from tilewright_sim.nn.llm.int8.golden import GoldenModel
from tilewright_sim.nn.llm.int8.quantize import open_source, quantize_model
from tilewright_sim.nn.llm.prompt_blocks import plan_blocks

SIZE = 1 << 22
PROMPT = "in the other thing"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return quantize_model(open_source(tiny_llama.write_gguf(tmp_path_factory.mktemp("model") / "tiny.gguf")))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if name in ("narrow", "wide") else [])
        for name in (*CONFIGS, "small")
    ],
)
def test_a_small_model_answers_as_the_golden_model(model, name):
    config = AcceleratorConfig(**CONFIGS[name]) if name in CONFIGS else AcceleratorConfig.preset(name)
    parts = plan_blocks(config, model.config, model.tokenizer.chat(PROMPT), 7)
    with Simulator(config, size=SIZE, latency=9, ring_log2=3) as chip:
        checked = CheckedModel(ChipModel(chip, model, context=40, block=7))
        answer = list(generate(checked, parts, 5, ()))
    assert answer == list(generate(GoldenModel(model, 40), parts, 5, ()))
    counts = [len(part) for part in parts] + [1] * 4
    ends = np.cumsum(counts)
    sizes = model.config
    linear = 2 * sizes.hidden + sizes.q_width + 2 * sizes.kv_width + 2 * sizes.ffn
    attention = [count * sizes.heads * (end + sizes.head_width) for count, end in zip(counts, ends, strict=True)]
    sums = sizes.layers * (sum(counts) * linear + sum(attention)) + 5 * sizes.vocab
    assert checked.compared == sums


@pytest.mark.parametrize("sizes", [tiny_llama.QWEN2, tiny_llama.QWEN3], ids=tiny_llama.family)
def test_biases_and_norms_of_heads_are_the_same_on_the_chip(tmp_path, sizes):
    model = quantize_model(open_source(tiny_llama.write_gguf(tmp_path / "tiny.gguf", sizes)))
    parts = [[5, 200, 31, 31, 7], [90]]
    with Simulator(AcceleratorConfig(**CONFIGS["tiny"]), size=SIZE) as chip:
        checked = CheckedModel(ChipModel(chip, model, context=16, block=5))
        answer = list(generate(checked, parts, 3, ()))
    assert answer == list(generate(GoldenModel(model, 16), parts, 3, ()))
    assert checked.compared > 0


def test_a_view_is_a_part_of_its_array_and_touches_nothing_else():
    with Simulator(AcceleratorConfig(**CONFIGS["tiny"]), size=1 << 16) as chip:
        whole = chip.array(np.arange(48, dtype=np.int8).reshape(4, 12))
        part = DeviceView.of(whole, slice(1, 3), slice(4, 9))
        assert part.numpy().tolist() == [[16, 17, 18, 19, 20], [28, 29, 30, 31, 32]]
        part.write(np.full((2, 5), -1, np.int8))
        want = np.arange(48).reshape(4, 12)
        want[1:3, 4:9] = -1
        assert np.array_equal(whole.numpy(), want)
        with pytest.raises(TilewrightError, match="cannot copy int8"):
            part.write(np.zeros((2, 4), np.int8))
        with pytest.raises(ValueError, match="5 rows of 12 are more than"):
            Scratch(chip, 4, 12, np.int8).view(5, 12)


@pytest.fixture
def chip_model(model):
    with Simulator(AcceleratorConfig(**CONFIGS["tiny"]), size=SIZE) as chip:
        yield ChipModel(chip, model, context=16)


def flip(array, row, column):
    """Change a bit of an int8 matrix in the device's memory."""
    address = array.address + row * array.stride + column
    value = array.device.read_memory(address, 1)[0]
    array.device.write_memory(address, bytes([value ^ 64]))


def test_a_wrong_weight_is_found_and_named(chip_model):
    flip(chip_model._weights[1]["gate_up"], 163, 7)
    with pytest.raises(MismatchError, match=r"layer 1, up, position \[0, 3\]: the hardware gave -?\d+, the golden"):
        CheckedModel(chip_model).forward([1, 2, 3])


def test_a_wrong_key_and_a_wrong_value_are_found(chip_model):
    checked = CheckedModel(chip_model)
    checked.forward([1, 2, 3])
    flip(chip_model._values[0], 20, 1)
    with pytest.raises(MismatchError, match=r"layer 0, mixed, position \[2, 0, 4\]"):
        checked.forward([4])


def test_a_wrong_descriptor_is_found(chip_model, monkeypatch):
    right = chip_model.chip.descriptor
    monkeypatch.setattr(
        chip_model.chip, "descriptor", lambda a, b, c, **more: replace(right(a, b, c, **more), k=min(a.shape[1], 60))
    )
    with pytest.raises(MismatchError, match=r"layer 0, queries, position \[0, 0\]"):
        CheckedModel(chip_model).forward([1, 2, 3])


def test_a_tensor_that_is_never_computed_is_found(chip_model):
    checked = CheckedModel(chip_model)
    chip_model.observe = lambda layer, name, sums: None if name == "scores" else checked._compare(layer, name, sums)
    with pytest.raises(MismatchError, match="layer 0, scores: the hardware did not compute it"):
        checked.forward([1, 2, 3])


def test_a_model_that_does_not_fit_is_refused_before_anything_is_written(model):
    with Simulator(AcceleratorConfig(**CONFIGS["tiny"]), size=1 << 16) as chip:
        free = chip.allocator.free_bytes
        with pytest.raises(TilewrightError, match=r"need \d\d\d,\d\d\d bytes on the device, whose memory has 65,536"):
            ChipModel(chip, model, context=16)
        assert chip.allocator.free_bytes == free


def test_the_memory_needed_is_as_predicted(model):
    """The stated need is enough, and at most a quarter too much."""
    from tilewright_sim.nn.llm.int8.chip import device_bytes

    config = AcceleratorConfig(**CONFIGS["tiny"])
    needed = -(-device_bytes(model, 2000, 32, config.word_bytes) // 4096) * 4096
    with Simulator(config, size=needed) as chip:
        ChipModel(chip, model, context=2000, block=32)
        assert chip.allocator.free_bytes < needed / 4


def test_the_context_cannot_be_exceeded(chip_model):
    chip_model.forward([1] * 16, logits="none")
    with pytest.raises(TilewrightError, match="cannot read 1 tokens: at most 16 at once, and 16 in all"):
        chip_model.forward([1])


@pytest.fixture(scope="module")
def in_blocks(tmp_path_factory):
    """A model whose file has blocks of both formats."""
    path = tmp_path_factory.mktemp("model") / "blocks.gguf"
    tiny_llama.write_gguf(path, kinds=tiny_llama.KINDS | {"attn_v": "Q4_1"})
    return load_block_model(open_source(path), FORMATS["q4_1"])


def test_a_small_model_answers_in_block_formats(in_blocks, monkeypatch):
    """Every product is the golden model's, bit for bit; its operands take no more memory than was said."""
    parts, sizes, used = [[5, 200, 31, 31, 7, 90, 6]] * 4, in_blocks.config, []
    with Simulator(AcceleratorConfig(**BLOCK_CONFIGS["two formats"]), size=SIZE, latency=9, ring_log2=3) as chip:
        empty, submit = chip.allocator.free_bytes, chip.submit
        monkeypatch.setattr(chip, "submit", lambda *job: used.append(empty - chip.allocator.free_bytes) or submit(*job))
        reader = BlockChipModel(chip, in_blocks, 40, 7, check=True)
        answer = list(generate(reader, parts, 7, ()))
        assert empty - chip.allocator.free_bytes < min(used)
    assert answer == list(generate(BlockNetwork(in_blocks, 40, ExactProducts()), parts, 7, ()))

    counts = [len(part) for part in parts] + [1] * 6
    linear = 2 * sizes.hidden + sizes.q_width + 2 * sizes.kv_width + 2 * sizes.ffn
    attention = [
        count * sizes.heads * (end + sizes.head_width) for count, end in zip(counts, np.cumsum(counts), strict=True)
    ]
    assert reader.checked.compared == sizes.layers * (sum(counts) * linear + sum(attention)) + 7 * sizes.vocab
    needed = device_bytes(in_blocks, 40, 7, chip.config.word_bytes)
    assert needed / 2 < max(used) + (1 << 17) <= needed
    totals = reader.account.total("decode")
    assert totals.submissions == 6 * (6 * sizes.layers + 1)
    assert 0.5 < reader.account.bus_share(totals) < 1


def test_a_flipped_bit_of_a_block_is_found(in_blocks):
    with Simulator(AcceleratorConfig(**BLOCK_CONFIGS["two formats"]), size=SIZE) as chip:
        reader = BlockChipModel(chip, in_blocks, 16, 3, check=True)
        matrix = reader.products._weights[in_blocks.layers[1].matrices["ffn_up"]]
        data = matrix.numpy()
        data[9, 20] ^= 1
        matrix.write(data)
        with pytest.raises(MismatchError, match=r"layer 1, gate_up, product 1, position \[0, 9\]: the hardware gave"):
            reader.forward([1, 2, 3])


def test_the_host_multiplies_results_by_the_powers_of_two_of_rows(in_blocks):
    """The hardware does not know of them."""
    rows = Records.of(np.random.default_rng(1).standard_normal((3, 64)).astype(np.float32), in_blocks.activations)
    a = Records(rows.form, 64, rows.rows, np.array([5, -3, 0]))
    with Simulator(AcceleratorConfig(**BLOCK_CONFIGS["two formats"]), size=SIZE) as chip:
        (found,) = ChipProducts(chip, in_blocks, 16, 3).multiply(2, "logits", [(a, in_blocks.output)])
    (wanted,) = ExactProducts().multiply(2, "logits", [(a, in_blocks.output)])
    assert np.array_equal(found, wanted)
    assert np.array_equal(found[2], ExactProducts().multiply(2, "logits", [(rows, in_blocks.output)])[0][2])
    assert not np.array_equal(found[0], ExactProducts().multiply(2, "logits", [(rows, in_blocks.output)])[0][0])
