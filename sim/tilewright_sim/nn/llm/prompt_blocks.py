"""How many tokens of a prompt to read together."""

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright_sim.models.cycles import Gemm, Shape, split_gemm
from tilewright_sim.nn import LlamaConfig

__all__ = ["MOST", "block_cycles", "plan_blocks"]

MOST = 64
"""Most tokens that are read together: more would gain little, and take more memory."""
_HANDOVER = 3000  # cycles of a layer in which the chip waits for the host's next submission, about


def plan_blocks(config: AcceleratorConfig, model: LlamaConfig, prompt: list[int], most: int = MOST) -> list[list[int]]:
    """Cut a prompt into blocks of at most ``most`` tokens that take the fewest cycles in all.

    The chip takes rows of A in blocks of its own, as many as its buffers hold for K; one of fewer rows than the tile
    has columns takes as long as if it had as many. So 42 tokens may be cheaper than 64, and one left over is dear.
    """
    cost = [block_cycles(config, model, count) for count in range(1, min(most, len(prompt)) + 1)]
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
    """Return about how many cycles the linear layers of all blocks of the network take for so many tokens.

    A tile of weights takes as many cycles as it has rows of activations, or as the bus needs to bring it.
    """
    layers = [
        (model.q_width + 2 * model.kv_width, model.hidden),
        (model.hidden, model.q_width),
        (2 * model.ffn, model.hidden),
        (model.hidden, model.ffn),
    ]
    bring = config.cols * config.rows / config.word_bytes
    total = 0.0
    for n, k in layers:
        for part in split_gemm(config, Gemm(m=tokens, n=n, k=k, requant=False)):
            shape = Shape(config, part)
            total += sum(max(rows, bring) for rows in shape.blocks) * len(shape.tiles) * shape.k_words
    return model.layers * (total + _HANDOVER)
