"""What the parts of the vector engine hand to each other."""

from amaranth.hdl import Mux, Value, unsigned
from amaranth.lib import data
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig

from .program.instructions import INSTRUCTION_SHAPE, REGISTER_ENTRIES, SCALAR_ROWS, VECTOR_REGISTERS

__all__ = [
    "ENTRIES",
    "SCALARS",
    "claimed_words",
    "entry_log2",
    "plan_shape",
    "step_shape",
    "strip_elements",
    "strip_words",
]

SCALARS = VECTOR_REGISTERS * REGISTER_ENTRIES
"""The first entry of the scalar registers."""
ENTRIES = 512
assert SCALARS + 8 * SCALAR_ROWS == ENTRIES


def strip_elements(config: AcceleratorConfig) -> int:
    """Elements that a vector register holds."""
    return REGISTER_ENTRIES * config.vector_lanes


def entry_log2(config: AcceleratorConfig) -> int:
    """Bits of the number of a group's entry."""
    return exact_log2(PARTIALS // config.vector_lanes)


def plan_shape(config: AcceleratorConfig) -> data.StructLayout:
    """How the rows of a job go into the registers.

    ``2**rows_log2`` rows are in a register at once, ``2**pitch_log2`` groups from each other. A row that has more
    groups than a register is `long`: its strips of `strip_elements` come one after the other.
    """
    bits = max(1, exact_log2(config.vector_lanes).bit_length())
    return data.StructLayout({"rows_log2": bits, "pitch_log2": bits, "long": 1})


def step_shape(config: AcceleratorConfig) -> data.StructLayout:
    """An instruction, and the rows and elements that it is for.

    ``row`` is the number of the first of ``rows`` rows, ``element`` that of the first of ``elements`` elements. Among
    these rows the last one has the number ``last_row``, and among the groups of these elements ``last_group``.
    """
    strip = strip_elements(config)
    return data.StructLayout({
        "instruction": INSTRUCTION_SHAPE,
        "row": unsigned(config.size_bits),
        "rows": unsigned(config.vector_lanes.bit_length()),
        "element": unsigned(config.size_bits),
        "elements": unsigned(strip.bit_length()),
        "last_row": range(max(2, config.vector_lanes)),
        "last_group": range(max(2, config.vector_lanes)),
    })


def strip_words(config: AcceleratorConfig) -> int:
    """Bus words of float32 that fill a vector register."""
    return strip_elements(config) * 32 // config.data_bits


def claimed_words(config: AcceleratorConfig, step, plan, short: Value) -> Value:
    """Bus words that a LOAD waits for, at most; ``short``: its elements are bf16."""
    elements = step.elements
    log2 = exact_log2(config.data_bits // 32)
    per_row = Mux(short, _ceil_shifted(elements, log2 + 1), _ceil_shifted(elements, log2))
    return (per_row << plan.rows_log2)[: strip_words(config).bit_length()]


def _ceil_shifted(value: Value, log2: int) -> Value:
    return (value + ((1 << log2) - 1)) >> log2
