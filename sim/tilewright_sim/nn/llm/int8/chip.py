"""The network on the accelerator: weights, keys and values in the device's memory, products as descriptors."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError
from tilewright_sim.host import DeviceArray, DeviceView, Runtime, Scratch
from tilewright_sim.nn import LlamaConfig

from ..chip_ops import ChipVectorOps, check_rows, vector_bytes
from ..cycle_accounting import Account, Product
from ..host_ops import VectorOps, scaled
from ..memory import MARGIN, check_memory, stored_bytes
from ..prompt_blocks import MAX_BLOCK
from ..submissions import Ran, Submissions
from .golden import Observe
from .quantize import Int8Model

__all__ = ["ChipModel", "device_bytes"]

_Trio = tuple[DeviceArray, DeviceArray, DeviceArray]


class ChipModel:
    """A model on the chip, with the keys and values of the tokens that it has read.

    The products of a layer take six submissions, because each depends on results of the previous one: queries, keys and
    values; scores of all heads; probabilities times values of all heads; the output; gate and up; down. The product for
    the values has its operands swapped, with weights as A and activations as B, so that its result is transposed, as
    the last product of attention requires. Query heads that share a key head are rows of one product. Each vector
    operation is a submission of its own.

    Parameters
    ----------
    chip : Runtime
    model : Int8Model
    context : int
        Maximum number of tokens in all.
    block : int
        Maximum number of tokens that it reads together.
    host_ops : bool
        The operations between the products run in numpy on the host, even if there is a vector engine.
    observe : Observe or None
        Called with every tensor that the hardware computes.
    ran : callable or None
        Called after every submission.

    Attributes
    ----------
    jobs : Submissions
    ops : VectorOps
        The operations between the products.

    Raises
    ------
    TilewrightError
        If the model does not fit into the device's memory, or its rows are too long for a descriptor.
    """

    def __init__(
        self,
        chip: Runtime,
        model: Int8Model,
        context: int,
        block: int = MAX_BLOCK,
        host_ops: bool = False,
        observe: Observe | None = None,
        ran: Ran | None = None,
    ):
        config, block = model.config, min(block, context)
        needed = device_bytes(model, context, block, chip.config.word_bytes)
        self.jobs = Submissions(chip, ran)
        self.ops: VectorOps = model.host_ops()
        if chip.config.vector_lanes and not host_ops:
            check_rows(chip.config, config, context)
            needed += vector_bytes(chip.config, config, context, block)
            self.ops = ChipVectorOps(self.jobs, model.host_ops())
        check_memory(chip, context, needed)
        self.chip, self.model, self.context, self.block = chip, model, context, block
        self.observe = observe
        self.length = 0
        self._weights = [
            {part: chip.array(linear.weight) for part, linear in layer.linears.items()} for layer in model.layers
        ]
        self._logits_weight = chip.array(model.output.weight)
        self._keys = [chip.empty((config.kv_heads * context, config.head_width), np.int8) for _ in model.layers]
        self._values = [chip.empty((config.kv_width, context), np.int8) for _ in model.layers]
        self._key_scales = np.zeros((config.layers, config.kv_heads, context), dtype=np.float32)
        self._value_scales = np.zeros_like(self._key_scales)
        self._operands = Scratch(chip, *_operand_shape(config, context, block), np.int8)
        self._results = Scratch(chip, *_result_shape(config, context, block), np.int32)

    @property
    def account(self) -> Account:
        """The accounting of the chip's cycles."""
        return self.jobs.account

    def forward(self, tokens: list[int], *, logits: str = "last") -> NDArray[np.float32]:
        """Read tokens and return logits [rows, vocab], of the ``last`` token or of ``none``.

        Raises
        ------
        TilewrightError
            If the sequence becomes longer than the context, or the hardware fails.
        """
        if not 0 < len(tokens) <= self.block or self.length + len(tokens) > self.context:
            raise TilewrightError(
                f"cannot read {len(tokens)} tokens: at most {self.block} at once, and {self.context} in all"
            )
        self.jobs.phase = "decode" if len(tokens) == 1 and self.length else "prefill"
        start = time.perf_counter()
        x = self._layers(tokens)
        self.length += len(tokens)
        if logits == "none":
            result = np.empty((0, self.model.config.vocab), dtype=np.float32)
        else:
            self.jobs.layer = len(self.model.layers)
            result = self._last(self.ops.norm(x[-1:], self.model.output_norm))
        self.account.read(self.jobs.phase, len(tokens), time.perf_counter() - start)
        return result

    def _layers(self, tokens: list[int]) -> NDArray[np.float32]:
        """Run all layers, up to the last norm."""
        ops = self.ops
        positions = np.arange(self.length, self.length + len(tokens))
        x = self.model.embed(tokens)
        for number, layer in enumerate(self.model.layers):
            self.jobs.layer = number
            attended = self._attention(number, ops.norm(x, layer.attention_norm), positions)
            x = ops.add(x, self._linear("output", number, attended))
            gate, up = np.split(self._linear("gate_up", number, ops.norm(x, layer.feed_forward_norm)), 2, axis=1)
            x = ops.add(x, self._linear("down", number, ops.gate(gate, up)))
        return x

    def _linear(self, kind: str, number: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run a linear layer, with all its outputs in one product."""
        values, scale = self.ops.quantize(x)
        weight = self._weights[number][kind]
        c = self._results.view(len(x), weight.shape[0])
        self._run(kind, [(self._operands.put(values), weight, c)])
        sums = c.numpy()
        names = ("gate", "up") if kind == "gate_up" else (kind,)
        for name, part in zip(names, np.split(sums, len(names), axis=1), strict=True):
            self._tell(number, name, part)
        return scaled(sums, scale, self.model.layers[number].linears[kind].scale)

    def _last(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        values, scale = self.ops.quantize(x)
        c = self._results.view(1, self.model.config.vocab)
        self._run("logits", [(self._operands.put(values), self._logits_weight, c)])
        sums = c.numpy()
        self._tell(len(self.model.layers), "logits", sums)
        return scaled(sums, scale, self.model.output.scale)

    def _attention(self, number: int, x: NDArray[np.float32], positions: NDArray[np.int64]) -> NDArray[np.float32]:
        config, ops = self.model.config, self.ops
        q, k, v = (part.reshape(len(x), -1, config.head_width) for part in self._queries_keys_values(number, x))
        layer = self.model.layers[number]
        if layer.query_norm is not None and layer.key_norm is not None:
            q, k = ops.norm(q, layer.query_norm), ops.norm(k, layer.key_norm)
        q, k = np.split(ops.rotate(np.concatenate([q, k], axis=1), positions), [config.heads], axis=1)
        q8, q_scale = ops.quantize(q)
        k8, k_scale = ops.quantize(k)
        v8, v_scale = ops.quantize(v)
        self._keep(number, positions, k8, v8)
        self._key_scales[number][:, positions] = k_scale[:, :, 0].T
        self._value_scales[number][:, positions] = v_scale[:, :, 0].T

        end = int(positions[-1]) + 1
        scores = self._by_head("scores", number, q8.swapaxes(0, 1), self._key_head, end)
        key_scales, value_scales = (
            np.repeat(kept[number][:, :end], config.group, axis=0)[:, None, :]
            for kept in (self._key_scales, self._value_scales)
        )
        floats = scaled(scores, q_scale.swapaxes(0, 1), key_scales)
        p8, p_scale = ops.quantize(ops.softmax(floats, positions, config.head_width**-0.5) * value_scales)
        mixed = self._by_head("mixed", number, p8, self._value_head, end)
        return scaled(mixed, p_scale).swapaxes(0, 1).reshape(len(x), config.q_width)

    def _queries_keys_values(self, number: int, x: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        config, weight = self.model.config, self._weights[number]["qkv"]
        cut = config.q_width + config.kv_width
        values, scale = self.ops.quantize(x)
        a = self._operands.put(values)
        room = self._results.view(len(x) + config.kv_width, max(cut, len(x)))
        qk = DeviceView.of(room, slice(len(x)), slice(cut))
        v = DeviceView.of(room, slice(len(x), None), slice(len(x)))
        # The values first: their rows are written one by one, during the longer product that follows.
        self._run("qkv", [(DeviceView.of(weight, slice(cut, None)), a, v),
                          (a, DeviceView.of(weight, slice(cut)), qk)])  # fmt: skip
        parts = {
            "queries": qk.numpy()[:, : config.q_width],
            "keys": qk.numpy()[:, config.q_width :],
            "values": v.numpy().T,
        }
        for name, part in parts.items():
            self._tell(number, name, part)
        layer, cuts = self.model.layers[number], (config.q_width, cut)
        floats = [
            scaled(part, scale, by) for part, by in zip(parts.values(), np.split(layer.qkv.scale, cuts), strict=True)
        ]
        if layer.qkv_bias is not None:
            floats = np.split(self.ops.add(np.concatenate(floats, axis=1), layer.qkv_bias), cuts, axis=1)
        return tuple(floats)

    def _keep(
        self, number: int, positions: NDArray[np.int64], keys: NDArray[np.int8], values: NDArray[np.int8]
    ) -> None:
        """Write keys and values [tokens, kv_heads, head_width] into the device's memory."""
        first, end = int(positions[0]), int(positions[-1]) + 1
        for head in range(self.model.config.kv_heads):
            rows = slice(head * self.context + first, head * self.context + end)
            DeviceView.of(self._keys[number], rows).write(keys[:, head])
        columns = DeviceView.of(self._values[number], slice(None), slice(first, end))
        columns.write(values.reshape(len(values), -1).T)

    def _key_head(self, number: int, head: int, end: int) -> DeviceView:
        """Return the keys of a head, [end, head_width]."""
        return DeviceView.of(self._keys[number], slice(head * self.context, head * self.context + end))

    def _value_head(self, number: int, head: int, end: int) -> DeviceView:
        """Return the values of a head, [head_width, end]."""
        width = self.model.config.head_width
        return DeviceView.of(self._values[number], slice(head * width, (head + 1) * width), slice(end))

    def _by_head(
        self, kind: str, number: int, a: NDArray[np.int8], kept: Callable[[int, int, int], DeviceView], end: int
    ) -> NDArray[np.int32]:
        """Return the products [heads, tokens, …] of all heads; heads that share keys and values are in one product."""
        config = self.model.config
        heads, tokens, k = a.shape
        left = self._operands.put(a.reshape(-1, k))
        right = [kept(number, head, end) for head in range(config.kv_heads)]
        c = self._results.view(heads * tokens, right[0].shape[0])
        rows = config.group * tokens
        parts = [slice(head * rows, (head + 1) * rows) for head in range(config.kv_heads)]
        self._run(
            kind,
            [(DeviceView.of(left, part), b, DeviceView.of(c, part)) for part, b in zip(parts, right, strict=True)],
        )
        sums = c.numpy().reshape(heads, tokens, -1)
        self._tell(number, kind, sums)
        return sums

    def _run(self, kind: str, products: Sequence[_Trio]) -> None:
        descriptors = [descriptor for a, b, c in products for descriptor in self.chip.descriptors(a, b, c)]
        self.jobs.run(kind, [Product.of(a, b) for a, b, _ in products], descriptors)

    def _tell(self, layer: int, name: str, sums: NDArray) -> None:
        if self.observe:
            self.observe(layer, name, sums)


def device_bytes(model: Int8Model, context: int, block: int = MAX_BLOCK, word_bytes: int = 64) -> int:
    """Return the maximum number of bytes that a model with this context takes of the device's memory."""
    config, block = model.config, min(block, context)
    size = partial(stored_bytes, word_bytes)
    weights = sum(size(*linear.weight.shape) for layer in model.layers for linear in layer.linears.values())
    kept = config.layers * (size(config.kv_heads * context, config.head_width) + size(config.kv_width, context))
    operands, (rows, columns) = _operand_shape(config, context, block), _result_shape(config, context, block)
    return weights + kept + size(*model.output.weight.shape) + size(*operands) + size(rows, 4 * columns) + MARGIN


def _operand_shape(config: LlamaConfig, context: int, block: int) -> tuple[int, int]:
    """Return the shape of the memory for the activations of a block, or its probabilities."""
    return config.heads * block, max(context, config.hidden, config.q_width, config.ffn, config.head_width)


def _result_shape(config: LlamaConfig, context: int, block: int) -> tuple[int, int]:
    """Return the shape of the memory for the sums of a block, or the logits of one token."""
    widest = max(context, config.q_width + config.kv_width, 2 * config.ffn, config.hidden, block)
    return max(config.heads * block, block + config.kv_width, -(-config.vocab // widest)), widest
