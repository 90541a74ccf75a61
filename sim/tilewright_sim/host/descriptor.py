"""A descriptor as the host writes it into memory."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, REFERENCE_BITS, ElementType, Operation
from tilewright.accelerator.registers import (
    DESCRIPTOR,
    DESCRIPTOR_VERSION,
    FLAGS,
    GEOMETRY,
    REFERABLE,
    VECTOR_DESCRIPTOR,
    VECTOR_DESCRIPTOR_VERSION,
    VECTOR_FLAGS,
    DescriptorField,
)

__all__ = ["Descriptor", "VectorDescriptor", "flag_bits", "geometry_bytes", "geometry_values"]

_FIELDS = {field.name: field for field in DESCRIPTOR}
_VECTOR_FIELDS = {field.name: field for field in VECTOR_DESCRIPTOR}
_GEOMETRY = {field.name: field for field in GEOMETRY}
_REFERS = 1 << REFERENCE_BITS - 1  # in the top bits of a field


class _Referring:
    """A descriptor whose sizes and addresses can refer to variables."""

    def refer(self, **variables: int) -> Self:
        """Return the descriptor with fields to whose values variables are added when it is decoded.

        The keywords are names of `REFERABLE`, the values numbers of variables. A size may be up to ``2**24 - 1`` by
        itself, an address up to ``2**56 - 1``.

        Raises
        ------
        ValueError
            If a field is none of `REFERABLE`, refers to a variable already or is too large, or there can be no such
            variable.
        """
        changed = {}
        for name, variable in variables.items():
            if name not in REFERABLE:
                raise ValueError(f"{name} = variable {variable}: only {', '.join(REFERABLE)} can refer to one")
            if not 0 <= variable < _REFERS:
                raise ValueError(f"{name} = variable {variable}: must be 0 to {_REFERS - 1}")
            value, low = getattr(self, name), _FIELDS[name].bits - REFERENCE_BITS
            if not 0 <= value < 1 << low:
                raise ValueError(f"{name} = {value}: must be less than 2**{low} beside a variable")
            changed[name] = (_REFERS | variable) << low | value
        return replace(self, **changed)  # type: ignore[type-var]  # of a dataclass

    def references(self) -> dict[str, int]:
        """Return the numbers of the variables to which fields refer, by the names of the fields."""
        tops = {name: getattr(self, name) >> _FIELDS[name].bits - REFERENCE_BITS for name in REFERABLE}
        return {name: top - _REFERS for name, top in tops.items() if top >= _REFERS}

    def resolve(self, values: Sequence[int]) -> Self:
        """Return the descriptor with the values of the variables, from number 0 on, added.

        Fields that refer to others stay as they are.
        """
        changed = {}
        for name, number in self.references().items():
            low = _FIELDS[name].bits - REFERENCE_BITS
            if number < len(values):
                changed[name] = (getattr(self, name) & (1 << low) - 1) + values[number]
        return replace(self, **changed)  # type: ignore[type-var]  # of a dataclass


@dataclass(frozen=True, kw_only=True)
class Descriptor(_Referring):
    """One GEMM: the fields of `DESCRIPTOR`, in bytes and elements.

    ``flags`` is a number; `flag_bits` returns it for names. `pack` only checks that values fit their fields; the
    accelerator does all other checks.
    """

    m: int
    n: int
    k: int
    a_address: int
    b_address: int
    c_address: int
    a_stride: int
    b_stride: int
    c_stride: int
    flags: int = 0
    parameter_address: int = 0
    zero_point: int = 0
    minimum: int = -128
    maximum: int = 127
    version: int = DESCRIPTOR_VERSION
    b_format: int = 0
    reserved_2: int = 0

    def pack(self) -> bytes:
        """Return the 64 bytes. ValueError if a value does not fit its field."""
        return _pack(_FIELDS, {name: getattr(self, name) for name in _FIELDS})

    def moved(self, by: int) -> Self:
        """Return the descriptor for the same matrices so many bytes higher."""
        places = ("a_address", "b_address", "c_address", "parameter_address")
        return replace(self, **{place: getattr(self, place) + by for place in places})

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Return the descriptor in 64 bytes."""
        if len(data) != DESCRIPTOR_BYTES:
            raise ValueError(f"a descriptor has {DESCRIPTOR_BYTES} bytes, not {len(data)}")
        return cls(**_unpack(_FIELDS, data))


@dataclass(frozen=True, kw_only=True)
class VectorDescriptor(_Referring):
    """One operation of the vector engine: the fields of `VECTOR_DESCRIPTOR`, in bytes and elements.

    ``operation`` is an `Operation` or its number; ``x_type``, ``y_type`` and ``c_type``, the parts of ``types``, are
    each an `ElementType` or its number. ``scalar`` and ``scalar2`` are rounded to float32. ``a_stride`` is that of x,
    ``b_stride`` of y. Checks as for `Descriptor`.
    """

    operation: Any
    m: int
    n: int
    a_address: int
    c_address: int
    a_stride: int
    c_stride: int
    b_address: int = 0
    b_stride: int = 0
    k: int = 0
    flags: int = 0
    scalar: float = 0.0
    scalar2: float = 0.0
    x_type: Any = ElementType.FLOAT32
    y_type: Any = ElementType.FLOAT32
    c_type: Any = ElementType.FLOAT32
    window: int = 0
    version: int = VECTOR_DESCRIPTOR_VERSION
    reserved: int = 0

    def pack(self) -> bytes:
        """Return the 64 bytes. ValueError if a value does not fit its field."""
        parts = {"x_type": (0, 2), "y_type": (2, 2), "c_type": (4, 4)}
        values = {field.name: _number(getattr(self, field.name)) for field in fields(self)}
        for name, (_, bits) in parts.items():
            if not 0 <= values[name] < 1 << bits:
                raise ValueError(f"{name} = {values[name]} does not fit into {bits} unsigned bits")
        types = sum(values.pop(name) << low for name, (low, _) in parts.items())
        return _pack(_VECTOR_FIELDS, values | {"types": types})

    def moved(self, by: int) -> Self:
        """Return the descriptor for the same rows so many bytes higher."""
        places = ("a_address", "b_address", "c_address")
        return replace(self, **{place: getattr(self, place) + by for place in places})

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Return the descriptor in 64 bytes. ValueError if there is no such operation or type."""
        if len(data) != DESCRIPTOR_BYTES:
            raise ValueError(f"a descriptor has {DESCRIPTOR_BYTES} bytes, not {len(data)}")
        values: dict[str, Any] = _unpack(_VECTOR_FIELDS, data)
        types = values.pop("types")
        values |= {"x_type": types & 3, "y_type": types >> 2 & 3, "c_type": types >> 4}
        values |= {name: ElementType(values[name]) for name in ("x_type", "y_type", "c_type")}
        return cls(**values | {"operation": Operation(values["operation"])})


def flag_bits(*names: str) -> int:
    """Return the value of ``flags`` with these flags of `FLAGS` or `VECTOR_FLAGS`."""
    return sum(1 << (FLAGS | VECTOR_FLAGS)[name][0] for name in set(names))


def geometry_bytes(**values: int) -> bytes:
    """Return the 64 bytes of a geometry; fields of `GEOMETRY` that are not given are 0."""
    return _pack(_GEOMETRY, values)


def geometry_values(data: bytes) -> dict[str, int]:
    """Return the fields of `GEOMETRY`, by name, that are in the first 64 bytes."""
    return _unpack(_GEOMETRY, data)


def _number(value: Any) -> Any:
    return getattr(value, "value", value)  # of an enumeration's member


def _unpack(table: dict[str, DescriptorField], data: bytes) -> dict[str, Any]:
    def value(field: DescriptorField) -> int | float:
        part = data[field.offset : field.offset + field.bits // 8]
        return struct.unpack("<f", part)[0] if field.real else int.from_bytes(part, "little", signed=field.signed)

    return {name: value(field) for name, field in table.items()}


def _pack(table: dict[str, DescriptorField], values: Mapping[str, int | float]) -> bytes:
    data = bytearray(DESCRIPTOR_BYTES)
    for name, value in values.items():
        field = table[name]
        size = field.bits // 8
        if field.real:
            try:
                data[field.offset : field.offset + size] = struct.pack("<f", value)
            except OverflowError:
                raise ValueError(f"{name} = {value} does not fit into a float32") from None
            continue
        try:
            data[field.offset : field.offset + size] = int(value).to_bytes(size, "little", signed=field.signed)
        except OverflowError:
            sign = "signed" if field.signed else "unsigned"
            raise ValueError(f"{name} = {value} does not fit into {field.bits} {sign} bits") from None
    return bytes(data)


assert {field.name for field in fields(Descriptor)} == set(_FIELDS)
assert {field.name for field in fields(VectorDescriptor)} - {"x_type", "y_type", "c_type"} == set(_VECTOR_FIELDS) - {
    "types"
}
