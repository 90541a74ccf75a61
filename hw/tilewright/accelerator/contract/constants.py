"""Numbers that every part of the accelerator shares."""

from amaranth.lib import enum

from tilewright.dma import Cause
from tilewright.formats import INT8

__all__ = [
    "ADDEND_BITS",
    "CORRUPT",
    "DESCRIPTOR_BYTES",
    "INDEX_BITS",
    "INTEGER_BITS",
    "MOST_FORMATS",
    "MOST_VARIABLES",
    "NUMBER_BITS",
    "PARAMETER_PITCH_BYTES",
    "PARTIALS",
    "QUEUED_JOBS",
    "REFERENCE_BITS",
    "RESULT",
    "SIZE_BITS",
    "STRIDE_BITS",
    "Activity",
    "Unit",
]


DESCRIPTOR_BYTES = 64


SIZE_BITS = 16
"""Greatest width of M, N and K: see `AcceleratorConfig.size_bits`."""


STRIDE_BITS = 24
"""Greatest width of the distance between rows in bytes: see `AcceleratorConfig.stride_bits`."""


MOST_FORMATS = 4
"""Formats that B can have in a configuration, at most."""


MOST_VARIABLES = 16
"""Variables that a configuration has, at most."""


REFERENCE_BITS = 8
"""Top bits of a size or address in a descriptor: 1 and the number of the variable to which it refers, or 0."""


INDEX_BITS = 16
"""Width of the number of a descriptor, counted from reset; the ring has at most half as many entries."""


INTEGER_BITS = INT8.bits
"""Width of the integers that are multiplied, unless the formats say otherwise."""


ADDEND_BITS = 32
"""Width of sums, biases, and of a C that is not requantized."""


RESULT = INT8
"""What a requantized C consists of; zero point and clamp limits are such elements too."""


PARAMETER_PITCH_BYTES = 64
"""The arrays of biases, multipliers and shifts follow each other in memory at multiples of this."""


PARTIALS = 64
"""Sums that a row of the vector engine is added to in turn; and elements of a register of it, for each lane."""


NUMBER_BITS = 4
"""Low bits of a descriptor's number that order those in progress, at most 7."""
QUEUED_JOBS = 6
"""With a vector engine, jobs at most that engines may take and that are not complete."""


CORRUPT = Cause.EMPTY
"""Cause of a failure that is no transfer's: two flipped bits in a stored word. No transfer of a job ends so."""


class Unit(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's keyword
    """The purpose of a memory transfer; or `SUMS`, the accumulators, where stored words can be corrupt."""

    DESCRIPTOR = 0
    LOAD_A = 1
    LOAD_B = 2
    PARAMETERS = 3
    LOAD_C = 4
    STORE_C = 5
    SUMS = 6
    VECTOR = 7


class Activity(enum.Enum, shape=3):  # type: ignore[call-arg]  # Amaranth's keyword
    """The activity of an engine in a cycle: each cycle of each engine has exactly one."""

    IDLE = 0
    BUSY = 1
    MEMORY = 2
    SPACE = 3
    DEPENDENCY = 4
