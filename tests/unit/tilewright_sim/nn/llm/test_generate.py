"""Prompts are cut into blocks, answers are greedy, and contexts have an end."""

from dataclasses import replace

import numpy as np
import pytest
from support import tiny_llama

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.nn.llm.generate import check_length, generate
from tilewright_sim.nn.llm.prompt_blocks import block_cycles, plan_blocks


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
