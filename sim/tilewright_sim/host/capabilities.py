"""What an accelerator is, as its registers say."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tilewright.accelerator.contract import MOST_FORMATS, SIZE_BITS, STRIDE_BITS, AcceleratorConfig
from tilewright.accelerator.registers import (
    DESCRIPTOR_VERSION,
    IDENTIFIER,
    REGISTER_MAP_VERSION,
    REGISTERS,
    VECTOR_DESCRIPTOR_VERSION,
)
from tilewright.base import TilewrightError
from tilewright.formats import FORMATS

__all__ = ["Capabilities", "fields_of"]

_REGISTERS = {register.name: register for register in REGISTERS}


def fields_of(register: str, value: int) -> dict[str, int]:
    """Return the fields of a register, by name, from its value."""
    return {field.name: field.of(value) for field in _REGISTERS[register].fields}


@dataclass(frozen=True)
class Capabilities:
    """The capabilities of the hardware, as the registers CAP_* report them."""

    rows: int
    cols: int
    dot: int
    lanes: int
    data_bytes: int
    addr_bits: int
    outstanding: int
    unaligned: bool
    single_rounding: bool
    double_rounding: bool
    convolution: bool
    half_words: int
    ring_words: int
    acc_rows: int
    chunk_words: int
    long_chunk_words: int
    k_limit: int
    compact: bool
    size_bits: int
    stride_bits: int
    ecc: bool
    a_format: str = "int8"
    b_formats: tuple[str, ...] = ("int8",)
    vector_lanes: int = 0
    variables: int = 0

    @classmethod
    def of(cls, config: AcceleratorConfig) -> "Capabilities":
        """Return the capabilities of hardware of this configuration."""
        tile = config.tile
        return cls(
            tile.rows, tile.cols, tile.dot, config.requant_lanes, config.word_bytes, config.addr_bits,
            config.outstanding, config.unaligned, "single" in config.roundings, "double" in config.roundings,
            config.convolution, config.half_words, config.ring_words, config.acc_rows, config.chunk_words,
            config.long_chunk_words, config.k_limit, config.compact, config.size_bits, config.stride_bits, config.ecc,
            config.a_format, config.b_formats, config.vector_lanes, config.variables,
        )  # fmt: skip

    @classmethod
    def read(cls, read: Callable[[str], int]) -> "Capabilities":
        """Return the capabilities of the hardware whose registers ``read`` returns by name.

        Raises
        ------
        TilewrightError
            If there is no accelerator, or its version is not supported.
        """

        def fields(name: str) -> dict[str, int]:
            return fields_of(name, read(name))

        identifier = read("ID")
        if identifier != IDENTIFIER:
            raise TilewrightError(f"there is no accelerator: ID is {identifier:#010x}, not {IDENTIFIER:#010x}")
        versions = fields("VERSION")
        if (versions["descriptor"], versions["registers"]) != (DESCRIPTOR_VERSION, REGISTER_MAP_VERSION):
            raise TilewrightError(
                f"the accelerator has versions {versions}; this driver supports descriptor {DESCRIPTOR_VERSION}, "
                f"registers {REGISTER_MAP_VERSION}"
            )
        values: dict[str, Any] = {"k_limit": read("K_LIMIT")}
        for name in ("CAP_TILE", "CAP_BUS", "CAP_BUFFERS"):
            values |= fields(name)
        if values.pop("vector"):
            vector = fields("CAP_VECTOR")
            if vector["descriptor"] != VECTOR_DESCRIPTOR_VERSION:
                raise TilewrightError(
                    f"the accelerator has version {vector['descriptor']} of the vector descriptor; this driver supports"
                    f" {VECTOR_DESCRIPTOR_VERSION}"
                )
            values["vector_lanes"] = vector["lanes"]
        if values.pop("variables"):
            values["variables"] = read("CAP_VARIABLES")
        if values.pop("formats"):
            names, numbers = dict(enumerate(FORMATS)), fields("CAP_FORMATS")
            known = {field: names.get(number, str(number)) for field, number in numbers.items()}
            values["a_format"] = known["a_format"]
            values["b_formats"] = tuple(known[f"b_format_{n}"] for n in range(min(numbers["b_count"], MOST_FORMATS)))
        for name in ("half_words", "ring_words", "acc_rows", "chunk_words", "long_chunk_words"):
            values[name] = 1 << values[name]
        for name in ("unaligned", "single_rounding", "double_rounding", "convolution", "compact", "ecc"):
            values[name] = bool(values[name])
        for name, bits in (("size_bits", SIZE_BITS), ("stride_bits", STRIDE_BITS)):
            values[name] = bits - values.pop(f"{name}_less")
        return cls(**values)
