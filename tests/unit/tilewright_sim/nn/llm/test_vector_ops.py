"""The operations between the products: of the host, of the golden model, and as descriptors of the vector engine."""

import numpy as np
import pytest
from support import tiny_llama
from support.fake_device import CYCLES
from support.fake_vector import FakeVectorChip

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.nn.llm.check import CheckedOps, MismatchError
from tilewright_sim.nn.llm.chip_ops import ChipVectorOps, check_rows, vector_bytes
from tilewright_sim.nn.llm.cycle_accounting import VECTOR, Rows
from tilewright_sim.nn.llm.golden_ops import GoldenVectorOps
from tilewright_sim.nn.llm.host_ops import HostOps, Rotation
from tilewright_sim.nn.llm.submissions import Submissions

CONFIGS = {
    "nano": AcceleratorConfig.preset("nano", vector_lanes=4),
    "wide bus": AcceleratorConfig.preset("base", vector_lanes=16),
    "one lane, unaligned": AcceleratorConfig.preset("nano", vector_lanes=1, unaligned=True),
    "short": AcceleratorConfig.preset("nano", vector_lanes=4, size_bits=8),
}
PROMPTS = {"prompt": np.arange(5), "later": np.arange(7, 12), "one": np.array([9]), "first": np.array([0])}


def host_of(width):
    return HostOps(1e-5, Rotation(width, 10000.0))


def tensors(tokens, heads=6, width=24, context=14, seed=1):
    """The operands of every operation, by its name."""
    rng = np.random.default_rng(seed)

    def floats(*shape):
        return rng.standard_normal(shape).astype(np.float32) * np.float32(3)

    positions = tokens
    count = len(tokens)
    return {
        "norm": (floats(count, 56), floats(56)),
        "rotate": (floats(count, heads, width), positions),
        "softmax": (floats(heads, count, context), positions, width**-0.5),
        "gate": (floats(count, 50), floats(count, 50)),
        "add": (floats(count, 56), floats(count, 56)),
        "norm of heads": (floats(count, heads, width), floats(width)),
        "add of a bias": (floats(count, 33), floats(33)),
    }


def calls(ops, operands):
    return {name: getattr(ops, name.split()[0])(*each) for name, each in operands.items()}


@pytest.fixture(params=CONFIGS)
def chip(request):
    return FakeVectorChip(CONFIGS[request.param])


@pytest.mark.parametrize("name", PROMPTS)
def test_golden_operations_are_close_to_those_of_the_host(name):
    operands = tensors(PROMPTS[name])
    host = host_of(24)
    wanted, found = calls(host, operands), calls(GoldenVectorOps(host), operands)
    for key, values in wanted.items():
        assert found[key].shape == values.shape
        assert found[key].dtype == np.float32
        assert np.allclose(found[key], values, rtol=2e-6, atol=2e-6), key
    assert not np.array_equal(found["gate"], wanted["gate"])
    assert np.array_equal(found["softmax"] == 0, wanted["softmax"] == 0)
    codes, scales = GoldenVectorOps(host).quantize(operands["norm"][0])
    assert np.array_equal(codes, host.quantize(operands["norm"][0])[0])
    assert np.array_equal(scales, host.quantize(operands["norm"][0])[1])


@pytest.mark.parametrize("name", PROMPTS)
def test_descriptors_compute_what_the_golden_model_does(chip, name):
    """Every bit, for all tokens and heads in one submission; nothing stays in the device's memory."""
    operands, host = tensors(PROMPTS[name]), host_of(24)
    jobs = Submissions(chip)
    free = chip.allocator.free_bytes
    found, wanted = calls(ChipVectorOps(jobs, host), operands), calls(GoldenVectorOps(host), operands)
    for key, values in wanted.items():
        assert found[key].shape == values.shape
        assert np.array_equal(found[key].view(np.uint32), values.view(np.uint32)), key
    assert len(chip.submitted) == len(operands)
    assert chip.allocator.free_bytes == free


@pytest.mark.parametrize(("name", "tokens", "descriptors"), [("prompt", 5, 6), ("one", 1, 1)])
def test_heads_are_the_descriptors_of_a_prompt_and_the_rows_of_a_token(name, tokens, descriptors):
    chip = FakeVectorChip(CONFIGS["nano"])
    calls(ChipVectorOps(Submissions(chip), host_of(24)), tensors(PROMPTS[name]))
    norm, rotate, softmax, gate, add, heads, bias = chip.submitted
    for several in (rotate, softmax):
        assert [one.m for one in several] == [6 * tokens // descriptors] * descriptors
    for single, rows in ((norm, tokens), (gate, tokens), (add, tokens), (heads, 6 * tokens), (bias, tokens)):
        assert [one.m for one in single] == [rows]
    assert (norm[0].scalar, norm[0].scalar2) == (np.float32(1e-5), 1 / 56)
    assert [one.k for one in softmax] == [int(PROMPTS[name][0]) + 1] * descriptors


@pytest.mark.parametrize(
    ("preset", "lanes", "width", "rows"),
    [("nano", 1, 64, 2), ("nano", 1, 130, 6), ("small", 2, 130, 4), ("base", 4, 320, 4)],
)
def test_a_head_that_is_longer_than_a_rotated_row_is_cut(preset, lanes, width, rows):
    host, rng = host_of(width), np.random.default_rng(width)
    chip = FakeVectorChip(AcceleratorConfig.preset(preset, vector_lanes=lanes))
    for positions in (np.array([3, 4]), np.array([4])):
        x = rng.standard_normal((len(positions), 2, width)).astype(np.float32)
        found = ChipVectorOps(Submissions(chip), host).rotate(x, positions)
        assert np.array_equal(found, GoldenVectorOps(host).rotate(x, positions))
        assert sum(one.m for one in chip.submitted[-1]) == rows * len(positions)


def test_rows_beyond_the_largest_m_are_cut_and_a_causal_softmax_goes_on():
    host, rng = host_of(4), np.random.default_rng(1)
    chip = FakeVectorChip(CONFIGS["short"])
    scores = rng.standard_normal((2, 300, 60)).astype(np.float32)
    positions = np.arange(3, 303)
    found = ChipVectorOps(Submissions(chip), host).softmax(scores, positions)
    assert np.array_equal(found, GoldenVectorOps(host).softmax(scores, positions))
    assert [(one.m, one.k) for one in chip.submitted[0]] == [(255, 4), (45, 60)] * 2


def test_a_wrong_bit_is_found_and_named(monkeypatch):
    chip, operands = FakeVectorChip(CONFIGS["nano"]), tensors(PROMPTS["prompt"])
    jobs = Submissions(chip)
    jobs.layer = 3
    checked = CheckedOps(ChipVectorOps(jobs, host_of(24)))
    calls(checked, operands)
    compared = sum(each[0].size for each in operands.values())
    assert checked.compared == compared
    right = chip._run

    def flipped(one):
        """Flip the lowest bit of the second element of a result."""
        right(one)
        (byte,) = chip.device.read_memory(one.c_address + 4, 1)
        chip.device.write_memory(one.c_address + 4, bytes([byte ^ 1]))

    monkeypatch.setattr(chip, "_run", flipped)
    for name in VECTOR:
        with pytest.raises(MismatchError, match=rf"layer 3, {name}, position \[0, (0, )?1\]: the hardware gave"):
            getattr(checked, name)(*operands[name])
    assert checked.compared == compared


def test_vector_operations_are_accounted_by_kind():
    """By hand, on a bus of 4 bytes: 5 rows of 56 of both operands, and a descriptor of 16 words."""
    told = []
    jobs = Submissions(FakeVectorChip(CONFIGS["nano"]), lambda kind, layer, run: told.append((kind, layer, run.cycles)))
    calls(ChipVectorOps(jobs, host_of(24)), tensors(PROMPTS["prompt"]))
    assert [kind for kind, _, _ in told] == [*VECTOR, "norm", "add"]
    adds = jobs.account.total("prefill", ["add"])
    assert (adds.words, adds.macs, adds.submissions) == (2 * 5 * 56 + 16 + 5 * 33 + 33 + 16, 0, 2)
    assert jobs.account.total(kinds=VECTOR) == jobs.account.total()
    assert jobs.account.total().cycles == CYCLES * (6 + 6 + 5)
    assert Rows(3, 9, 1, 5).read_words(4) == 3 * 3 + 2


@pytest.mark.parametrize("sizes", [tiny_llama.CONFIG, tiny_llama.QWEN2, tiny_llama.QWEN3], ids=tiny_llama.family)
def test_the_memory_is_as_predicted(chip, sizes):
    """Enough for every operation of a block, and no more than twice what the largest takes."""
    context, block = 60, 9
    used, submit, free = [], chip.submit, chip.allocator.free_bytes
    chip.submit = lambda *job: used.append(free - chip.allocator.free_bytes) or submit(*job)
    ops, positions = ChipVectorOps(Submissions(chip), host_of(sizes.head_width)), np.arange(block)
    zeros = np.zeros
    qkv, heads = sizes.q_width + 2 * sizes.kv_width, sizes.heads + sizes.kv_heads
    check_rows(chip.config, sizes, context)
    for width in (sizes.hidden, sizes.ffn, qkv):
        ops.gate(zeros((block, width), np.float32), zeros((block, width), np.float32))
    ops.norm(zeros((block, sizes.heads, sizes.head_width), np.float32), zeros(sizes.head_width, np.float32))
    ops.softmax(zeros((sizes.heads, block, context), np.float32), positions)
    ops.rotate(zeros((block, heads, sizes.head_width), np.float32), positions)
    assert max(used) <= vector_bytes(chip.config, sizes, context, block) <= 2 * max(used)


def test_rows_that_are_too_long_for_a_descriptor_are_refused():
    check_rows(CONFIGS["short"], tiny_llama.CONFIG, 255)
    with pytest.raises(TilewrightError, match=r"at most 255 elements, the model with 256 tok.* 256; use --host-ops"):
        check_rows(CONFIGS["short"], tiny_llama.CONFIG, 256)
