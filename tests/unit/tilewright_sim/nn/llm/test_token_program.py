"""A network as one list of descriptors: what depends on the position, in which order, and what it would take."""

import itertools
from dataclasses import replace

import pytest
from support import tiny_llama

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.formats import FORMATS
from tilewright_sim.host import Descriptor, flag_bits
from tilewright_sim.models.cycles import Bus, Gemm, QueueModel
from tilewright_sim.nn import LlamaConfig
from tilewright_sim.nn.importers import GgufModel
from tilewright_sim.nn.llm.blocks.model import activation_formats, load_block_model
from tilewright_sim.nn.llm.whole.chip import runs_alone
from tilewright_sim.nn.llm.whole.cycles import TokenCycles, blank_model, jobs_of, token_cycles
from tilewright_sim.nn.llm.whole.memory import TokenMemory, unlimited
from tilewright_sim.nn.llm.whole.program import TokenProgram
from tilewright_sim.nn.llm.whole.step import VARIABLES

CONFIG = AcceleratorConfig(
    rows=32, cols=8, dot=32, data_bits=64, requant_lanes=2, chunk_words=4, long_chunk_words=4, panel_words=512,
    ring_words=64, acc_rows=16, a_format="q8_0", b_formats=("q4_1", "q8_0"), unaligned=True, vector_lanes=2,
    variables=8,
)  # fmt: skip


def load(folder, sizes=tiny_llama.CONFIG):
    source = GgufModel(tiny_llama.write_gguf(folder / "tiny.gguf", sizes, kinds=tiny_llama.KINDS | {"attn_v": "Q4_1"}))
    return load_block_model(source, FORMATS["q4_1"], activations=FORMATS["q8_0"])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(tmp_path_factory.mktemp("model"))


def program_of(model, context=80, block=3, **more):
    return TokenProgram(TokenMemory(unlimited(CONFIG), model, context, block, **more))


@pytest.mark.parametrize("sizes", [tiny_llama.CONFIG, tiny_llama.QWEN2, tiny_llama.QWEN3], ids=tiny_llama.family)
def test_only_variables_depend_on_the_position_of_a_token(sizes, tmp_path):
    """The descriptors that refer to them are the same everywhere, and with their values those of the position."""
    program = program_of(load(tmp_path, sizes))
    made = set()
    for position in (0, 1, 31, 32, 63, 79):
        steps, values = program.steps(1, position), program.variables(position)
        referring = tuple(step.referring(values) for step in steps)
        made.add(referring)
        numbers = [values[name] for name in VARIABLES]
        assert [one.resolve(numbers) for one in referring] == [step.descriptor for step in steps]
    assert len(made) == 1
    fields = {(step.kind, field, name) for step in steps for field, name in step.refers.items()}
    assert fields == {
        ("add", "c_address", "scale"), ("add", "c_address", "code"), ("rotate", "b_address", "turn"),
        ("rotate", "c_address", "key"), ("scores", "n", "end"), ("softmax", "n", "end"), ("softmax", "k", "end"),
        ("mixed", "k", "end"),
    }  # fmt: skip


def test_fences_are_for_the_engines_that_would_read_too_early(model):
    """Weights are loaded behind vector operations; the fences of a single token are those of the first position."""
    program = program_of(model)
    weights = {array.address for array in program.memory.weights.values()}
    for tokens, position in ((1, 60), (3, 40)):
        steps = program.steps(tokens, position)
        fenced = {"FENCE_A": 0, "FENCE_B": 0}
        for step in steps:
            one = step.descriptor
            for flag, address in (("FENCE_A", one.a_address), ("FENCE_B", one.b_address)):
                fenced[flag] += bool(one.flags & flag_bits(flag))
                assert not (one.flags & flag_bits(flag) and address in weights)
        assert fenced["FENCE_A"] > 0 < fenced["FENCE_B"]
    flags = [[step.descriptor.flags for step in program.steps(1, position)] for position in (0, 60)]
    assert flags[0] == flags[1]
    assert all(not step.refers for step in program.steps(3, 0))


def test_a_token_has_few_descriptors_and_a_prompt_one_for_each_head(model):
    program, config = program_of(model), model.config
    for tokens, heads in ((1, False), (3, True)):
        kinds = [step.kind for step in program.steps(tokens, 0) if step.layer < config.layers]
        counts = {kind: kinds.count(kind) / config.layers for kind in kinds}
        assert counts == {
            "norm": 2, "qkv": 3, "rotate": config.heads + config.kv_heads if heads else 2,
            "scores": config.kv_heads, "softmax": config.heads if heads else 1,
            "mixed": config.heads if heads else config.kv_heads, "output": 1, "gate_up": 2, "gate": 1, "down": 1,
            "add": 5,
        }  # fmt: skip
    last = [step.kind for step in program.steps(3, 0) if step.layer == config.layers]
    assert last == ["norm", "logits", "add"]
    assert {step.layer for step in program.steps(3, 0, logits=False)} == {0, 1}


def test_layers_share_tensors_unless_these_are_compared(model):
    for apart in (False, True):
        memory = program_of(model, apart=apart).memory
        addresses = [memory.tensor(layer, "gate").address for layer in range(2)]
        streams = [memory.stream(layer).address for layer in range(3)]
        assert len({*addresses}) == 1 + apart
        assert len({*streams}) == 1 + 2 * apart
        assert memory.tensor(0, "keys").address != memory.tensor(1, "keys").address


def test_the_cycles_of_a_network_follow_from_those_of_two_layers(model):
    three = replace(model, config=replace(model.config, layers=3), layers=[*model.layers, model.layers[0]])
    bus = Bus(latency=30)
    found = token_cycles(CONFIG, three, 37, bus)
    descriptors = [step.descriptor for step in program_of(three, 38, 1).steps(1, 37)]
    jobs = jobs_of(descriptors)
    assert [isinstance(job, Gemm) for job in jobs] == [isinstance(one, Descriptor) for one in descriptors]
    assert found.whole == pytest.approx(QueueModel(CONFIG, bus, jobs).run(), rel=1e-4)
    assert found.products < found.whole
    assert str(TokenCycles(1236, 1200)) == "1,236 cycles, +3.0% of the 1,200 that the products alone take"


@pytest.mark.long
def test_a_token_of_smollm2():
    """What the vector operations add to the products of a decoded token."""
    sizes = LlamaConfig(
        layers=30, hidden=576, ffn=1536, vocab=49152, heads=9, kv_heads=3, head_width=64, context=8192, rope_base=1e5,
        epsilon=1e-5, tied=True,
    )  # fmt: skip
    config = CONFIG.replace(
        data_bits=128, requant_lanes=4, chunk_words=16, long_chunk_words=16, panel_words=4096, ring_words=4096,
        acc_rows=64, multiplier="dsp", vector_lanes=16,
    )  # fmt: skip
    model = blank_model(sizes, FORMATS["q4_1"], FORMATS["q8_0"], FORMATS["q8_0"])
    found = token_cycles(config, model, 37, Bus(latency=64), context=128)
    assert 6.2e6 < found.products < 6.3e6
    assert found.whole < 1.06 * found.products


def test_activations_in_another_format_change_no_matrix(tmp_path):
    source = GgufModel(tiny_llama.write_gguf(tmp_path / "tiny.gguf", kinds=tiny_llama.KINDS | {"attn_v": "Q4_1"}))
    both, usual = (load_block_model(source, FORMATS["q4_1"], activations=form) for form in (FORMATS["q8_0"], None))
    assert [form.name for form in activation_formats(FORMATS["q4_1"])] == ["q8_e5m3", "q8_0"]
    assert (both.activations.name, both.kept.name, usual.activations.name) == ("q8_0", "q8_0", "q8_e5m3")
    for one, other in zip(both.layers, usual.layers, strict=True):
        assert one.matrices["attn_v"].form.name == "q4_1"
        for name in one.matrices:
            assert one.matrices[name].rows.tobytes() == other.matrices[name].rows.tobytes()
    assert runs_alone(CONFIG, both)
    assert not runs_alone(CONFIG, usual)
    for field, value in (("variables", 4), ("unaligned", False), ("vector_lanes", 0), ("a_format", "q8_e5m3")):
        assert not runs_alone(CONFIG.replace(**{field: value}), both)


def test_each_position_has_its_own_places(model):
    program = program_of(model)
    found = [program.variables(position) for position in range(80)]
    for name, step in (("end", 1), ("scale", 4), ("turn", program.memory.turns.stride)):
        assert all(after[name] - before[name] == step for before, after in itertools.pairwise(found))
    assert [values["code"] for values in found] == [34 * (position // 32) + position % 32 for position in range(80)]
