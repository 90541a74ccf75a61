"""What the registers of identity and capability read as."""

from math import log2

from tilewright.accelerator.contract import MOST_FORMATS, SIZE_BITS, STRIDE_BITS, AcceleratorConfig
from tilewright.formats import FORMATS

from .descriptors import DESCRIPTOR_VERSION, VECTOR_DESCRIPTOR_VERSION
from .table import IDENTIFIER, REGISTER_MAP_VERSION, REGISTERS

__all__ = ["constants"]

REGISTER = {register.name: register for register in REGISTERS}


def constants(config: AcceleratorConfig) -> dict[str, int]:
    """The values of the registers that never change."""
    numbers = {name: number for number, name in enumerate(FORMATS)}
    formats = {"a_format": numbers[config.a_format], "b_count": len(config.b_formats)} | {
        f"b_format_{n}": numbers[dict(enumerate(config.b_formats)).get(n, "int8")] for n in range(MOST_FORMATS)
    }
    vector = _pack("CAP_VECTOR", lanes=config.vector_lanes, descriptor=VECTOR_DESCRIPTOR_VERSION)
    return {
        "ID": IDENTIFIER,
        "VERSION": _pack("VERSION", descriptor=DESCRIPTOR_VERSION, registers=REGISTER_MAP_VERSION),
        "CAP_TILE": _pack(
            "CAP_TILE", rows=config.tile.rows, cols=config.tile.cols, dot=config.tile.dot, lanes=config.requant_lanes
        ),
        "CAP_BUS": _pack(
            "CAP_BUS",
            data_bytes=config.word_bytes,
            addr_bits=config.addr_bits,
            outstanding=config.outstanding,
            unaligned=config.unaligned,
            single_rounding="single" in config.roundings,
            compact=config.compact,
            double_rounding="double" in config.roundings,
            ecc=config.ecc,
            convolution=config.convolution,
            formats=config.scaled,
            vector=config.vector_lanes > 0,
        ),
        **({"CAP_FORMATS": _pack("CAP_FORMATS", **formats)} if config.scaled else {}),
        **({"CAP_VECTOR": vector} if config.vector_lanes else {}),
        **({"CAP_VARIABLES": _pack("CAP_VARIABLES", count=config.variables)} if config.variables else {}),
        "CAP_BUFFERS": _pack(
            "CAP_BUFFERS",
            half_words=int(log2(config.half_words)),
            ring_words=int(log2(config.ring_words)),
            acc_rows=int(log2(config.acc_rows)),
            chunk_words=int(log2(config.chunk_words)),
            long_chunk_words=int(log2(config.long_chunk_words)),
            size_bits_less=SIZE_BITS - config.size_bits,
            stride_bits_less=STRIDE_BITS - config.stride_bits,
            variables=config.variables > 0,
        ),
        "K_LIMIT": config.k_limit,
    }


def _pack(name: str, **values: int) -> int:
    """A register's value from those of all its fields."""
    fields = {field.name: field for field in REGISTER[name].fields}
    assert set(fields) == set(values)
    assert all(value < 1 << fields[key].bits for key, value in values.items())
    return sum(value << fields[key].low for key, value in values.items())
