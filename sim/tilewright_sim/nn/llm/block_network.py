"""The network of a `BlockModel`: every product in block formats, everything between the products in float32.

The host quantizes to two block formats. In the one of ``activations`` are

* the inputs of a linear layer, a row for each token, in blocks along the row;
* queries, a row for each head and token, in blocks along the row;
* the probabilities, a row for each head and token, in blocks along positions, from position 0.

In ``kept`` is what is multiplied with these in place of weights:

* keys, a row for each head and token, in blocks along the row;
* the values of a head, transposed, a row for each element of the head, in blocks along positions. When tokens are read,
  the last record, if it is not full, is quantized again together with the new positions, from floats; full records
  never change. Positions that have not been read count as zeros.

So the scale of a block of values may depend on the tokens that are read together. No factor is moved from one operand
to another: scores are multiplied by ``head_width**-0.5`` in float32, after the product. In formats with a narrow range
of scales, which is `nvfp4`, rows of A and of weights are divided by a power of two: see `Records.normalized`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.models import Records

from .block_model import BlockLayer, BlockModel
from .block_products import Products
from .host_ops import Floats, VectorOps

__all__ = ["BlockNetwork"]


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
    """

    def __init__(
        self,
        model: BlockModel,
        context: int,
        products: Products,
        ops: VectorOps | None = None,
        reached: Callable[[int], None] | None = None,
    ):
        config, form = model.config, model.kept
        self.model = model
        self.context = context
        self.products = products
        self.length = 0
        self._ops = ops or model.host_ops()
        self._reached = reached or (lambda layer: None)
        heads = (config.layers, config.kv_heads)
        self._keys = np.zeros((*heads, context, form.row_bytes(config.head_width)), dtype=np.uint8)
        self._values = np.zeros((*heads, config.head_width, form.row_bytes(context)), dtype=np.uint8)
        self._last_values = np.zeros((*heads, config.head_width, form.record), dtype=np.float32)

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
            normed = ops.norm(x, layer.vectors["attn_norm"])
            (output,) = self._linear("output", number, self._attention(number, normed, positions), "attn_output")
            x = ops.add(x, output)
            normed = ops.norm(x, layer.vectors["ffn_norm"])
            gate, up = self._linear("gate_up", number, normed, "ffn_gate", "ffn_up")
            (down,) = self._linear("down", number, ops.gate(gate, up), "ffn_down")
            x = ops.add(x, down)
        self.length += len(tokens)
        if logits == "none":
            return np.empty((0, model.config.vocab), dtype=np.float32)
        self._reached(len(model.layers))
        x = ops.norm(x if logits == "all" else x[-1:], model.output_norm)
        (found,) = self.products.multiply(len(model.layers), "logits", [(self._quantize(x), model.output)])
        return found

    def _quantize(self, x: Floats) -> Records:
        return Records.normalized(x, self.model.activations)

    def _linear(self, kind: str, number: int, x: Floats, *names: str) -> list[Floats]:
        """Return the results of linear layers with the same input."""
        rows, matrices = self._quantize(x), self.model.layers[number].matrices
        return self.products.multiply(number, kind, [(rows, matrices[name]) for name in names])

    def _attention(self, number: int, x: Floats, positions: NDArray[np.int64]) -> Floats:
        config, ops, layer = self.model.config, self._ops, self.model.layers[number]
        names = ("attn_q", "attn_k", "attn_v")
        found = self._linear("qkv", number, x, *names)
        q, k, v = (self._heads(part, layer, name) for part, name in zip(found, names, strict=True))
        q, k = np.split(ops.rotate(np.concatenate([q, k], axis=1), positions), [config.heads], axis=1)
        self._keep(number, k, v)

        # One product for all heads of queries that share a head of keys.
        end, form = self.length + len(x), self.model.kept
        queries = self._by_head(q.swapaxes(0, 1))
        keys = [Records(form, config.head_width, rows) for rows in self._keys[number, :, :end]]
        found = self.products.multiply(number, "scores", list(zip(queries, keys, strict=True)))
        scores = np.concatenate(found).reshape(config.heads, len(x), end)
        shares = self._by_head(ops.softmax(scores, positions, config.head_width**-0.5))
        values = [Records(form, end, rows) for rows in self._values[number, :, :, : form.row_bytes(end)]]
        found = self.products.multiply(number, "mixed", list(zip(shares, values, strict=True)))
        mixed = np.concatenate(found).reshape(config.heads, len(x), config.head_width)
        return mixed.swapaxes(0, 1).reshape(len(x), config.q_width)

    def _by_head(self, x: Floats) -> list[Records]:
        """Quantize rows [heads, tokens, …], in one matrix for each head of keys."""
        return [self._quantize(part) for part in x.reshape(self.model.config.kv_heads, -1, x.shape[2])]

    def _heads(self, x: Floats, layer: BlockLayer, name: str) -> Floats:
        """Return queries, keys or values [tokens, heads, head_width], with their bias and normed, if so."""
        bias, norm = layer.vectors.get(f"{name}.bias"), layer.vectors.get(f"{name}_norm")
        x = (x if bias is None else self._ops.add(x, bias)).reshape(len(x), -1, self.model.config.head_width)
        return x if norm is None else self._ops.norm(x, norm)

    def _keep(self, number: int, keys: Floats, values: Floats) -> None:
        """Add keys and values [tokens, kv_heads, head_width] to those of a layer."""
        form, width = self.model.kept, self.model.config.head_width
        start, end = self.length, self.length + len(keys)
        rows = Records.of(keys.swapaxes(0, 1).reshape(-1, width), form).rows
        self._keys[number, :, start:end] = rows.reshape(-1, len(keys), rows.shape[1])

        old = self._last_values[number, :, :, : start % form.record]
        pending = np.concatenate([old, values.transpose(1, 2, 0)], axis=2)
        rows = Records.of(pending.reshape(-1, pending.shape[2]), form).rows
        first = start // form.record * form.record_bytes
        self._values[number, :, :, first : first + rows.shape[1]] = rows.reshape(-1, width, rows.shape[1])
        rest = pending.shape[2] % form.record
        self._last_values[number, :, :, :rest] = pending[:, :, pending.shape[2] - rest :]
