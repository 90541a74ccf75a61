"""Dividing a prompt into blocks of tokens that are read together."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.models.cycles import Gemm, Shape, split_gemm
from tilewright_sim.nn import LlamaConfig

__all__ = ["MAX_BLOCK", "block_cycles", "plan_blocks"]

MAX_BLOCK = 64
"""Maximum number of tokens that are read together: more would save little time, and take more memory."""
_HANDOVER = 3000  # approximate cycles per layer in which the chip waits for the host's next submission


def plan_blocks(
    config: AcceleratorConfig, model: LlamaConfig, prompt: list[int], max_block: int = MAX_BLOCK
) -> list[list[int]]:
    """Divide a prompt into blocks of at most ``max_block`` tokens, with the fewest cycles in all.

    The accelerator divides the rows of A into M-blocks, whose size depends on its buffers and K; an M-block with fewer
    rows than the tile has columns takes as long as one with as many. So 42 tokens may take less time than 64, and a
    block of one token is expensive.
    """
    cost = [block_cycles(config, model, count) for count in range(1, min(max_block, len(prompt)) + 1)]
    best, last = [0.0], [0]
    for end in range(1, len(prompt) + 1):
        total, size = min((best[end - size] + cost[size - 1], -size) for size in range(1, min(end, len(cost)) + 1))
        best.append(total)
        last.append(-size)
    parts, end = [], len(prompt)
    while end:
        parts.append(prompt[end - last[end] : end])
        end -= last[end]
    return parts[::-1]


def block_cycles(config: AcceleratorConfig, model: LlamaConfig, tokens: int) -> float:
    """Return the approximate number of cycles of all linear layers of the network for this number of tokens.

    A weight tile takes one cycle for each row of activations, or the time to load it, if that is longer.
    """
    layers = [
        (model.q_width + 2 * model.kv_width, model.hidden),
        (model.hidden, model.q_width),
        (2 * model.ffn, model.hidden),
        (model.hidden, model.ffn),
    ]
    bring = config.tile.cols * config.b.row_bytes(config.tile.rows) / config.word_bytes
    total = 0.0
    for n, k in layers:
        for part in split_gemm(config, Gemm(m=tokens, n=n, k=k, requant=False)):
            shape = Shape(config, part)
            total += sum(max(rows, bring) for rows in shape.blocks) * len(shape.tiles) * shape.k_words
    return model.layers * (total + _HANDOVER)
