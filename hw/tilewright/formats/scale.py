"""Formats of the scales of blocks."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Mux, Shape, Value, signed, unsigned

from .integer import signed_bits

__all__ = ["E4M3", "E8M0", "FP16", "ONE", "UE5M3", "ScaleFormat", "ScaleParts"]


@dataclass(frozen=True)
class ScaleParts:
    """A scale in hardware: ``mantissa * 2**(exponent - mantissa_bits)``, or not a number.

    Parameters
    ----------
    mantissa, exponent : Value
        Signals of `ScaleFormat.mantissa_shape` and `ScaleFormat.exponent_shape`.
    invalid : Value
        The scale is not a finite number; the others are undefined.
    """

    mantissa: Value
    exponent: Value
    invalid: Value


@dataclass(frozen=True)
class ScaleFormat:
    """A float: perhaps a sign, an exponent, and a mantissa with a hidden one.

    Parameters
    ----------
    name : str
        As documents and messages call it.
    exponent_bits, mantissa_bits : int
    bias : int
        A normal value is ``(1 + mantissa / 2**mantissa_bits) * 2**(exponent - bias)``.
    signed : bool
        The highest bit is a sign.
    invalid : int
        That many of the highest codes, of each sign, are not finite numbers.
    subnormal : bool
        The exponent 0 has no hidden one, and counts as 1.
    """

    name: str
    exponent_bits: int
    mantissa_bits: int
    bias: int
    signed: bool
    invalid: int
    subnormal: bool = True

    @property
    def bits(self) -> int:
        """Bits of a code."""
        return self.signed + self.exponent_bits + self.mantissa_bits

    @property
    def bytes(self) -> int:
        """Bytes of a code in memory, lowest first."""
        return -(-self.bits // 8)

    @property
    def mantissa_shape(self) -> Shape:
        """The shape of a mantissa as an integer, with the hidden one and the sign."""
        bits = self.mantissa_bits + 1
        return signed(bits + 1) if self.signed else unsigned(bits)

    @property
    def exponents(self) -> range:
        """Exponents of finite values."""
        low = int(self.subnormal)
        unused = self.invalid >> self.mantissa_bits
        return range(low - self.bias, (1 << self.exponent_bits) - unused - self.bias)

    @property
    def exponent_shape(self) -> Shape:
        """The shape of an exponent without its bias."""
        return signed(signed_bits(self.exponents.start, self.exponents.stop - 1))

    @property
    def one(self) -> int:
        """The code of 1."""
        return self.bias << self.mantissa_bits

    def unpack(self, code: Value) -> ScaleParts:
        """The parts of a code, in hardware, without a register."""
        fields = self.exponent_bits + self.mantissa_bits
        fraction, exponent = code[: self.mantissa_bits], code[self.mantissa_bits : fields]
        normal = exponent.any() if self.subnormal else 1
        magnitude = Cat(fraction, normal)
        mantissa = Mux(code[fields], -magnitude, magnitude) if self.signed else magnitude
        biased = Mux(normal, exponent, 1) if self.subnormal else exponent
        invalid = code[:fields] >= (1 << fields) - self.invalid
        return ScaleParts(mantissa, biased - self.bias, invalid)


FP16 = ScaleFormat("fp16", 5, 10, 15, signed=True, invalid=1 << 10)
"""IEEE 754 binary16; infinities are not finite numbers."""
E8M0 = ScaleFormat("E8M0", 8, 0, 127, signed=False, invalid=1, subnormal=False)
"""A power of two; OCP Microscaling Formats specification v1.0, section 5.4.1."""
UE5M3 = ScaleFormat("UE5M3", 5, 3, 15, signed=False, invalid=1)
"""One byte without a sign; all ones are NaN."""
E4M3 = ScaleFormat("E4M3", 4, 3, 7, signed=True, invalid=1)
"""OCP 8-bit Floating Point specification v1.0; no infinities, all ones below the sign are NaN."""
ONE = ScaleFormat("none", 0, 0, 0, signed=False, invalid=0, subnormal=False)
"""No scale: 1 for everything, in 0 bits."""
