"""Payload shapes that the parts of the accelerator hand to each other."""

from amaranth.hdl import Mux, signed, unsigned
from amaranth.lib import data

from .config import AcceleratorConfig
from .constants import ADDEND_BITS, INDEX_BITS

__all__ = [
    "FORMAT_SHAPE",
    "MAGNITUDE",
    "SHIFT_BITS",
    "arriving_shape",
    "chunk_words",
    "load_shape",
    "loaded_shape",
    "place_shape",
    "tile_shape",
]


def load_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A request for a chunk: `block_last` marks the last of its M-block, `long` selects its layout."""
    return data.StructLayout({"transfer": config.transfer_shape, "block_last": 1, "long": 1})


def chunk_words(config: AcceleratorConfig, long, scale: int = 1):
    """``scale`` times the words along K of a chunk; the last of a row may have fewer."""
    return Mux(long, config.long_chunk_words * scale, config.chunk_words * scale)


SHIFT_BITS = 6


MAGNITUDE = 8
"""Bits of a scaled sum before the zero point; more is out of the range of int8 whatever that is."""


FORMAT_SHAPE = data.StructLayout({"zero_point": signed(8), "minimum": signed(8), "maximum": signed(8), "requant": 1})


def place_shape(config: AcceleratorConfig) -> data.StructLayout:
    """Position of results in a bus word: raw, ``part`` of the lanes is it; requantized, all go to ``position``."""
    parts = config.requant_lanes * ADDEND_BITS // config.data_bits
    return data.StructLayout({
        "requant": 1,
        "part": unsigned((parts - 1).bit_length()),
        "position": unsigned((config.word_bytes // config.requant_lanes - 1).bit_length()),
    })


def tile_shape(config: AcceleratorConfig) -> data.StructLayout:
    """An output tile: its address, its ``rows`` and ``columns`` (at least 1), and the operations on its sums.

    ``add`` says that something is added, which is the old C if ``accumulate``; ``last`` ends the job; ``bank`` is that
    of its parameters.
    """
    return data.StructLayout({
        "address": unsigned(config.addr_bits),
        "rows": unsigned(config.acc_rows.bit_length()),
        "columns": unsigned(config.cols.bit_length()),
        "stride": unsigned(config.stride_bits),
        "index": unsigned(INDEX_BITS),
        "last": 1, "bank": 1, "add": 1, "accumulate": 1, "requant": 1,
        "zero_point": signed(8), "minimum": signed(8), "maximum": signed(8),
    })  # fmt: skip


def arriving_shape(config: AcceleratorConfig) -> data.StructLayout:
    """A bus word of a load: `row_last` and `last` as in `DmaReader`, `block_last` and `long` as in its request."""
    return _shape(config.data_bits)


def loaded_shape(config: AcceleratorConfig) -> data.StructLayout:
    """The same with a word of ``rows`` bytes."""
    return _shape(8 * config.rows)


def _shape(bits: int) -> data.StructLayout:
    return data.StructLayout({"data": unsigned(bits), "row_last": 1, "last": 1, "block_last": 1, "long": 1})
