"""The network of a `BlockModel`: every product in block formats, everything between the products in float32.

The host quantizes to two block formats. In the one of ``activations`` are

* the inputs of a linear layer, a row for each token, in blocks along the row;
* queries, a row for each head and token, in blocks along the row;
* the probabilities, a row for each head and token, in blocks along positions, from position 0; multiplied by the scales
  of values, if these have one for each token.

In ``kept`` is what is multiplied with these in place of weights:

* keys, a row for each head and token, in blocks along the row;
* the values of a head, transposed, a row for each element of the head, in blocks along positions. By default a block
  has its own scale, which may depend on the tokens that are read together: see `RecordValues`. In `ColumnValues` a
  token has one scale, which is moved to its probabilities.

No other factor is moved from one operand to another: scores are multiplied by ``head_width**-0.5`` in float32, after
the product. In formats with a narrow range of scales, which is `nvfp4`, rows of A and of weights are divided by a power
of two: see `Records.normalized`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright.formats import BlockFormat
from tilewright_sim.models import Records

from ..host_ops import Floats, VectorOps
from .model import BlockLayer, BlockModel
from .products import Products
from .values import RecordValues, Values

__all__ = ["BlockNetwork", "Tensor"]

Tensor = Floats | Records | NDArray
_MATRICES = {
    "q": "attn_q", "k": "attn_k", "v": "attn_v", "output": "attn_output", "gate": "ffn_gate", "up": "ffn_up",
    "down": "ffn_down",
}  # fmt: skip
"""Names of the matrices of linear layers, by those of their results."""


class BlockNetwork:
    """A model with the keys and values of the tokens that it has read.

    Parameters
    ----------
    model : BlockModel
    context : int
        Maximum number of tokens in all.
    products : Products
        Computes every product of matrices.
    ops : VectorOps or None
        The operations between the products; those of the host if None.
    reached : callable or None
        Called with the number of each layer before it is computed, and with the number of layers before the last norm.
    quantize : callable or None
        Makes records of rows in a format; by default those of `Records.normalized` for activations, of `Records.of` for
        keys and values.
    observe : callable or None
        Called with the layer, a name and the value of every tensor: float32 [tokens, …], or its records. Those of
        ``scores`` are [heads, tokens, positions]. All that is in the cache is observed too: ``keys`` are uint8, the
        others are what `Values.keep` returns.
    values : Values or None
        Keeps the values; by default `RecordValues`, made as keys are.
    """

    def __init__(
        self,
        model: BlockModel,
        context: int,
        products: Products,
        ops: VectorOps | None = None,
        reached: Callable[[int], None] | None = None,
        quantize: Callable[[Floats, BlockFormat], Records] | None = None,
        observe: Callable[[int, str, Tensor], None] | None = None,
        values: Values | None = None,
    ):
        config, form = model.config, model.kept
        self.model = model
        self.context = context
        self.products = products
        self.length = 0
        self._ops = ops or model.host_ops()
        self._reached = reached or (lambda layer: None)
        self._to_activations = quantize or Records.normalized
        self._to_kept = quantize or Records.of
        self._observe = observe or (lambda layer, name, value: None)
        self.values = values or RecordValues(model, context, self._to_kept)
        row_bytes = form.row_bytes(config.head_width)
        self._keys = np.zeros((config.layers, config.kv_heads, context, row_bytes), dtype=np.uint8)

    def forward(self, tokens: list[int], *, logits: str = "last") -> Floats:
        """Read tokens and return logits [rows, vocab]: of the ``last`` token, of ``all``, or of ``none``.

        Raises
        ------
        TilewrightError
            If the sequence becomes longer than the context, or a value has become too large for the format.
        """
        if self.length + len(tokens) > self.context:
            raise TilewrightError(f"{self.length + len(tokens)} tokens are more than the context of {self.context}")
        model, ops = self.model, self._ops
        positions = np.arange(self.length, self.length + len(tokens))
        x = model.embed(tokens)
        for number, layer in enumerate(model.layers):
            self._reached(number)
            mixed = self._attention(number, ops.norm(x, layer.vectors["attn_norm"]), positions)
            (output,) = self._linear("output", number, "heads", mixed, "output")
            x = self._seen(number, "attended", ops.add(x, output))
            normed = ops.norm(x, layer.vectors["ffn_norm"])
            gate, up = self._linear("gate_up", number, "normed again", normed, "gate", "up")
            (down,) = self._linear("down", number, "gated", ops.gate(gate, up), "down")
            x = self._seen(number, "out", ops.add(x, down))
        self.length += len(tokens)
        if logits == "none":
            return np.empty((0, model.config.vocab), dtype=np.float32)
        self._reached(len(model.layers))
        x = ops.norm(x if logits == "all" else x[-1:], model.output_norm)
        rows = self._to_activations(x, model.activations)
        self._observe(len(model.layers), "last", rows)
        (found,) = self.products.multiply(len(model.layers), "logits", [(rows, model.output)])
        return self._seen(len(model.layers), "logits", found)

    def _seen(self, number: int, name: str, x: Floats) -> Floats:
        self._observe(number, name, x)
        return x

    def _linear(self, kind: str, number: int, name: str, x: Floats, *results: str) -> list[Floats]:
        """Return the results of linear layers with the same input; all have names of tensors."""
        rows, matrices = self._to_activations(x, self.model.activations), self.model.layers[number].matrices
        self._observe(number, name, rows)
        found = self.products.multiply(number, kind, [(rows, matrices[_MATRICES[result]]) for result in results])
        return [self._seen(number, result, one) for result, one in zip(results, found, strict=True)]

    def _attention(self, number: int, x: Floats, positions: NDArray[np.int64]) -> Floats:
        config, ops, layer = self.model.config, self._ops, self.model.layers[number]
        found = self._linear("qkv", number, "normed", x, "q", "k", "v")
        q, k, v = (self._heads(number, part, layer, name) for part, name in zip(found, "qkv", strict=True))
        q, k = np.split(ops.rotate(np.concatenate([q, k], axis=1), positions), [config.heads], axis=1)
        self._keep(number, k, v)

        # One product for all heads of queries that share a head of keys.
        end, form = self.length + len(x), self.model.kept
        queries = self._by_head(number, "queries", q.swapaxes(0, 1))
        keys = [Records(form, config.head_width, rows) for rows in self._keys[number, :, :end]]
        found = self.products.multiply(number, "scores", list(zip(queries, keys, strict=True)))
        scores = self._seen(number, "scores", np.concatenate(found).reshape(config.heads, len(x), end))
        weights = self.values.weighted(number, ops.softmax(scores, positions, config.head_width**-0.5))
        shares = self._by_head(number, "shares", weights)
        found = self.products.multiply(
            number, "mixed", list(zip(shares, self.values.records(number, end), strict=True))
        )
        mixed = np.concatenate(found).reshape(config.heads, len(x), config.head_width)
        return self._seen(number, "mixed", mixed.swapaxes(0, 1).reshape(len(x), config.q_width))

    def _by_head(self, number: int, name: str, x: Floats) -> list[Records]:
        """Quantize rows [heads, tokens, …], in one matrix for each head of keys."""
        rows = self._to_activations(x.reshape(-1, x.shape[2]), self.model.activations)
        self._observe(number, name, rows)
        each = len(rows.rows) // self.model.config.kv_heads
        return [rows.take(slice(first, first + each)) for first in range(0, len(rows.rows), each)]

    def _heads(self, number: int, x: Floats, layer: BlockLayer, name: str) -> Floats:
        """Return queries, keys or values [tokens, heads, head_width], with their bias and normed, if so."""
        bias, norm = layer.vectors.get(f"attn_{name}.bias"), layer.vectors.get(f"attn_{name}_norm")
        if bias is not None:
            x = self._seen(number, f"{name} with bias", self._ops.add(x, bias))
        heads = x.reshape(len(x), -1, self.model.config.head_width)
        if norm is None:
            return heads
        heads = self._ops.norm(heads, norm)
        self._observe(number, f"{name} normed", heads.reshape(x.shape))
        return heads

    def _keep(self, number: int, keys: Floats, values: Floats) -> None:
        """Add keys and values [tokens, kv_heads, head_width] to those of a layer."""
        form, width = self.model.kept, self.model.config.head_width
        start, end = self.length, self.length + len(keys)
        rows = self._to_kept(keys.swapaxes(0, 1).reshape(-1, width), form).rows
        self._keys[number, :, start:end] = rows.reshape(-1, len(keys), rows.shape[1])
        self._observe(number, "keys", self._keys[number, :, :end])
        for name, kept in self.values.keep(number, values.reshape(len(values), -1), start).items():
            self._observe(number, name, kept)
