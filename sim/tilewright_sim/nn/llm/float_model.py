"""The network in float32 arithmetic with the weights of its file: the reference for the accuracy of number formats."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from tilewright_sim.nn.importers import Source, layer_tensors

from .host_ops import HostOps, Rotation

__all__ = ["FloatModel"]

Floats = NDArray[np.float32]
Weights = dict[str, Floats]


class FloatModel:
    """A model in float32 arithmetic, which reads whole texts. Quantized weights are dequantized.

    Parameters
    ----------
    source : Source
        Its tensors are read on use, which needs little memory.
    """

    def __init__(self, source: Source):
        config = source.config
        self.source = source
        self.config = config
        self._ops = HostOps(config.epsilon, Rotation(config.head_width, config.rope_base, source.rope_factors()))

    def forward(
        self, texts: list[list[int]], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[NDArray[np.float32]]:
        """Yield the logits [tokens, vocab] after each token, text by text.

        All texts go through a layer before the next layer is read; ``progress`` is called with the number of layers
        done.
        """
        embedding = self.source.tensor("token_embd.weight")
        states = [embedding[text] for text in texts]
        for number in range(self.config.layers):
            weights = self.weights(number)
            states = [self.layer(x, weights) for x in states]
            if progress:
                progress(number + 1, self.config.layers)
        norm = self.source.tensor("output_norm.weight")
        output = embedding if self.config.tied else self.source.tensor("output.weight")
        for x in states:
            yield self._ops.norm(x, norm) @ output.T

    def weights(self, number: int) -> Weights:
        """Return the tensors of a layer by the names of `layer_tensors`, without ``.weight``."""
        return {
            name.removesuffix(".weight"): self.source.tensor(f"blk.{number}.{name}")
            for name in layer_tensors(self.config)
        }

    def layer(
        self, x: NDArray[np.float32], weights: Weights, observe: Callable[[str, NDArray], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the output of a layer for a text [tokens, hidden].

        ``observe`` is called with the inputs of ``attn_q``, ``ffn_gate`` and ``ffn_down``, [tokens, inputs].
        """
        config, ops, told = self.config, self._ops, observe or (lambda name, values: None)
        positions = np.arange(len(x))
        normed = ops.norm(x, weights["attn_norm"])
        told("attn_q", normed)
        q, k, v = (
            self._heads(normed @ weights[name].T, weights.get(f"{name}.bias"), weights.get(f"{name}_norm"))
            for name in ("attn_q", "attn_k", "attn_v")
        )
        q, k = ops.rotate(q, positions), ops.rotate(k, positions)
        k, v = (np.repeat(part, config.group, axis=1).swapaxes(0, 1) for part in (k, v))
        scores = q.swapaxes(0, 1) @ k.swapaxes(1, 2)
        shares = ops.softmax(scores, positions, config.head_width**-0.5)
        mixed = (shares @ v).swapaxes(0, 1).reshape(len(x), config.q_width)
        x = ops.add(x, mixed @ weights["attn_output"].T)
        normed = ops.norm(x, weights["ffn_norm"])
        told("ffn_gate", normed)
        gated = ops.gate(normed @ weights["ffn_gate"].T, normed @ weights["ffn_up"].T)
        told("ffn_down", gated)
        return ops.add(x, gated @ weights["ffn_down"].T)

    def _heads(self, x: Floats, bias: Floats | None, norm: Floats | None) -> NDArray:
        """Return queries, keys or values [tokens, heads, head_width], with their bias and normed, if so."""
        x = (x if bias is None else self._ops.add(x, bias)).reshape(len(x), -1, self.config.head_width)
        return x if norm is None else self._ops.norm(x, norm)
