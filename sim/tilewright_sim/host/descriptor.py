"""A descriptor as the host writes it into memory."""

from dataclasses import dataclass, fields, replace
from typing import Self

from tilewright.accelerator.contract import DESCRIPTOR_BYTES
from tilewright.accelerator.registers import DESCRIPTOR, DESCRIPTOR_VERSION, FLAGS, GEOMETRY, DescriptorField

__all__ = ["Descriptor", "flag_bits", "geometry_bytes", "geometry_values"]

_FIELDS = {field.name: field for field in DESCRIPTOR}
_GEOMETRY = {field.name: field for field in GEOMETRY}


@dataclass(frozen=True, kw_only=True)
class Descriptor:
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


def flag_bits(*names: str) -> int:
    """Return the value of ``flags`` with these flags of `FLAGS`."""
    return sum(1 << FLAGS[name][0] for name in set(names))


def geometry_bytes(**values: int) -> bytes:
    """Return the 64 bytes of a geometry; fields of `GEOMETRY` that are not given are 0."""
    return _pack(_GEOMETRY, values)


def geometry_values(data: bytes) -> dict[str, int]:
    """Return the fields of `GEOMETRY`, by name, that are in the first 64 bytes."""
    return _unpack(_GEOMETRY, data)


def _unpack(table: dict[str, DescriptorField], data: bytes) -> dict[str, int]:
    return {
        name: int.from_bytes(data[f.offset : f.offset + f.bits // 8], "little", signed=f.signed)
        for name, f in table.items()
    }


def _pack(table: dict[str, DescriptorField], values: dict[str, int]) -> bytes:
    data = bytearray(DESCRIPTOR_BYTES)
    for name, value in values.items():
        field = table[name]
        size = field.bits // 8
        try:
            data[field.offset : field.offset + size] = int(value).to_bytes(size, "little", signed=field.signed)
        except OverflowError:
            sign = "signed" if field.signed else "unsigned"
            raise ValueError(f"{name} = {value} does not fit into {field.bits} {sign} bits") from None
    return bytes(data)


assert {field.name for field in fields(Descriptor)} == set(_FIELDS)
