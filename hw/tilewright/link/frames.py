"""Frames on a serial line, as `tilewright.link.protocol` has them: bytes in, checked frames out, and back."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect

from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

from .crc import RESIDUE, Crc32
from .protocol import CRC_BYTES, HEADER_BYTES, MAX_BYTES
from .uart import UartReceiver, UartTransmitter

__all__ = ["FrameReceiver", "FrameTransmitter"]

ROW_BITS = 8
SLOTS = 4
"""Frames that a receiver keeps."""
MAX_FRAME = HEADER_BYTES + MAX_BYTES + CRC_BYTES


class FrameReceiver(SharedComponent):
    """Receive frames, check them, and keep them until they are released, in order.

    Bytes are decoded as they come into one of four parts of a memory. While all are full, arriving bytes are lost,
    up to the next end of a frame::

        rx ──► UartReceiver ──► COBS ──┬──►│memory│──► data
                                       └──► Crc32 ──► frame, good

    Parameters
    ----------
    divisor : int
        Clock cycles in a bit, at least 4.

    Members
    -------
    rx : In(1)
        The line, asynchronous, high when idle.
    frame : Out(1)
        There is a frame, until `release`.
    good : Out(1)
        Of `frame`: its CRC is right. The data of a bad one must not be looked at.
    length : Out(unsigned(8))
        Its bytes without the CRC.
    release : In(1)
        The frame has been dealt with.
    row : In(unsigned(8))
        Which byte of the frame is read; `data` has it two cycles later.
    data : Out(unsigned(8))
        The byte of row `row` of the oldest frame, two cycles later.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({
            "rx": In(1),
            "frame": Out(1),
            "good": Out(1),
            "length": Out(unsigned(ROW_BITS)),
            "release": In(1),
            "row": In(unsigned(ROW_BITS)),
            "data": Out(unsigned(8)),
        })

    def elaborate(self, platform):
        m = Module()
        uart = place(m, "uart", UartReceiver(self.divisor), platform)
        crc = place(m, "crc", Crc32(), platform)
        memory = place(m, "memory", BlockMemory(8, SLOTS << ROW_BITS), platform)
        m.d.comb += uart.rx.eq(self.rx)

        slot = Signal(range(SLOTS))  # that is written
        oldest = Signal(range(SLOTS))
        held = Signal(range(SLOTS + 1))
        full = Signal()
        m.d.comb += full.eq(held == SLOTS)
        m.d.comb += self.frame.eq(held != 0)
        lengths = Array(Signal(ROW_BITS, name=f"length_{n}") for n in range(SLOTS))
        goods = Array(Signal(name=f"good_{n}") for n in range(SLOTS))
        m.d.comb += self.length.eq(lengths[oldest])
        m.d.comb += self.good.eq(goods[oldest])
        m.d.comb += memory.fetch.eq(1)
        m.d.comb += memory.take.eq(1)
        m.d.comb += memory.read_row.eq(Cat(self.row, oldest))
        m.d.comb += self.data.eq(memory.q)

        count = Signal(ROW_BITS)
        remaining = Signal(8)  # bytes until the next one is a code
        begun = Signal()
        bad = Signal()
        byte = Signal(8)
        emit = Signal()
        is_code = Signal()
        m.d.comb += is_code.eq(remaining == 0)
        m.d.comb += byte.eq(Mux(is_code, 0, uart.data))
        ends = Signal()
        m.d.comb += ends.eq(uart.done & (uart.data == 0))
        with m.If(uart.done & ~ends):
            # The first code stands for no byte; every other one for the zero before its run.
            m.d.comb += emit.eq((~is_code | begun) & ~bad & ~full)
            m.d.sync += begun.eq(1)
            m.d.sync += remaining.eq(Mux(is_code, uart.data, remaining) - 1)
        m.d.comb += [
            memory.write.eq(emit),
            memory.write_row.eq(Cat(count, slot)),
            memory.data.eq(byte),
            crc.push.eq(emit),
            crc.data.eq(byte),
        ]
        with m.If(emit):
            m.d.sync += count.eq(count + 1)
            with m.If(count == MAX_FRAME):
                m.d.sync += bad.eq(1)
        with m.If(uart.broken):
            m.d.sync += bad.eq(1)
            m.d.sync += begun.eq(1)

        whole = Signal()
        m.d.comb += whole.eq(~bad & is_code & (crc.crc == RESIDUE) & (count >= CRC_BYTES))
        kept = Signal()
        m.d.comb += kept.eq(ends & begun & ~full)
        with m.If(ends):
            m.d.sync += [
                count.eq(0),
                remaining.eq(0),
                begun.eq(0),
                bad.eq(0),
            ]
            m.d.comb += crc.clear.eq(1)
        with m.Elif(uart.done & full):
            m.d.sync += bad.eq(1)
        with m.If(kept):
            m.d.sync += lengths[slot].eq(count - CRC_BYTES)
            m.d.sync += goods[slot].eq(whole)
            m.d.sync += slot.eq(slot + 1)
        with m.If(self.release):
            m.d.sync += oldest.eq(oldest + 1)
        m.d.sync += held.eq(held + kept - self.release)
        started = Signal()  # the CRC begins with ones also after reset
        m.d.sync += started.eq(1)
        with m.If(~started):
            m.d.comb += crc.clear.eq(1)
        return m


class FrameTransmitter(SharedComponent):
    """Send frames: bytes in, with a CRC behind them, encoded, between zeros.

    A frame is built in one half of a memory while the one before is sent from the other. A byte takes 9 cycles::

        i ──┬──► COBS ──►│memory│──► UartTransmitter ──► tx
            └──► Crc32 ──┘

    Parameters
    ----------
    divisor : int
        Clock cycles in a bit.

    Members
    -------
    i : In(stream.Signature(unsigned(8)))
        The bytes of the frames, without a CRC: at most 250 for each frame.
    last : In(1)
        The byte offered is the last of its frame.
    tx : Out(1)
        The line, from a register, high when idle.
    busy : Out(1)
        A frame is being sent.
    """

    def __init__(self, divisor: int):
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(unsigned(8))), "last": In(1), "tx": Out(1), "busy": Out(1)})

    def elaborate(self, platform):
        m = Module()
        uart = place(m, "uart", UartTransmitter(self.divisor), platform)
        crc = place(m, "crc", Crc32(), platform)
        memory = place(m, "memory", BlockMemory(8, 2 << ROW_BITS), platform)
        m.d.comb += self.tx.eq(uart.tx)

        ready = Signal()  # the half that is not written is complete and being sent
        length = Signal(ROW_BITS)
        half = Signal()  # that is written
        self._send(m, memory, uart, ready, length, half)

        # Each byte goes into the next row, but a zero leaves that open for the code of the run after it, and the row
        # that was open gets its distance: one row is written for each byte.
        row = Signal(ROW_BITS, init=1)
        open_row = Signal(ROW_BITS)
        byte = Signal(8)
        put = Signal()
        finish = Signal()
        m.d.comb += memory.write.eq(put | finish)
        with m.If(finish | (byte == 0)):
            m.d.comb += memory.write_row.eq(Cat(open_row, half))
            m.d.comb += memory.data.eq(row - open_row)
        with m.Else():
            m.d.comb += memory.write_row.eq(Cat(row, half))
            m.d.comb += memory.data.eq(byte)
        with m.If(put):
            m.d.sync += row.eq(row + 1)
            with m.If(byte == 0):
                m.d.sync += open_row.eq(row)
        with m.If(finish):
            m.d.sync += [
                ready.eq(1),
                length.eq(row),
                half.eq(~half),
                row.eq(1),
                open_row.eq(0),
            ]

        remaining = Signal(range(CRC_BYTES + 1))
        with m.FSM():
            with m.State("Start"):
                m.d.comb += crc.clear.eq(1)
                m.next = "Data"
            with m.State("Data"):
                m.d.comb += byte.eq(self.i.payload)
                m.d.comb += self.i.ready.eq(~crc.busy)
                m.d.comb += put.eq(self.i.valid & self.i.ready)
                m.d.comb += crc.push.eq(put)
                m.d.comb += crc.data.eq(byte)
                m.d.sync += remaining.eq(CRC_BYTES)
                with m.If(put & self.last):
                    m.next = "Crc"
            with m.State("Crc"):
                m.d.comb += byte.eq(~crc.crc[:8])
                with m.If(~crc.busy):
                    m.d.comb += put.eq(1)
                    m.d.comb += crc.shift.eq(1)
                    m.d.sync += remaining.eq(remaining - 1)
                    with m.If(remaining == 1):
                        m.next = "Finish"
            with m.State("Finish"), m.If(~ready):
                m.d.comb += finish.eq(1)
                m.next = "Start"
        return m

    def _send(self, m: Module, memory: BlockMemory, uart: UartTransmitter, ready: Signal, length: Signal, half: Signal):
        """Send rows 0 to ``length - 1`` of the other half while ``ready``, then clear it."""
        place_ = Signal(ROW_BITS)
        m.d.comb += memory.fetch.eq(1)
        m.d.comb += memory.take.eq(1)
        m.d.comb += memory.read_row.eq(Cat(place_, ~half))
        offer = stream.Signature(unsigned(8)).create(path=("offer",))
        connect(m, offer, uart.i)
        m.d.comb += self.busy.eq(ready)
        with m.FSM(name="sending"):
            with m.State("Before"):
                m.d.sync += place_.eq(0)
                m.d.comb += offer.valid.eq(ready)
                m.d.comb += offer.payload.eq(0)
                with m.If(offer.ready & ready):
                    m.next = "Data"
            with m.State("Data"):
                # A byte lasts longer than the memory's two cycles.
                m.d.comb += offer.valid.eq(1)
                m.d.comb += offer.payload.eq(memory.q)
                with m.If(offer.ready):
                    m.d.sync += place_.eq(place_ + 1)
                    with m.If(place_ + 1 == length):
                        m.next = "After"
            with m.State("After"):
                m.d.comb += offer.valid.eq(1)
                with m.If(offer.ready):
                    m.d.sync += ready.eq(0)
                    m.next = "Before"
