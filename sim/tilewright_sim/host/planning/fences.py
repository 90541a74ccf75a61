"""The fences that descriptors need which are submitted together: those of operands that an earlier one computes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from tilewright.accelerator.contract import (
    ROTATIONS,
    TYPE_BYTES,
    WITH_Y,
    AcceleratorConfig,
    ElementType,
    Operation,
    result_shape,
)

from ..descriptor import Descriptor, VectorDescriptor, flag_bits
from ..driver import AnyDescriptor

__all__ = ["fenced"]

_FENCES = {"a": "FENCE_A", "b": "FENCE_B"}


class _Span(NamedTuple):
    """Addresses from the first byte of a matrix to the last, also those between its rows."""

    start: int
    end: int

    @classmethod
    def of(cls, address: int, rows: int, stride: int, row_bytes: int) -> "_Span":
        return cls(address, address + (rows - 1) * stride + row_bytes)

    def meets(self, other: "_Span") -> bool:
        return self.start < other.end and other.start < self.end


def fenced(config: AcceleratorConfig, descriptors: Sequence[AnyDescriptor]) -> list[AnyDescriptor]:
    """Return the descriptors with the fences of operands A and B (x and y) that they need, and no others.

    An operand needs a fence if an earlier descriptor writes to it, unless its engine is known to have waited for that:
    an engine reads operands in the order of the descriptors, so it has passed all earlier fences of its own. The tile
    waits for the fences of A, and the engine that loads B is ahead of it by ``ring_words`` and the weights in the tile,
    which are not as many: it has passed a fence of A when it has loaded twice ``ring_words`` since.

    Parameters
    ----------
    config : AcceleratorConfig
    descriptors : sequence of Descriptor or VectorDescriptor
        In the order of their submission. Products neither accumulate nor are convolutions. Their flags of A and B are
        replaced.

    Raises
    ------
    ValueError
        If a product accumulates or is a convolution, or a descriptor refers to a variable.
    """
    descriptors = [_known(one) for one in descriptors]
    written: list[_Span] = []
    passed = {"load_a": 0, "load_b": 0, "vector": 0}  # each engine knows that so many descriptors are complete
    loaded = 0  # words of B since the last fence of A
    found = []
    for number, descriptor in enumerate(descriptors):
        vector = isinstance(descriptor, VectorDescriptor)
        names = []
        for operand, span in _read(config, descriptor):
            engine = "vector" if vector else f"load_{operand}"
            known = passed[engine]
            if engine == "load_b" and loaded > 2 * config.ring_words:
                known = max(known, passed["load_a"])
            if any(span.meets(other) for other in written[known:]):
                names.append(_FENCES[operand])
        for name in names:
            engine = "vector" if vector else "load_a" if name == "FENCE_A" else "load_b"
            passed[engine] = number
        if isinstance(descriptor, Descriptor):
            loaded = 0 if "FENCE_A" in names else loaded
            loaded += descriptor.n * math.ceil(descriptor.k / config.tile.rows)
        written.append(_written(config, descriptor))
        kept = descriptor.flags & ~flag_bits(*_FENCES.values())
        found.append(replace(descriptor, flags=kept | flag_bits(*names)))
    return found


def _known(one: AnyDescriptor) -> AnyDescriptor:
    """Return a descriptor with members of enumerations in place of their numbers."""
    if one.references():
        raise ValueError("a descriptor refers to a variable: see `resolve`")
    if isinstance(one, Descriptor):
        return one
    kinds = {name: ElementType(getattr(one, name)) for name in ("x_type", "y_type", "c_type")}
    return replace(one, operation=Operation(one.operation), **kinds)


def _read(config: AcceleratorConfig, one: AnyDescriptor) -> Iterator[tuple[str, _Span]]:
    """Yield the operands that are read, and where."""
    if isinstance(one, Descriptor):
        if one.flags & flag_bits("ACCUMULATE", "CONVOLUTION"):
            raise ValueError("a product that accumulates or is a convolution has other operands")
        for name, rows, form in zip("ab", (one.m, one.n), config.operands(one.b_format), strict=True):
            yield name, _Span.of(getattr(one, f"{name}_address"), rows, getattr(one, f"{name}_stride"),
                                 form.row_bytes(one.k))  # fmt: skip
        return
    yield "a", _Span.of(one.a_address, one.m, one.a_stride, one.n * TYPE_BYTES[one.x_type])
    if one.operation in WITH_Y:
        columns = 2 * one.n if one.operation in ROTATIONS else one.n
        yield "b", _Span.of(one.b_address, one.m, one.b_stride, columns * TYPE_BYTES[one.y_type])


def _written(config: AcceleratorConfig, one: AnyDescriptor) -> _Span:
    if isinstance(one, Descriptor):
        size = 1 if one.flags & flag_bits("REQUANT") else 4
        return _Span.of(one.c_address, one.m, one.c_stride, size * one.n)
    rows, columns = result_shape(one.operation, one.m, one.n)
    size = config.a.row_bytes(columns) if one.c_type is ElementType.RECORDS else TYPE_BYTES[one.c_type] * columns
    return _Span.of(one.c_address, rows, one.c_stride, size)
