"""Where the elements of rows are in the registers."""

from amaranth.hdl import Cat, Const, Mux, Value
from amaranth.utils import exact_log2

from .program.instructions import REGISTER_ENTRIES, SCALAR_ROWS, Mode
from .shapes import SCALARS

__all__ = ["entry_of", "row_start"]


def row_start(row: Value, plan, entry_log2: int) -> Value:
    """The first entry of a row in a vector register."""
    bits = exact_log2(REGISTER_ENTRIES)
    return (Cat(Const(0, entry_log2), row) << plan.pitch_log2)[:bits]


def entry_of(register: Value, mode: Value, row: Value, place: Value) -> Value:
    """The entry of a register: ``place``, from the row's start, of a vector register; a row's of a scalar one."""
    vector_entry = Cat(place[: exact_log2(REGISTER_ENTRIES)], register)
    scalar_entry = SCALARS + Cat(row, Const(0, exact_log2(SCALAR_ROWS) - len(row)), register)
    return Mux(mode == Mode.ROWS, scalar_entry, vector_entry)
