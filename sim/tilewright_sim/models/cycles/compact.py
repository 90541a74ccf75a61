"""The cycles of the variant `compact`, without simulating it."""

import math

from tilewright.accelerator.compact import SerialRequantizer
from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig

from .shape import Bus, Gemm, Shape

__all__ = ["compact_cycles"]

READ, WRITE = 2, 2
"""Cycles from one read or written word to the next, in addition to the memory's latency."""
REQUEST = 6
"""Cycles from a request's last word to the first word of the next request."""
START = 46
"""Cycles from the descriptor's last word to the first load, in addition to 4 `addr_bits`, and from the last response to
the interrupt."""
SUM = 2
"""Cycles from one sum to the next, in addition to scaling and writing it."""


def compact_cycles(config: AcceleratorConfig, queue: list[Gemm], bus: Bus) -> int:
    """Return the cycles of a queue, whose descriptors run one after the other.

    Within a descriptor an output tile is stored while the next one is loaded and multiplied, so the slower of the two
    determines the time. The operands of the epilogue are read after the previous tile has been stored. This is coarser
    than `QueueModel`: the error is up to 13 % for 40 random products of up to 68 rows and columns without latency.
    """
    return sum(_cycles(config, gemm, bus) for gemm in queue)


def _cycles(config: AcceleratorConfig, gemm: Gemm, bus: Bus) -> int:
    read = READ + bus.latency
    words = math.ceil(gemm.k / config.word_bytes)
    total = START + 4 * config.addr_bits + DESCRIPTOR_BYTES // config.word_bytes * read
    before = 0  # cycles to store the previous tile
    shape = Shape(config, gemm)
    for rows in shape.blocks:
        tiles = [min(config.tile.cols, gemm.n - first) for first in range(0, gemm.n, config.tile.cols)]
        for number, columns in enumerate(tiles):
            requests = shape.chunks * (2 if number == 0 else 1)
            load = (columns + (rows if number == 0 else 0)) * words * read + requests * REQUEST
            execute = math.ceil(gemm.k / config.tile.rows) * max(rows, config.tile.cols)
            total += max(load, execute, before)
            results = rows * columns
            written = rows * math.ceil((1 if gemm.requant else 4) * columns / config.word_bytes)
            operands = columns * gemm.parameter_rows + (results if gemm.accumulate else 0)
            scaling = SerialRequantizer.CYCLES + 1 if gemm.requant else 0
            asked = REQUEST if operands else 0
            before = operands * read + asked + results * (SUM + scaling) + written * (WRITE + bus.latency)
    return round(total + before)
