"""The CRC at the end of each frame on the serial line."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

__all__ = ["RESIDUE", "Crc32"]

RESIDUE = 0xDEBB20E3
"""What the register of the CRC holds after a message and its CRC."""
POLYNOMIAL = 0xEDB88320


class Crc32(SharedComponent):
    """The CRC-32 of a sequence of bytes, one bit in a cycle.

    `busy` is 1 in the 8 cycles after that of `push` or `shift`; there must be no other until then.

    Members
    -------
    clear : In(1)
        Begin a sequence. Wins over `push`.
    push : In(1)
        Take the byte `data`.
    data : In(unsigned(8))
        The byte, sampled with `push`.
    shift : In(1)
        Drop the lowest byte, a bit in a cycle: to send the four one after the other.
    busy : Out(1)
        Bits are still to be counted or dropped.
    crc : Out(unsigned(32))
        The register, which is the complement of the CRC.
    """

    def __init__(self):
        super().__init__({
            "clear": In(1), "push": In(1), "data": In(unsigned(8)), "shift": In(1), "busy": Out(1),
            "crc": Out(unsigned(32)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        bits = Signal(9)  # those to come, and a 1 above them
        drops = Signal(reset_less=True)
        m.d.comb += self.busy.eq(bits[1:].any())
        with m.If(self.busy):
            feedback = ~drops & (self.crc[0] ^ bits[0])
            m.d.sync += self.crc.eq((self.crc >> 1) ^ Mux(feedback, POLYNOMIAL, 0))
            m.d.sync += bits.eq(bits >> 1)
        with m.If(self.push | self.shift):
            m.d.sync += bits.eq(Cat(self.data, 1))
            m.d.sync += drops.eq(self.shift)
        with m.If(self.clear):
            m.d.sync += self.crc.eq(0xFFFF_FFFF)
            m.d.sync += bits.eq(0)
        return m
