"""Rounding and saturation of signed values."""

from amaranth.hdl import Cat, Const, Mux, Value

__all__ = ["clamp", "right_shift", "wrap"]


def wrap(total: Value, right: Value) -> Value:
    """``total`` as it is when shifted left by ``31 - right``, wrapped as an int32, and shifted back.

    Bits above bit ``right`` become copies of it; for ``right`` of 31 or more there are none.
    """
    sign = Mux(right[5], total[31], total.bit_select(right[:5], 1))
    copies = Mux(right[5], 0, (Const(-2, 32) << right[:5])[:32])
    return (total & ~copies) | (copies & sign.replicate(32))


def right_shift(shift: Value) -> Value:
    """``31 - shift``, 1 to 62, of the lowest bits of a shift of -31 to 30."""
    return Cat(~shift[:5], shift[5])


def clamp(value: Value, minimum: Value, maximum: Value) -> Value:
    """The value, or the bound that it is beyond."""
    return Mux(value > maximum, maximum, Mux(value < minimum, minimum, value))
