"""Formats of the elements of matrices in memory."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from amaranth.hdl import Cat, Const, Shape, Value, signed

from .integer import signed_bits

__all__ = ["E2M1", "E2M3", "INT4", "INT8", "UINT4", "ElementFormat", "minifloat"]

CountT = TypeVar("CountT", int, Value)


@dataclass(frozen=True)
class ElementFormat:
    """Codes of some bits, each of which stands for an integer in units of ``2**-fraction_bits``.

    Parameters
    ----------
    name : str
        As documents and messages call it.
    bits : int
        Bits of a code.
    integers : tuple of int or None
        The integer of each code from 0 on; None for two's complement.
    fraction_bits : int
        The value of a code is its integer times ``2**-fraction_bits``.
    """

    name: str
    bits: int
    integers: tuple[int, ...] | None = None
    fraction_bits: int = 0

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The integer of each code."""
        if self.integers is not None:
            return self.integers
        half = 1 << self.bits - 1
        return (*range(half), *range(-half, 0))

    @property
    def shape(self) -> Shape:
        """The shape of a signal that holds any of the integers."""
        return signed(signed_bits(min(self.values), max(self.values)))

    def decode(self, code: Value) -> Value:
        """The integer of a code, in hardware: a signal of `shape`, without a register.

        Two's complement is the code itself; any other format is a table, on an FPGA one LUT for each bit of the integer
        if the code has 4 bits.
        """
        if self.integers is None:
            return code.as_signed()
        bits = []
        for place in range(self.shape.width):
            column = sum((value >> place & 1) << number for number, value in enumerate(self.values))
            bits.append(Const(column, len(self.values)).bit_select(code, 1))
        return Cat(bits).as_signed()

    def bytes_of(self, count: CountT) -> CountT:
        """Bytes that a row of ``count`` elements takes without gaps, in Python or in hardware."""
        return count if self.bits == 8 else (count * self.bits + 7) >> 3


def minifloat(name: str, exponent_bits: int, mantissa_bits: int) -> ElementFormat:
    """A small float: sign, exponent with the bias of IEEE 754, mantissa; with subnormals, without infinity and NaN.

    As the OCP Microscaling Formats specification v1.0, section 5.3, defines E2M1 and E2M3.
    """
    magnitudes = [
        mantissa if exponent == 0 else (mantissa | 1 << mantissa_bits) << exponent - 1
        for exponent in range(1 << exponent_bits)
        for mantissa in range(1 << mantissa_bits)
    ]
    bias = (1 << exponent_bits - 1) - 1
    integers = (*magnitudes, *(-magnitude for magnitude in magnitudes))
    return ElementFormat(name, 1 + exponent_bits + mantissa_bits, integers, mantissa_bits + bias - 1)


INT8 = ElementFormat("int8", 8)
INT4 = ElementFormat("int4", 4)
UINT4 = ElementFormat("uint4", 4, tuple(range(16)))
E2M1 = minifloat("E2M1", 2, 1)
E2M3 = minifloat("E2M3", 2, 3)
