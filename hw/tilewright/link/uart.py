"""A serial line of 8 data bits, no parity and one stop bit."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

__all__ = ["MIN_DIVISOR", "UartReceiver", "UartTransmitter"]

MIN_DIVISOR = 4
"""Fewest cycles per bit that are sampled safely."""


class UartReceiver(SharedComponent):
    """Receive bytes, each sampled in the middle of its bits.

    A start bit that has ended by its middle is ignored. After a missing stop bit the line must be high before the next
    byte begins. The line is read through two registers; rates may differ by 3 %.

    Parameters
    ----------
    divisor : int
        Clock cycles in a bit.

    Members
    -------
    rx : In(1)
        The line, asynchronous, high when idle.
    data : Out(unsigned(8))
        The byte that has come, valid with `done`.
    done : Out(1)
        `data` has come, in this cycle.
    broken : Out(1)
        A byte without its stop bit has come, in this cycle.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"rx": In(1), "data": Out(unsigned(8)), "done": Out(1), "broken": Out(1)})

    def elaborate(self, platform):
        m = Module()
        line = Signal(2, init=0b11)
        m.d.sync += line.eq(Cat(line[1:], self.rx))
        level = line[0]

        timer = Signal(range(self.divisor))
        remaining = Signal(range(11))  # bits to come, with the start and stop bit; 0 is idle
        armed = Signal()  # the line was high
        sample = Signal()
        m.d.comb += sample.eq((remaining != 0) & (timer == 0))
        m.d.sync += timer.eq(Mux(timer == 0, self.divisor - 1, timer - 1))
        m.d.sync += self.done.eq(0)
        m.d.sync += self.broken.eq(0)
        with m.If(remaining == 0):
            m.d.sync += armed.eq(level)
            with m.If(armed & ~level):
                m.d.sync += remaining.eq(10)
                m.d.sync += timer.eq(self.divisor // 2 - 1)
                m.d.sync += armed.eq(0)
        with m.Elif(sample):
            m.d.sync += remaining.eq(remaining - 1)
            with m.If((remaining == 10) & level):
                m.d.sync += remaining.eq(0)
            with m.If(remaining != 1):
                m.d.sync += self.data.eq(Cat(self.data[1:], level))
            with m.Else():
                m.d.sync += self.done.eq(level)
                m.d.sync += self.broken.eq(~level)
        return m


class UartTransmitter(SharedComponent):
    """Send bytes; while there are any, one begins as soon as the stop bit of the one before has ended.

    Parameters
    ----------
    divisor : int
        Clock cycles in a bit.

    Members
    -------
    i : In(stream.Signature(unsigned(8)))
        Bytes to send; a byte is copied when it is accepted, at the start of its start bit.
    tx : Out(1)
        The line, from a register, high when idle.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(unsigned(8))), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.divisor))
        bits = Signal(9)  # those to be sent, and a 1 above them; 0 when idle
        tick = Signal()
        m.d.comb += tick.eq(timer == 0)
        m.d.comb += self.i.ready.eq(tick & (bits == 0))
        with m.If(~tick):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif(bits != 0):
            m.d.sync += self.tx.eq(bits[0])
            m.d.sync += bits.eq(bits[1:])
            m.d.sync += timer.eq(self.divisor - 1)
        with m.Elif(self.i.valid):
            m.d.sync += self.tx.eq(0)
            m.d.sync += bits.eq(Cat(self.i.payload, Const(1, 1)))
            m.d.sync += timer.eq(self.divisor - 1)
        return m
