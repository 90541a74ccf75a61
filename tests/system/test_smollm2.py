"""A published model, SmolLM2-135M-Instruct: its answers, its accuracy in int8, and one token on the RTL."""

import pytest

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.host import Simulator
from tilewright_sim.nn.importers import describe_kinds, fetch
from tilewright_sim.nn.llm import EMULATIONS, Conversation, compare, load_model, open_source, public_text
from tilewright_sim.nn.llm.float_model import FloatModel
from tilewright_sim.nn.llm.generate import generate
from tilewright_sim.nn.llm.int8.golden import GoldenModel

pytestmark = pytest.mark.long
QUESTION = "What is the capital of France?"


@pytest.fixture(scope="module")
def path():
    """The model's file, downloaded if it is not there."""
    return fetch("smollm2", lambda done, total: None)


@pytest.fixture(scope="module")
def model(path):
    return load_model(path)


def test_the_question_is_tokenized_as_its_authors_do(model):
    """The prompt has 37 tokens, and the conversation follows the template."""
    tokens = model.tokenizer.chat(QUESTION)
    assert len(tokens) == 37
    text = model.tokenizer.decode(tokens, special=True)
    assert text.endswith(f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n")
    assert (tokens[0], model.tokenizer.end) == (1, 2)


def test_the_float_model_and_the_int8_network_name_paris(path, model):
    tokens = model.tokenizer.chat(QUESTION)
    floats, answer = FloatModel(open_source(path)), []
    for _ in range(7):
        (logits,) = floats.forward([tokens + answer])
        answer.append(int(logits[-1].argmax()))
    assert model.tokenizer.decode(answer) == "The capital of France is Paris."
    answer = list(generate(GoldenModel(model, 64), [tokens], 16, model.tokenizer.ends))
    assert "Paris" in model.tokenizer.decode(answer)


@pytest.mark.parametrize(
    ("name", "cost", "divergence"),
    [("memorised", 0.10, {"int8": 0.10, "q4_1": 0.02}), ("unseen", 0.03, {"int8": 0.03, "q4_1": 0.006})],
)
def test_int8_costs_little_accuracy_and_block_formats_less(path, model, name, cost, divergence):
    tokens = model.tokenizer.encode(public_text(name))[:1025]
    source = open_source(path)
    networks = {form: EMULATIONS[form](source, lambda: model, False, False).networks for form in divergence}
    for form, measured in compare(source, networks, tokens).items():
        assert measured.tokens == 1025 - 3
        assert 5 < measured.of_float.value < 60
        assert -0.01 < measured.cost.value <= cost
        assert measured.divergence.value < divergence[form]
        assert measured.equal_top.value > 0.85


def test_the_file_has_blocks_of_four_bits(path):
    assert "78.9% Q4_1, 21.0% Q8_0, under 0.1% F32; 5.7 bits per weight: float is these" in describe_kinds(
        open_source(path).kinds()
    )


@pytest.mark.parametrize("preset", ["base", "small"])
def test_a_token_on_the_rtl_equals_the_golden_model_in_all_tensors(model, preset):
    """All 30 layers and the output layer."""
    config = model.config
    with Simulator(AcceleratorConfig.preset(preset), latency=64) as chip:
        talk = Conversation(chip, model, model.tokenizer, model.tokenizer.encode("Hello"), 1, check=True)
        assert len("".join(talk)) > 0
    linear = 2 * config.hidden + config.q_width + 2 * config.kv_width + 2 * config.ffn
    attention = config.heads * (1 + config.head_width)
    assert talk.compared == config.layers * (linear + attention) + config.vocab
    assert talk.answer == list(generate(GoldenModel(model, 2), [model.tokenizer.encode("Hello")], 1, ()))
