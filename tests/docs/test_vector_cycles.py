"""The cycles of vector operations on the pages are those of the cycle model."""

import re
from pathlib import Path

import pytest

from tilewright.accelerator.contract import AcceleratorConfig, Operation
from tilewright.formats import FORMATS
from tilewright_sim.models.cycles import Bus, VectorJob, estimate
from tilewright_sim.nn import LlamaConfig
from tilewright_sim.nn.llm import default_values, values_without_host
from tilewright_sim.nn.llm.whole.cycles import blank_model, token_cycles

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "architecture" / "vector.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([A-Z_]+)` \| (\d+) × (\d+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE, re.MULTILINE)
SMOLLM2 = LlamaConfig(
    layers=30, hidden=576, ffn=1536, vocab=49152, heads=9, kv_heads=3, head_width=64, context=8192, rope_base=1e5,
    epsilon=1e-5, tied=True,
)  # fmt: skip
CONFIG, BUS = AcceleratorConfig.preset("base", vector_lanes=16), Bus(latency=64)


@pytest.mark.parametrize(("name", "m", "n", "alone", "each", "lanes"), ROWS)
def test_cycles_of_the_page_are_those_of_the_model(name, m, n, alone, each, lanes):
    job = VectorJob(operation=Operation[name], m=int(m), n=int(n), shared_y=name == "RMS_NORM", fenced=True)
    one, three = (estimate(CONFIG, [job] * count, BUS) for count in (1, 3))
    assert f"{one.cycles:,}" == alone
    assert f"{(three.cycles - one.cycles) // 2:,}" == each
    assert f"{one.vector_cycles:,}" == lanes


def test_the_page_has_such_a_table():
    assert len(ROWS) >= 10


def layer(config, tokens):
    """Estimated cycles of a layer's two norms, rotation, softmax, SiLU and two residuals."""

    def cycles(operation, m, n, count=1, **choices):
        return estimate(config, [VectorJob(operation=operation, m=m, n=n, fenced=True, **choices)] * count, BUS).cycles

    def by_head(heads):  # one descriptor for all of a single token, one for each of a prompt
        return (heads, 1) if tokens == 1 else (tokens, heads)

    rotated, ended = by_head(12), by_head(9)
    return [
        2 * cycles(Operation.RMS_NORM, tokens, 576, shared_y=True),
        cycles(Operation.ROTATE_ADJACENT, rotated[0], 64, rotated[1], shared_y=tokens == 1),
        cycles(Operation.SOFTMAX, ended[0], 37, ended[1]),
        cycles(Operation.SILU, tokens, 1536),
        2 * cycles(Operation.ADD, tokens, 576),
    ]


@pytest.mark.parametrize(("place", "lanes"), tuple(enumerate((4, 8, 16))))
def test_cycles_of_a_language_model_are_those_of_the_model(place, lanes):
    page = (DOCS / "results" / "llm.md").read_text(encoding="utf-8").partition("## With the vector engine")[2]
    cells = re.findall(r"^\| [a-zA-Z].*?" + r"\| ([\d,]*\d)[^|]*" * 3 + r"\|$", page, re.MULTILINE)[1:8]
    found = [int(row[place].replace(",", "")) for row in cells]
    config = AcceleratorConfig.preset("base", vector_lanes=lanes)
    token, prompt = layer(config, 1), layer(config, 37)
    last_norm = token[0] // 2
    assert found == [*token, 30 * sum(token) + last_norm, 30 * sum(prompt) + last_norm]


def test_cycles_of_whole_tokens_are_those_of_the_model():
    page = (DOCS / "results" / "llm.md").read_text(encoding="utf-8").partition("## One submission for a token")[2]
    rows = re.findall(r"^\| (\d+) \| (\d+) \| ([\d,]+) \| ([\d,]+) \| \+([\d.]+) % \|$", page, re.MULTILINE)
    assert len(rows) == 2
    form, kept = FORMATS["q4_1"], FORMATS["q8_0"]
    config = AcceleratorConfig(**default_values(form) | values_without_host(form), vector_lanes=16)
    model = blank_model(SMOLLM2, form, kept, kept)
    for tokens, position, whole, products, over in rows:
        found = token_cycles(config, model, int(position), BUS, int(tokens), context=128)
        assert [f"{found.whole:,}", f"{found.products:,}"] == [whole, products]
        assert f"{100 * (found.whole / found.products - 1):.1f}" == over
