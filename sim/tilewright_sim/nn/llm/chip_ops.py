"""The operations between the products on the vector engine of an accelerator."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig
from tilewright.base import TilewrightError
from tilewright_sim.host import DeviceView
from tilewright_sim.nn import LlamaConfig

from .cycle_accounting import Rows
from .golden_ops import turns
from .host_ops import Floats, HostOps
from .memory import stored_bytes
from .submissions import Submissions

__all__ = ["ChipVectorOps", "check_rows", "vector_bytes"]

_Part = tuple[slice, slice, dict[str, Any]]
"""Rows of x and of y that a descriptor takes, and its other arguments for `Workspace.vector_descriptor`."""


class ChipVectorOps:
    """`VectorOps` that the vector engine computes; `quantize` is that of the host.

    Each call is one submission, for all tokens and heads. Operands are copied into the device's memory for it, and the
    result is read back.

    Parameters
    ----------
    jobs : Submissions
    host : HostOps
        Has the epsilon of the norms and the rotation.

    Raises
    ------
    HardwareError
        From every method, if the hardware fails.
    """

    def __init__(self, jobs: Submissions, host: HostOps):
        self.jobs, self.host = jobs, host

    def norm(self, x: Floats, weight: Floats) -> Floats:
        rows = x.reshape(-1, x.shape[-1])
        choices = {"scalar": float(self.host.epsilon), "scalar2": 1 / x.shape[-1]}
        return self._run("norm", "RMS_NORM", rows, weight[None], **choices).reshape(x.shape)

    def rotate(self, x: Floats, positions: NDArray[np.int64]) -> Floats:
        """Rotate heads: one descriptor for each, whose rows are tokens; of one token, one for all heads."""
        tokens, heads, n = x.shape
        count, width = _pieces(self.jobs.chip.config, n)
        padded = _padded(x.swapaxes(0, 1), count * width)
        y = [_padded(half, count * width) for half in np.split(turns(self.host.rotation, positions), 2, axis=1)]
        y = [half.reshape(tokens * count, width) for half in y]
        found = self._by_head("rotate", "ROTATE_ADJACENT", padded.reshape(heads, -1, width), np.concatenate(y, axis=1))
        return found.reshape(heads, tokens, -1)[..., :n].swapaxes(0, 1)

    def softmax(self, scores: Floats, positions: NDArray[np.int64], scale: float = 1.0) -> Floats:
        """Return the softmax: one descriptor for each head, whose rows are tokens; of one token, one for all heads."""
        choices = {"scalar": scale, "limit": int(positions[0]) + 1, "causal": len(positions) > 1}
        return self._by_head("softmax", "SOFTMAX", scores, None, **choices)

    def gate(self, gate: Floats, up: Floats) -> Floats:
        return self._run("gate", "SILU", gate, up)

    def add(self, x: Floats, y: Floats) -> Floats:
        return self._run("add", "ADD", x, y.reshape(-1, y.shape[-1]))

    def quantize(self, x: Floats) -> tuple[NDArray[np.int8], Floats]:
        return self.host.quantize(x)

    def _by_head(self, kind: str, operation: str, x: Floats, y: Floats | None, **choices: Any) -> Floats:
        """Run an operation on ``x`` [heads, m, n], with ``y`` [m, columns] for each head."""
        heads, m, n = x.shape
        rows = x.reshape(-1, n)
        if m == 1:
            return self._run(kind, operation, rows, y, **choices).reshape(x.shape)
        parts = [slice(head * m, (head + 1) * m) for head in range(heads)]
        return self._run(kind, operation, rows, y, parts, **choices).reshape(x.shape)

    def _run(
        self, kind: str, operation: str, x: Floats, y: Floats | None, parts: list[slice] | None = None, **choices: Any
    ) -> Floats:
        """Run an operation on parts of the rows of ``x``, by default on all together; return the result.

        ``y`` has a row for each row of a part, or one for all.
        """
        chip = self.jobs.chip
        work, descriptors = [], []
        with ExitStack() as stack:
            left, c = (stack.enter_context(made) for made in (chip.array(x), chip.empty(x.shape, np.float32)))
            right = None if y is None else stack.enter_context(chip.array(y))
            for rows, others, more in _limited(chip.config, parts or [slice(0, len(x))], choices):
                a, result = DeviceView.of(left, rows), DeviceView.of(c, rows)
                b = None if right is None else DeviceView.of(right, others if right.shape[0] > 1 else slice(1))
                descriptors.append(chip.vector_descriptor(operation, a, result, b, **more))
                work.append(Rows.of(a, b))
            self.jobs.run(kind, work, descriptors)
            return c.numpy()


def check_rows(config: AcceleratorConfig, model: LlamaConfig, context: int) -> None:
    """Raise `TilewrightError` if rows of a model are too long for a descriptor of the vector engine."""
    longest = max(context, model.hidden, model.ffn, model.q_width + 2 * model.kv_width)
    if longest > config.size_limit:
        raise TilewrightError(
            f"size_bits = {config.size_bits}: a row of a vector operation has at most {config.size_limit:,} elements, "
            f"the model with {context:,} tokens of context has {longest:,}; use --host-ops"
        )


def vector_bytes(config: AcceleratorConfig, model: LlamaConfig, context: int, block: int) -> int:
    """Return the maximum number of bytes that a submission of vector operations takes of the device's memory."""
    size = partial(stored_bytes, config.word_bytes)
    count, width = _pieces(config, model.head_width)
    qkv, heads = model.q_width + 2 * model.kv_width, (model.heads + model.kv_heads) * block
    operands = [
        3 * [(block, 4 * max(model.hidden, model.ffn, qkv))],
        3 * [(heads, 4 * model.head_width)],
        2 * [(model.heads * block, 4 * context)],
        [*2 * [(heads * count, 4 * width)], (block * count, 8 * width)],
    ]
    return max(sum(size(*one) for one in each) for each in operands)


def _pieces(config: AcceleratorConfig, n: int) -> tuple[int, int]:
    """Return into how many rows a row of ``n`` elements is cut for a rotation of pairs, and the length of each.

    A row has at most `PARTIALS` elements for each lane, and its cosines end with a bus word.
    """
    count = -(-n // (PARTIALS * config.vector_lanes))
    step = 2 if config.unaligned else max(2, config.word_bytes // 4)
    return count, -(-n // (count * step)) * step


def _padded(x: Floats, columns: int) -> Floats:
    """Return ``x`` with zeros behind its rows."""
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, columns - x.shape[-1])])


def _limited(config: AcceleratorConfig, parts: list[slice], choices: dict[str, Any]) -> Iterator[_Part]:
    """Cut parts of rows at the largest m of a descriptor; of a causal softmax, the limit goes on."""
    for part in parts:
        for first in range(part.start, part.stop, config.size_limit):
            last, before = min(first + config.size_limit, part.stop), first - part.start
            more = choices | ({"limit": choices["limit"] + before} if choices.get("causal") else {})
            yield slice(first, last), slice(before, last - part.start), more
