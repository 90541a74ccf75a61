"""The registers of the accelerator, in one table, with the errors.

The hardware, the C header, the Markdown page and the driver are all made from it.
"""

from dataclasses import dataclass, replace
from typing import Literal

from tilewright.accelerator.contract import (
    DESCRIPTOR_BYTES,
    MOST_FORMATS,
    MOST_VARIABLES,
    AcceleratorConfig,
    Activity,
    Unit,
)
from tilewright.formats import FORMATS

from .counters import ALL_ENGINES, COUNTERS, VECTOR_COUNTERS, counters_of, engines_of
from .descriptors import FLAGS

__all__ = [
    "ERRORS",
    "IDENTIFIER",
    "REGISTERS",
    "REGISTER_MAP_VERSION",
    "Field",
    "Register",
    "flag_count",
    "registers_of",
    "reset_value",
]

IDENTIFIER = 0x5457_4D4D
"""Value of the register ID: "TWMM" in ASCII."""
REGISTER_MAP_VERSION = 1
REGISTER_ADDRESS_BITS = 9
"""Width of an address on the AXI4-Lite port."""


@dataclass(frozen=True)
class Field:
    """Some bits of a register."""

    name: str
    low: int
    bits: int
    about: str

    @property
    def mask(self) -> int:
        """Ones where the field is in its register."""
        return (1 << self.bits) - 1 << self.low

    def of(self, value: int) -> int:
        """The value of the field, from that of its register."""
        return (value & self.mask) >> self.low


@dataclass(frozen=True)
class Register:
    """A register of 32 bits.

    ``access`` is ``ro`` (read only), ``rw`` (read and write), ``w1`` (writing a 1 acts immediately; reads as 0),
    ``w1c`` (a 1 that is written clears the bit) or ``wo`` (write only, reads as 0).
    """

    name: str
    offset: int
    access: Literal["ro", "rw", "w1", "w1c", "wo"]
    about: str
    fields: tuple[Field, ...] = ()

    @property
    def parts(self) -> tuple[Field, ...]:
        """Its fields; a register without any is one field called ``value``."""
        return self.fields or (Field("value", 0, 32, ""),)


ERRORS = {
    "NONE": (0, "no error"),
    "VERSION": (1, "the descriptor's version is not known"),
    "FLAGS": (
        2,
        "unknown or contradicting flags, no such rounding, operation or type, or a reserved byte that is not 0",
    ),
    "SIZE": (
        3,
        "m, n or k is 0 or over its limit, or a stride or an address is, or one refers to a variable that there is not",
    ),
    "ALIGNMENT": (4, "an address or a stride is not a multiple of the bus word"),
    "SLVERR": (5, "the bus answered SLVERR"),
    "DECERR": (6, "the bus answered DECERR"),
    "WRAPPED": (7, "a matrix, the parameters or the descriptor's entry go on past the last address"),
    "ABORTED": (8, "the host aborted"),
    "CORRUPT": (9, "two bits of a stored word were flipped (only with `ecc`)"),
}
"""Number and meaning of each value of ERROR.code."""

COUNTER_BASE = 0x100
DESCRIPTOR_BASE = 0x080
ECC_BASE = 0x064
FORMATS_BASE = 0x018
VECTOR_BASE = 0x01C
CAP_VARIABLES_BASE = 0x06C
VARIABLE_BASE = 0x180

_FORMATS = ", ".join(f"{number} {name}" for number, name in enumerate(FORMATS))


def _registers() -> tuple[Register, ...]:
    engines = tuple(
        Field(
            engine,
            4 * place,
            3,
            "activity of this engine: " + ", ".join(f"{a.value} {name}" for name, a in Activity.__members__.items()),
        )
        for place, engine in enumerate(ALL_ENGINES)
    )
    units = ", ".join(f"{unit.value} {name}" for name, unit in Unit.__members__.items())
    errors = ", ".join(f"{number} {name}" for name, (number, _) in ERRORS.items())
    fixed = (
        Register("ID", 0x00, "ro", f"0x{IDENTIFIER:08X}, the letters TWMM"),
        Register("VERSION", 0x04, "ro", "versions of the interface", (
            Field("descriptor", 0, 8, "of the descriptor"), Field("registers", 8, 8, "of this map"))),
        Register("CAP_TILE", 0x08, "ro", "size of the tile", (
            Field("rows", 0, 8, "multipliers along K"), Field("cols", 8, 8, "multipliers along N"),
            Field("dot", 16, 8, "products in an adder tree"), Field("lanes", 24, 8, "lanes of the epilogue"))),
        Register("CAP_BUS", 0x0C, "ro", "the memory bus", (
            Field("data_bytes", 0, 8, "bytes in a word"), Field("addr_bits", 8, 8, "bits of an address"),
            Field("outstanding", 16, 8, "bursts in flight"), Field("unaligned", 24, 1, "any address is taken"),
            Field("single_rounding", 25, 1, "the epilogue can round once"),
            Field("compact", 26, 1, "one descriptor and one word at a time; of the counters, COUNT_CYCLES alone"),
            Field("double_rounding", 27, 1, "the epilogue can round twice: DOUBLE_ROUNDING"),
            Field("ecc", 28, 1, "stored words have check bits; there are ECC_CORRECTED and ECC_CORRUPT"),
            Field("convolution", 29, 1, "A can be an image: CONVOLUTION"),
            Field("formats", 30, 1, "there are block formats, for which C is float32: see CAP_FORMATS"),
            Field("vector", 31, 1, "there is a vector engine: see CAP_VECTOR"))),
        Register("CAP_BUFFERS", 0x10, "ro", "logarithms to base 2 of the buffers' sizes", (
            Field("half_words", 0, 5, "words in a half of the A panel"),
            Field("ring_words", 5, 5, "words in the B ring"),
            Field("acc_rows", 10, 5, "rows in a bank of accumulators"),
            Field("chunk_words", 15, 3, "words in a chunk"),
            Field("long_chunk_words", 18, 3, "words in a chunk where M < cols"),
            Field("size_bits_less", 21, 4, "by how many bits m and n are narrower than 16"),
            Field("stride_bits_less", 25, 4, "by how many bits strides are narrower than 24"),
            Field("variables", 29, 1, "there are variables: see CAP_VARIABLES"))),
        Register("K_LIMIT", 0x14, "ro", "largest k of a descriptor; CAP_BUFFERS tells the limits of m, n and strides"),
        Register("CAP_FORMATS", FORMATS_BASE, "ro",
                 f"formats of the matrices: {_FORMATS}. With int8 among several of B, A is int8, too", (
            Field("a_format", 0, 4, "of A"), Field("b_count", 4, 4, "how many formats B can have"),
            *(Field(f"b_format_{n}", 8 + 6 * n, 6, f"of B, number {n}") for n in range(MOST_FORMATS)))),
        Register("CAP_VECTOR", VECTOR_BASE, "ro", "the vector engine", (
            Field("lanes", 0, 8, "elements that it takes in a cycle"),
            Field("descriptor", 8, 8, "version of its descriptor"))),
        Register("CONTROL", 0x20, "rw", "", (
            Field("enable", 0, 1, "fetch descriptors from the ring while head and tail differ"),)),
        Register("COMMAND", 0x24, "w1", "commands, each carried out immediately", (
            Field("abort", 0, 1, "end the running descriptors; the oldest fails with ABORTED"),
            Field("resume", 1, 1, "after an error, go on with the descriptor after the one that failed"),
            Field("soft_reset", 2, 1, "abort, then all registers as after reset, and the error forgotten"),
            Field("clear_counters", 3, 1, "all counters to 0"))),
        Register("STATUS", 0x28, "ro", "", (
            Field("busy", 0, 1, "a descriptor is in progress, or the ring holds one and is enabled"),
            Field("failed", 1, 1, "a descriptor failed: ERROR says why; waits for resume or soft_reset"),
            Field("stopping", 2, 1, "an error, abort or soft reset waits for the bus to finish"),
            Field("direct_ready", 3, 1, "a descriptor may be written to DESCRIPTOR"))),
        Register("ENGINES", 0x2C, "ro", "activity of every engine", engines),
        Register("IRQ_ENABLE", 0x30, "rw", "which bits of IRQ_STATUS raise `irq`", (
            Field("done", 0, 1, ""), Field("error", 1, 1, ""), Field("empty", 2, 1, ""))),
        Register("IRQ_STATUS", 0x34, "w1c", "", (
            Field("done", 0, 1, "a descriptor with the flag INTERRUPT is complete"),
            Field("error", 1, 1, "a descriptor failed"),
            Field("empty", 2, 1, "the last descriptor of those submitted is complete"))),
        Register("RING_BASE_LO", 0x40, "rw", f"address of the ring, a multiple of {DESCRIPTOR_BYTES}"),
        Register("RING_BASE_HI", 0x44, "rw", "its upper half"),
        Register("RING_LOG2", 0x48, "rw", "the ring has 2**value entries", (Field("value", 0, 4, "0 to 15"),)),
        Register("HEAD", 0x4C, "ro", "descriptors completed since reset, modulo 2**16, those that failed included", (
            Field("value", 0, 16, ""),)),
        Register("TAIL", 0x50, "rw",
                 "descriptors submitted since reset, modulo 2**16; descriptor i is entry i modulo the ring's size. A "
                 "write rings the doorbell. A direct descriptor counts too: entry and index are skipped in the ring",
                 (Field("value", 0, 16, ""),)),
        Register("ERROR", 0x54, "ro", "how the descriptor failed, 0 without an error", (
            Field("code", 0, 4, errors), Field("unit", 4, 3, f"in what: {units}"))),
        Register("ERROR_INDEX", 0x58, "ro", "number of the descriptor that failed, as TAIL counts", (
            Field("value", 0, 16, ""),)),
        Register("ERROR_ADDRESS_LO", 0x5C, "ro", "address of the burst that failed, as it was on the bus; of the "
                 "descriptor's entry if the descriptor is at fault, 0 if it came through the registers; with CORRUPT "
                 "the row in the panel (unit LOAD_A), in the ring (LOAD_B), or of the output tile (SUMS, PARAMETERS); "
                 "0 in the queue of results (STORE_C)"),
        Register("ERROR_ADDRESS_HI", 0x60, "ro", "its upper half"),
        Register("ECC_CORRECTED", ECC_BASE, "ro", "cycles in which a flipped bit of a word that was read has been "
                 "corrected, in any memory, since the counters were cleared or a soft reset; modulo 2**16", (
            Field("value", 0, 16, ""),)),
        Register("ECC_CORRUPT", ECC_BASE + 4, "ro", "likewise cycles in which a word with two flipped bits was read; "
                 "its descriptor fails with CORRUPT", (
            Field("value", 0, 16, ""),)),
        Register("CAP_VARIABLES", CAP_VARIABLES_BASE, "ro", "the variables", (
            Field("count", 0, 8, "how many there are"),)),
    )  # fmt: skip
    words = range(DESCRIPTOR_BYTES // 4)
    direct = tuple(
        Register(f"DESCRIPTOR_{word}", DESCRIPTOR_BASE + 4 * word, "wo", f"bytes {4 * word} to {4 * word + 3} of a "
                 "descriptor" + (
                     "; write it before the others. Only while STATUS.direct_ready is 1, otherwise SLVERR"
                     if word == 0 else
                     "; submits it, and TAIL counts it: read TAIL before the next write to it" if word == 15 else "")
                 + (". SLVERR, without effect, if direct_ready is or has been 0 since word 0: begin again with word 0"
                    if word else ""))
        for word in words
    )  # fmt: skip
    counters = tuple(
        Register(f"COUNT_{name.upper()}", COUNTER_BASE + 4 * place, "ro", about)
        for place, (name, about) in enumerate(COUNTERS + VECTOR_COUNTERS)
    )
    variables = tuple(
        Register(f"VARIABLE_{number}", VARIABLE_BASE + 4 * number, "rw",
                 "added to the sizes and addresses of descriptors that refer to it. Write it only while no such "
                 "descriptor is in the ring or in progress")
        for number in range(MOST_VARIABLES)
    )  # fmt: skip
    return fixed + direct + counters + variables


def flag_count(config: AcceleratorConfig) -> int:
    """How many flags, from bit 0, the hardware knows."""
    return FLAGS["CONVOLUTION"][0] + config.convolution


REGISTERS = _registers()
"""Every register that there can be, in the order of their offsets."""


def registers_of(config: AcceleratorConfig) -> tuple[Register, ...]:
    """The registers that a configuration has, with the fields it has; an access elsewhere is answered with SLVERR."""
    absent: set[int] = set()
    absent |= set(range(COUNTER_BASE + 4 * len(counters_of(config)), VARIABLE_BASE))
    absent |= set(range(VARIABLE_BASE + 4 * config.variables, 1 << REGISTER_ADDRESS_BITS))
    absent |= set() if config.ecc else {ECC_BASE, ECC_BASE + 4}
    absent |= set() if config.scaled else {FORMATS_BASE}
    absent |= set() if config.vector_lanes else {VECTOR_BASE}
    absent |= set() if config.variables else {CAP_VARIABLES_BASE}
    present = (register for register in REGISTERS if register.offset not in absent)
    engines = engines_of(config)
    return tuple(
        replace(r, fields=tuple(f for f in r.fields if f.name in engines)) if r.name == "ENGINES" else r
        for r in present
    )


def reset_value(register: Register, constants: dict[str, int]) -> int:
    """What a register is read as after reset, given the values of the registers that never change by name."""
    if register.name == "STATUS":
        return next(field.mask for field in register.fields if field.name == "direct_ready")
    return constants.get(register.name, 0)
