"""Wrapping and rounding shifts of signed values."""

from amaranth.hdl import Cat, Const, Mux, Value

__all__ = ["right_shift", "wrap_bits"]


def wrap_bits(total: Value, right: Value) -> tuple[Value, Value]:
    """What makes ``total`` be as when shifted left by ``31 - right``, wrapped as an int32, and shifted back.

    The sign, bit ``right``, and where its copies go: to the bits above it; for ``right`` of 31 or more there are none.
    """
    sign = total.bit_select(right[:5], 1)
    copies = Mux(right[5], 0, (Const(-2, 32) << right[:5])[:32])
    return sign, copies


def right_shift(shift: Value) -> Value:
    """``31 - shift``, 1 to 62, of the lowest bits of a shift of -31 to 30."""
    return Cat(~shift[:5], shift[5])
