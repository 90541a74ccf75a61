"""The job and the ports of the vector engine."""

from typing import Any

from amaranth.hdl import unsigned
from amaranth.lib import data, enum, stream
from amaranth.lib.wiring import In, Member, Out

from .config import AcceleratorConfig
from .constants import INDEX_BITS, Activity
from .shapes import failure_shape, transfer_shape

__all__ = [
    "ONE_RESULT",
    "ONE_TYPE",
    "ROTATIONS",
    "SOFTMAXES",
    "TYPE_BYTES",
    "WITH_Y",
    "ElementType",
    "Operation",
    "operations_of",
    "result_shape",
    "vector_job_shape",
    "vector_ports",
]


class Operation(enum.Enum, shape=5):  # type: ignore[call-arg]  # Amaranth's keyword
    """What a vector job computes of its rows."""

    COPY = 0
    ADD = 1
    MULTIPLY = 2
    SCALE = 3
    RMS_NORM = 4
    LAYER_NORM = 5
    ROTATE_ADJACENT = 6
    ROTATE_HALVES = 7
    SOFTMAX = 8
    SILU = 9
    GELU = 10
    RELU = 11
    ARGMAX = 12
    QUANTIZE = 13
    ABS_MAX = 14
    WEIGHTED_SOFTMAX = 15


ROTATIONS: tuple[Any, ...] = (Operation.ROTATE_ADJACENT, Operation.ROTATE_HALVES)
"""Their y has rows of ``2 * n`` elements."""
WITH_Y: tuple[Any, ...] = (
    Operation.ADD, Operation.MULTIPLY, Operation.RMS_NORM, Operation.LAYER_NORM, *ROTATIONS, Operation.SILU,
    Operation.GELU, Operation.RELU, Operation.WEIGHTED_SOFTMAX,
)  # fmt: skip
"""The operations that have an operand y."""
SOFTMAXES: tuple[Any, ...] = (Operation.SOFTMAX, Operation.WEIGHTED_SOFTMAX)
"""The operations whose rows have limits: ``k``, ``causal`` and ``window``."""
ONE_RESULT: tuple[Any, ...] = (Operation.ARGMAX, Operation.ABS_MAX)
"""The operations whose result has one element a row."""


class ElementType(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's keyword
    """How an element of a row lies in memory."""

    FLOAT32 = 0
    BF16 = 1
    INT32 = 2
    RECORDS = 3
    """Of the result alone: blocks of the format of A."""
    INT8_COLUMNS = 4
    """Of the result of QUANTIZE alone: row r is a column of bytes. Element e is at ``c_address + r + e * c_stride``."""


TYPE_BYTES: dict[Any, int] = {
    ElementType.FLOAT32: 4, ElementType.BF16: 2, ElementType.INT32: 4, ElementType.INT8_COLUMNS: 1,
}  # fmt: skip
"""Bytes of an element of each type."""
ONE_TYPE: dict[Any, Any] = {
    Operation.ARGMAX: ElementType.INT32,
    Operation.QUANTIZE: ElementType.INT8_COLUMNS,
    Operation.ABS_MAX: ElementType.FLOAT32,
}
"""The type of the result of operations that have no choice. The others have FLOAT32, BF16 or RECORDS."""


def operations_of(config: AcceleratorConfig) -> list[Any]:
    """Return the operations that an engine has: without `unaligned` it writes no columns of bytes."""
    return [one for one in Operation.__members__.values() if config.unaligned or one is not Operation.QUANTIZE]


def result_shape(operation: Any, m: int, n: int) -> tuple[int, int]:
    """Return the rows and columns that the result of rows [m, n] has in memory."""
    return (n, m) if operation is Operation.QUANTIZE else (m, 1 if operation in ONE_RESULT else n)


def vector_job_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A descriptor of the vector engine that has been checked.

    ``index`` is its number since reset. It has ``m`` rows of ``n`` elements; ``k`` is the limit of row 0 (softmaxes).
    x is at A, y at B, the result at C; ``b_stride`` is 0 if one row of y serves all. The types are numbers of
    `ElementType`. ``scalar`` and ``scalar2`` are bits of float32. ``fence_a`` is for x, ``fence_b`` for y.
    """
    address, stride, size = unsigned(config.addr_bits), unsigned(config.stride_bits), unsigned(config.size_bits)
    return data.StructLayout({
        "index": unsigned(INDEX_BITS),
        "operation": Operation,
        "m": size, "n": size, "k": size,
        "a_address": address, "b_address": address, "c_address": address,
        "a_stride": stride, "b_stride": stride, "c_stride": stride,
        "x_type": unsigned(2), "y_type": unsigned(2), "c_type": unsigned(4),
        "causal": 1, "window": unsigned(16),
        "scalar": unsigned(32), "scalar2": unsigned(32),
        "fence_a": 1, "fence_b": 1,
    })  # fmt: skip


def vector_ports(config: AcceleratorConfig) -> dict[str, Member]:
    """Return the members of `VectorEngine`, whose docstring says what each does."""
    transfers = stream.Signature(transfer_shape(config))
    return {
        "job": In(stream.Signature(vector_job_shape(config))),
        "head": In(unsigned(INDEX_BITS)),
        "requests": Out(transfers),
        "words": In(stream.Signature(config.dma.word_shape, always_ready=True)),
        "write_requests": Out(transfers),
        "write_words": Out(stream.Signature(unsigned(config.result_word_bits))),
        "write_status": In(stream.Signature(config.dma.status_shape, always_ready=True)),
        "writes": Out(1),
        "completed": Out(1),
        "failure": Out(stream.Signature(failure_shape(config), always_ready=True)),
        "activity": Out(Activity),
    }
