"""A network as one list of descriptors: from the embeddings of tokens to the logits and the likeliest token."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tilewright.base import TilewrightError
from tilewright_sim.host import DeviceArray, DeviceView, fenced

from ..blocks.values import TOKEN_FACTOR, code_byte
from ..cycle_accounting import Product, Rows
from .memory import TokenMemory
from .step import Step

__all__ = ["TokenProgram"]

_PIECE = 512
"""Elements of a piece of the feed-forward network: its SiLU runs while the weights of the next one are loaded."""


class TokenProgram:
    """Makes the steps of a network.

    Keys and values enter their cache in the layout of the operands of the products that read them: the values of a
    token are a column of bytes in records of one scale, and probabilities are multiplied by their scales. Vector jobs
    lie between products that do not need them, so that the weights of these are loaded meanwhile.

    Parameters
    ----------
    memory : TokenMemory

    Raises
    ------
    TilewrightError
        If a row is too long for a descriptor, or the layout for a stride.
    """

    def __init__(self, memory: TokenMemory):
        self.memory = memory
        self.model, self.config = memory.model, memory.model.config
        self._single: dict[bool, list[int]] = {}  # flags of the descriptors of a single token
        config, between = memory.workspace.config, memory.context * memory.tensor(0, "keys").stride
        if between > config.stride_limit:
            raise TilewrightError(
                f"{memory.context:,} tokens of context: the keys of heads are {between:,} bytes apart, and strides are "
                f"at most {config.stride_limit:,}; use fewer"
            )
        if memory.context > config.k_limit:
            raise TilewrightError(f"{memory.context:,} tokens of context: K is at most {config.k_limit:,}; use fewer")

    def variables(self, position: int) -> dict[str, int]:
        """Return the values of `VARIABLES` for a token at a position."""
        memory, form = self.memory, self.memory.form
        return {
            "end": position + 1,
            "key": position * memory.tensor(0, "keys").stride,
            "scale": position * memory.tensor(0, "scales").dtype.itemsize,
            "code": code_byte(form, position) - code_byte(form, 0),
            "turn": position * memory.turns.stride,
        }

    def steps(self, tokens: int, position: int, logits: bool = True) -> list[Step]:
        """Return the steps for tokens that are read together, the first at a position.

        Without ``logits`` there is no output layer. Steps of a single token differ only where they refer to variables,
        from one position to the next.
        """
        steps = list(_Reading(self, tokens, position).steps(logits))
        config = self.memory.workspace.config
        if tokens > 1:
            found = fenced(config, [step.descriptor for step in steps])
            return [replace(step, descriptor=one) for step, one in zip(steps, found, strict=True)]
        if logits not in self._single:  # at position 0 the products are smallest, and their fences enough for all
            first = steps if not position else list(_Reading(self, 1, 0).steps(logits))
            self._single[logits] = [one.flags for one in fenced(config, [step.descriptor for step in first])]
        return [
            replace(step, descriptor=replace(step.descriptor, flags=flags))
            for step, flags in zip(steps, self._single[logits], strict=True)
        ]


class _Reading:
    """The steps for some tokens at a position."""

    def __init__(self, program: TokenProgram, tokens: int, position: int):
        self.memory, self.model, self.config = program.memory, program.model, program.config
        self.chip = self.memory.workspace
        self.tokens, self.position, self.end = tokens, position, position + tokens
        self.single = tokens == 1
        self.layer = 0

    def steps(self, logits: bool) -> Iterator[Step]:
        layers = self.config.layers
        for self.layer in range(layers):
            yield from self._attention()
            yield from self._feed_forward()
        if logits:
            self.layer = layers
            last = DeviceView.of(self.memory.stream(layers), slice(self.tokens - 1, self.tokens))
            yield self._norm(last, self.memory.last, self.memory.output_norm)
            yield from self._linear("logits", self.memory.last, self.model.output, self.memory.logits)
            if self.config.vocab <= self.chip.config.size_limit:
                yield self._vector("add", "ARGMAX", self.memory.logits, self.memory.index)

    def _attention(self) -> Iterator[Step]:
        matrices, vectors = self._matrices, self._vectors
        x, normed = self._rows(self.memory.stream(self.layer)), self._tensor("normed")
        yield self._norm(x, normed, vectors["attn_norm"])
        yield from self._linear("qkv", normed, matrices["attn_v"], self._tensor("v"))
        yield from self._value_scales()
        yield from self._linear("qkv", normed, matrices["attn_k"], self._tensor("k"))
        yield from self._value_codes()
        yield from self._turned("k")
        yield from self._linear("qkv", normed, matrices["attn_q"], self._tensor("q"))
        yield from self._turned("q")
        yield from self._scores()
        yield from self._mixed()
        heads = self._tensor("heads")
        yield self._vector("add", "COPY", self._tensor("mixed"), heads)
        yield from self._linear("output", heads, matrices["attn_output"], self._tensor("output"))
        yield self._vector("add", "ADD", x, self._tensor("attended"), self._tensor("output"))

    def _feed_forward(self) -> Iterator[Step]:
        matrices, gated, normed = self._matrices, self._tensor("gated"), self._tensor("normed again")
        yield self._norm(self._tensor("attended"), normed, self._vectors["ffn_norm"])
        for first in range(0, self.config.ffn, _PIECE):
            part = slice(first, min(first + _PIECE, self.config.ffn))
            gate, up = (DeviceView.of(self._tensor(name), slice(None), part) for name in ("gate", "up"))
            yield from self._linear("gate_up", normed, matrices["ffn_gate"], gate, part)
            yield from self._linear("gate_up", normed, matrices["ffn_up"], up, part)
            yield self._vector("gate", "SILU", gate, DeviceView.of(gated, slice(None), part), up)
        yield from self._linear("down", gated, matrices["ffn_down"], self._tensor("down"))
        out = self._rows(self.memory.stream(self.layer + 1))
        yield self._vector("add", "ADD", self._tensor("attended"), out, self._tensor("down"))

    def _biased(self, name: str) -> Iterator[Step]:
        """Add the bias to queries, keys or values, if there is one."""
        if self.config.qkv_bias:
            biased = self._tensor(f"{name} with bias")
            yield self._vector("add", "ADD", self._tensor(name), biased, self._vectors[f"attn_{name}.bias"])

    def _result(self, name: str) -> DeviceArray:
        """Return queries, keys or values, with their bias if there is one."""
        return self._tensor(f"{name} with bias" if self.config.qkv_bias else name)

    def _turned(self, name: str) -> Iterator[Step]:
        """Add the bias, norm the heads, rotate them, and write records: queries, or keys into the cache."""
        yield from self._biased(name)
        x, norm = self._result(name), f"attn_{name}_norm"
        if self.config.qk_norm:
            normed = self._tensor(f"{name} normed")
            for part, c in zip(self._heads(x), self._heads(normed), strict=True):
                yield self._norm(part, c, self._vectors[norm])
            x = normed
        turns = DeviceView.of(self.memory.turns, slice(self.position, self.end))
        for number, part in enumerate(self._heads(x)):
            if name == "q":
                rows, refers = self._rows_of("queries", number, part.shape[0]), {}
            else:
                rows, refers = self._key_rows(number), {"c_address": "key"} if self.single else {}
            refers = refers | ({"b_address": "turn"} if self.single else {})
            yield self._vector("rotate", "ROTATE_ADJACENT", part, rows, turns, refers)

    def _heads(self, x: DeviceArray) -> list[DeviceArray]:
        """Cut rows of heads: a matrix for each, whose rows are tokens; of a single token, one whose rows are heads."""
        width, columns = self.config.head_width, x.shape[1]
        if self.single:
            return [DeviceView(x.device, x.address, (columns // width, width), x.dtype, 4 * width)]
        return [DeviceView.of(x, slice(None), slice(first, first + width)) for first in range(0, columns, width)]

    def _key_rows(self, head: int) -> DeviceArray:
        """Return the rows of the cache for the keys of a head; of a single token, for those of all heads."""
        keys, context = self._whole("keys"), self.memory.context
        if not self.single:
            first = head * context + self.position
            return DeviceView.of(keys, slice(first, first + self.tokens))
        own = DeviceView.of(keys, slice(self.position, self.position + 1))
        rows = DeviceView(
            keys.device, own.address, (self.config.kv_heads, keys.shape[1]), keys.dtype, context * keys.stride
        )
        rows.form, rows.k = keys.form, keys.k
        return rows

    def _value_scales(self) -> Iterator[Step]:
        """Add the bias to values, and write their scales into the cache."""
        yield from self._biased("v")
        scales = DeviceView.of(self._whole("scales"), slice(None), slice(self.position, self.end))
        column = DeviceView(scales.device, scales.address, (self.tokens, 1), scales.dtype, scales.dtype.itemsize)
        refers = {"c_address": "scale"} if self.single else {}
        yield self._vector("add", "ABS_MAX", self._result("v"), column, refers=refers, scalar=TOKEN_FACTOR)

    def _value_codes(self) -> Iterator[Step]:
        """Write values into the cache as int8, those of each record of positions by themselves."""
        x, values, form = self._result("v"), self._whole("values"), self.memory.form
        first = self.position
        while first < self.end:
            last = min(self.end, (first // form.record + 1) * form.record)
            part = DeviceView.of(x, slice(first - self.position, last - self.position))
            codes = DeviceView(
                values.device, values.address + code_byte(form, first), (x.shape[1], last - first), np.int8,
                values.stride,
            )  # fmt: skip
            yield self._vector("add", "QUANTIZE", part, codes, refers={"c_address": "code"} if self.single else {})
            first = last

    def _scores(self) -> Iterator[Step]:
        count, context = self.config.group * self.tokens, self.memory.context
        for head in range(self.config.kv_heads):
            keys = DeviceView.of(self._whole("keys"), slice(head * context, head * context + self.end))
            scores = DeviceView.of(self._rows_of("scores", head, count), slice(None), slice(self.end))
            yield self._product("scores", self._rows_of("queries", head, count), keys, scores, n="end")
        parts = [self.config.heads] if self.single else self.config.heads * [self.tokens]
        weights = DeviceView.of(self._whole("scales"), slice(None), slice(self.end))
        scale, refers = self.config.head_width**-0.5, {"n": "end", "k": "end"} if self.single else {}
        for number, rows in enumerate(parts):
            x, c = (DeviceView.of(self._rows_of(name, number, rows), slice(None), slice(self.end))
                    for name in ("scores", "shares"))  # fmt: skip
            yield self._vector("softmax", "WEIGHTED_SOFTMAX", x, c, weights, refers,
                               scalar=scale, limit=self.position + 1, causal=not self.single)  # fmt: skip

    def _mixed(self) -> Iterator[Step]:
        """Multiply with values: for a single token the heads that share some together, else one after the other."""
        width, group = self.config.head_width, self.config.group
        each = group if self.single else 1
        for number in range(self.config.heads // each):
            shares = DeviceView.of(self._rows_of("shares", number, each * self.tokens), slice(None), slice(self.end))
            first = number * each // group * width
            values = DeviceView.of(self._whole("values"), slice(first, first + width), slice(self.end))
            columns = slice(number * each * width, (number + 1) * each * width)
            mixed = DeviceView.of(self._tensor("mixed"), slice(None), columns)
            c = self._heads(mixed)[0] if self.single else mixed
            yield self._product("mixed", shares, values, c, k="end")

    @property
    def _matrices(self) -> Mapping[str, Any]:
        return self.model.layers[self.layer].matrices

    @property
    def _vectors(self) -> Mapping[str, DeviceArray]:
        return self.memory.vectors[self.layer]

    def _whole(self, name: str) -> DeviceArray:
        return self.memory.tensor(self.layer, name)

    def _rows(self, array: DeviceArray) -> DeviceArray:
        return DeviceView.of(array, slice(self.tokens))

    def _tensor(self, name: str) -> DeviceArray:
        return self._rows(self._whole(name))

    def _rows_of(self, name: str, number: int, rows: int) -> DeviceArray:
        """Return the part of this number of a tensor that is cut into parts of so many rows."""
        return DeviceView.of(self._whole(name), slice(number * rows, (number + 1) * rows))

    def _norm(self, x: DeviceArray, c: DeviceArray, weight: DeviceArray) -> Step:
        scalar = float(self.model.host_ops().epsilon)
        return self._vector("norm", "RMS_NORM", x, c, weight, scalar=scalar, scalar2=1 / x.shape[1])

    def _linear(
        self, kind: str, x: DeviceArray, matrix: Any, c: DeviceArray, outputs: slice = slice(None)
    ) -> Iterator[Step]:
        """Yield the products of rows with some outputs of a matrix, as many as descriptors take."""
        weights = DeviceView.of(self.memory.weights[matrix], outputs)
        limit = self.chip.config.size_limit
        for first in range(0, weights.shape[0], limit):
            part = slice(first, first + limit)
            yield self._product(kind, x, DeviceView.of(weights, part), DeviceView.of(c, slice(None), part))

    def _product(self, kind: str, a: DeviceArray, b: DeviceArray, c: DeviceArray, **refers: str) -> Step:
        descriptor = self.chip.descriptor(a, b, c)
        return Step(descriptor, Product.of(a, b), kind, self.layer, refers if self.single else {})

    def _vector(
        self,
        kind: str,
        operation: str,
        x: DeviceArray,
        c: DeviceArray,
        y: DeviceArray | None = None,
        refers: Mapping[str, str] | None = None,
        **choices: Any,
    ) -> Step:
        descriptor = self.chip.vector_descriptor(operation, x, c, y, **choices)
        return Step(descriptor, Rows.of(x, y), kind, self.layer, refers or {})
