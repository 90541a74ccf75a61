"""The definition of the int8 network, in numpy: the chip must compute the same, bit for bit.

It is independent of tiles, descriptors and the device's memory. The sums of products are exact integers; the operations
between the products are in float32, on each row separately: those of `host_ops`, or of the vector engine, `golden_ops`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError

from ..host_ops import VectorOps, scaled
from .quantize import Int8Model, Linear

__all__ = ["GoldenModel", "Observe", "exact_product"]

Observe = Callable[[int, str, NDArray], None]
"""Called with every tensor of sums: layer (the number of layers, for the output layer), operation, values.

The operations are ``queries`` [tokens, q_width], ``keys`` and ``values`` [tokens, kv_width], ``scores`` [heads, tokens,
context], ``mixed`` [heads, tokens, head_width], ``output`` [tokens, hidden], ``gate`` and ``up`` [tokens, ffn],
``down`` [tokens, hidden], ``logits`` [1, vocab]; all integers in the range of int32.
"""
_EXACT = 1024  # so many products of int8 have an exact sum in float32: 1024 * 128 * 128 = 2**24


def exact_product(a: NDArray[np.int8], b: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return ``a[..., M, K] · b[..., N, K]ᵀ`` as int32, exact.

    Products of int8 are added in float32, which is exact up to 2**24, and these sums are added in int32: this is as
    exact as int64 and 50 times as fast. There is no overflow with K below 2**17.
    """
    if a.shape[-1] >= 1 << 17:
        raise ValueError(f"K = {a.shape[-1]}: sums may overflow")
    total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-2]), dtype=np.int32)
    for start in range(0, a.shape[-1], _EXACT):
        part = slice(start, start + _EXACT)
        left, right = a[..., part].astype(np.float32), b[..., part].astype(np.float32)
        total += (left @ np.swapaxes(right, -1, -2)).astype(np.int32)
    return total


class GoldenModel:
    """A model with the keys and values of the tokens that it has read.

    Parameters
    ----------
    model : Int8Model
    context : int
        Maximum number of tokens in all.
    observe : Observe or None
        Called with every tensor of sums.
    ops : VectorOps or None
        The operations between the products; those of the host if None.
    """

    def __init__(self, model: Int8Model, context: int, observe: Observe | None = None, ops: VectorOps | None = None):
        config = model.config
        self.model = model
        self.context = context
        self.observe = observe
        self.length = 0
        self._ops = ops or model.host_ops()
        shape = (config.layers, config.kv_heads, context)
        self._keys = np.zeros((*shape, config.head_width), dtype=np.int8)
        self._values = np.zeros((*shape, config.head_width), dtype=np.int8)
        self._key_scales = np.zeros(shape, dtype=np.float32)
        self._value_scales = np.zeros(shape, dtype=np.float32)

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens and return logits [rows, vocab]: of the ``last`` token, of ``all``, or of ``none``.

        Raises
        ------
        TilewrightError
            If the sequence becomes longer than the context.
        """
        if self.length + len(tokens) > self.context:
            raise TilewrightError(f"{self.length + len(tokens)} tokens are more than the context of {self.context}")
        model, ops = self.model, self._ops
        positions = np.arange(self.length, self.length + len(tokens))
        x = model.embed(tokens)
        for number, layer in enumerate(model.layers):
            attended = self._attention(number, ops.norm(x, layer.attention_norm), positions)
            x = ops.add(x, self._linear(number, ("output",), attended, layer.output))
            gate_up = self._linear(number, ("gate", "up"), ops.norm(x, layer.feed_forward_norm), layer.gate_up)
            gate, up = np.split(gate_up, 2, axis=1)
            x = ops.add(x, self._linear(number, ("down",), ops.gate(gate, up), layer.down))
        self.length += len(tokens)
        if logits == "none":
            return np.empty((0, model.config.vocab), dtype=np.float32)
        x = ops.norm(x if logits == "all" else x[-1:], model.output_norm)
        return self._linear(len(model.layers), ("logits",), x, model.output)

    def _linear(self, layer: int, names: tuple[str, ...], x: NDArray[np.float32], linear: Linear) -> NDArray:
        values, scale = self._ops.quantize(x)
        sums = exact_product(values, linear.weight)
        for name, part in zip(names, np.split(sums, len(names), axis=1), strict=True):
            self._tell(layer, name, part)
        return scaled(sums, scale, linear.scale)

    def _attention(self, layer: int, x: NDArray[np.float32], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        config, ops, weights = self.model.config, self._ops, self.model.layers[layer]
        x8, x_scale = ops.quantize(x)
        sums = exact_product(x8, weights.qkv.weight)
        cuts = (config.q_width, config.q_width + config.kv_width)
        for name, part in zip(("queries", "keys", "values"), np.split(sums, cuts, axis=1), strict=True):
            self._tell(layer, name, part)
        floats = scaled(sums, x_scale, weights.qkv.scale)
        if weights.qkv_bias is not None:
            floats = ops.add(floats, weights.qkv_bias)
        q, k, v = (part.reshape(len(x), -1, config.head_width) for part in np.split(floats, cuts, axis=1))
        if weights.query_norm is not None and weights.key_norm is not None:
            q, k = ops.norm(q, weights.query_norm), ops.norm(k, weights.key_norm)
        q8, q_scale = ops.quantize(ops.rotate(q, positions))
        k8, k_scale = ops.quantize(ops.rotate(k, positions))
        v8, v_scale = ops.quantize(v)
        self._keys[layer][:, positions] = k8.swapaxes(0, 1)
        self._values[layer][:, positions] = v8.swapaxes(0, 1)
        self._key_scales[layer][:, positions] = k_scale[:, :, 0].T
        self._value_scales[layer][:, positions] = v_scale[:, :, 0].T

        # The head of keys and values for every head of queries: [heads, ...].
        end = positions[-1] + 1
        keys, values, key_scales, value_scales = (
            np.repeat(kept[layer][:, :end], config.group, axis=0)
            for kept in (self._keys, self._values, self._key_scales, self._value_scales)
        )
        scores = exact_product(q8.swapaxes(0, 1), keys)
        self._tell(layer, "scores", scores)
        floats = scaled(scores, q_scale.swapaxes(0, 1), key_scales[:, None, :])
        shares = ops.softmax(floats, positions, config.head_width**-0.5)
        p8, p_scale = ops.quantize(shares * value_scales[:, None, :])
        mixed = exact_product(p8, values.swapaxes(1, 2))
        self._tell(layer, "mixed", mixed)
        return scaled(mixed, p_scale).swapaxes(0, 1).reshape(len(x), config.q_width)

    def _tell(self, layer: int, name: str, sums: NDArray) -> None:
        if self.observe:
            self.observe(layer, name, sums)
