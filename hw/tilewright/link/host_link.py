"""The host link: requests on a serial line become accesses to memory and registers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.registers import REGISTER_ADDRESS_BITS
from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4, AxiLite, Burst

from .frames import FrameReceiver, FrameTransmitter
from .protocol import HEADER_BYTES, INFORMATION_WORDS, MAX_BYTES, SPACE_LOW, SYNCHRONIZE, Space, Status
from .request import WORD_BITS, Request

__all__ = ["HostLink"]


class HostLink(SharedComponent):
    """Execute the requests of `tilewright.link.protocol`.

    Data moves in words of 32 bits, each a transfer of a single beat, so that the line never holds the bus up. On a
    wider bus a word goes through its own lanes. A request of n bytes takes about 12 cycles for each byte, and the
    latency of the bus for each word; the line takes at least 40 for a byte::

        rx ──► FrameReceiver ──► header, data ──► word ──┬──► m_axi
                                                         ├──► m_axil
        tx ◄── FrameTransmitter ◄── data, status ◄───────┴──── information

    Parameters
    ----------
    divisor : int
        Clock cycles in a bit of the line, at least 4.
    data_bits, addr_bits, id_bits : int
        Of the memory's bus; ``data_bits`` is at least 32.
    information : tuple of int
        The first five words of `Space.INFORMATION`.
    reach_bits : int
        Bits of an address in memory that the host can give; those above are 0.

    Members
    -------
    rx : In(1)
        The line from the host, asynchronous, high when idle.
    tx : Out(1)
        The line to the host, from a register, high when idle.
    irq : In(1)
        The accelerator's interrupt, reported in each response's status.
    busy : Out(1)
        A request is in progress, or a response is being sent.
    m_axi : Out(Axi4(data_bits, addr_bits, id_bits))
        Memory: bursts of one beat, one at a time, with identifier 0.
    m_axil : Out(AxiLite(addr_bits=REGISTER_ADDRESS_BITS))
        The registers of the accelerator, one access at a time.
    """

    def __init__(
        self,
        divisor: int,
        data_bits: int,
        addr_bits: int,
        id_bits: int,
        information: tuple[int, ...],
        reach_bits: int = 32,
    ):
        self.divisor = divisor
        self.information = information
        self.reach_bits = reach_bits
        super().__init__({
            "rx": In(1),
            "tx": Out(1),
            "irq": In(1),
            "busy": Out(1),
            "m_axi": Out(Axi4(data_bits=data_bits, addr_bits=addr_bits, id_bits=id_bits)),
            "m_axil": Out(AxiLite(addr_bits=REGISTER_ADDRESS_BITS)),
        })

    def elaborate(self, platform):
        m = Module()
        receiver = place(m, "receiver", FrameReceiver(self.divisor), platform)
        transmitter = place(m, "transmitter", FrameTransmitter(self.divisor), platform)
        m.d.comb += receiver.rx.eq(self.rx)
        m.d.comb += self.tx.eq(transmitter.tx)
        m.d.comb += self.busy.eq(receiver.frame | transmitter.busy)
        it = Request(self.reach_bits)
        self._accesses(m, it)
        m.d.comb += receiver.row.eq(it.row)
        m.d.comb += it.distance.eq(it.sequence - it.expected)
        m.d.sync += it.settled.eq(Cat(1, it.settled))
        wanted = HEADER_BYTES + Mux(it.write, it.count, 0)
        m.d.sync += it.legal.eq((receiver.length == wanted) & (it.count != 0) & (it.count <= MAX_BYTES))
        with m.FSM():
            self._judge(m, it, receiver)
            self._write(m, it, receiver)
            self._answer(m, it, receiver, transmitter)
        return m

    def _judge(self, m: Module, it: Request, receiver: FrameReceiver):
        """Take a frame's header, and decide whether it is executed, repeated or refused."""
        with m.State("Idle"):
            m.d.sync += [
                it.row.eq(0),
                it.settled.eq(0),
                it.strobes.eq(0),
                it.status.eq(Status.OKAY),
            ]
            with m.If(receiver.frame & ~receiver.good):
                m.d.sync += it.status.eq(Status.GARBLED)
                m.d.sync += it.count.eq(0)
                m.next = "Sequence"
            with m.Elif(receiver.frame):
                m.next = "Header"
        with m.State("Header"), m.If(it.settled.all()):
            m.d.sync += it.step_row()
            with m.Switch(it.row):
                for number, low in enumerate(range(0, len(it.header), 8)):
                    with m.Case(number):
                        m.d.sync += it.header[low : low + 8].eq(receiver.data)
            with m.If(it.row == HEADER_BYTES - 1):
                m.next = "Check"
        with m.State("Check"):  # `legal` follows
            with m.If(it.operation & SYNCHRONIZE):
                m.d.sync += it.expected.eq(it.sequence)
            m.next = "Judge"
        with m.State("Judge"):
            m.next = "Sequence"
            with m.If(~it.legal):
                m.d.sync += it.status.eq(Status.REFUSED)
                m.d.sync += it.count.eq(0)
            with m.Elif(it.distance == 0):
                m.d.sync += it.expected.eq(it.expected + 1)
                with m.If(it.write):
                    m.next = "Take"
            with m.Elif(it.distance[4:].all()), m.If(it.write):
                m.d.sync += it.status.eq(it.write_status)
                m.d.sync += it.count.eq(0)
            with m.Else():
                m.d.sync += it.status.eq(Status.OUT_OF_ORDER)
                m.d.sync += it.count.eq(0)

    def _write(self, m: Module, it: Request, receiver: FrameReceiver):
        """Write the bytes of a write request, word by word."""
        with m.State("Take"), m.If(it.settled.all()):
            m.d.sync += it.word.word_select(it.lane, 8).eq(receiver.data)
            m.d.sync += it.strobes.bit_select(it.lane, 1).eq(1)
            m.d.sync += [
                *it.step_row(),
                it.count.eq(it.count - 1),
            ]
            with m.If(it.lane.all() | (it.count == 1)):
                m.next = "Put"
            with m.Else():
                m.d.sync += it.address.eq(it.address + 1)
        with m.State("Put"):
            m.d.comb += it.access.eq(1)
            with m.If(it.done):
                m.d.sync += it.strobes.eq(0)
                m.d.sync += it.address.eq(it.address + 1)
                with m.If(it.failed):
                    m.d.sync += it.status.eq(Status.BUS_ERROR)
                m.next = "Take"
                with m.If(it.count == 0):
                    m.next = "Wrote"
        with m.State("Wrote"):
            m.d.sync += it.write_status.eq(it.status)
            m.next = "Sequence"

    def _answer(self, m: Module, it: Request, receiver: FrameReceiver, transmitter: FrameTransmitter):
        """Send the response: sequence numbers, data that was read, the status."""
        transmit = transmitter.i
        with m.State("Sequence"):
            m.d.comb += transmit.valid.eq(1)
            m.d.comb += transmit.payload.eq(it.sequence)
            with m.If(transmit.ready):
                m.next = "Expected"
        with m.State("Expected"):
            m.d.comb += transmit.valid.eq(1)
            m.d.comb += transmit.payload.eq(it.expected)
            with m.If(transmit.ready):
                m.next = "Fetch"
                with m.If(it.count == 0):
                    m.next = "Status"
        with m.State("Fetch"):
            m.d.comb += it.access.eq(1)
            with m.If(it.done):
                m.d.sync += it.word.eq(it.fetched)
                with m.If(it.failed):
                    m.d.sync += it.status.eq(Status.BUS_ERROR)
                m.next = "Give"
        with m.State("Give"):
            m.d.comb += transmit.valid.eq(1)
            m.d.comb += transmit.payload.eq(it.word.word_select(it.lane, 8))
            with m.If(transmit.ready):
                m.d.sync += it.address.eq(it.address + 1)
                m.d.sync += it.count.eq(it.count - 1)
                with m.If(it.count == 1):
                    m.next = "Status"
                with m.Elif(it.lane.all()):
                    m.next = "Fetch"
        with m.State("Status"):
            m.d.comb += transmit.valid.eq(1)
            m.d.comb += transmit.payload.eq(Cat(it.status, Const(0, 4), self.irq))
            m.d.comb += transmitter.last.eq(1)
            with m.If(transmit.ready):
                m.d.comb += receiver.release.eq(1)
                m.next = "Idle"

    def _accesses(self, m: Module, it: Request):
        """One access for each time that `access` rises: to memory, to a register, or to the information."""
        access, write, address, word, strobes = it.access, it.write, it.address, it.word, it.strobes
        done, failed, fetched = it.done, it.failed, it.fetched
        space = it.operation[SPACE_LOW:][:2]
        axi, lite = self.m_axi, self.m_axil
        in_memory, in_registers = space == Space.MEMORY, space == Space.REGISTERS

        # Each channel's offer ends with its acceptance; the access with the response.
        asked = Signal()
        given = Signal()
        read_asked = (axi.arvalid & axi.arready) | (lite.arvalid & lite.arready)
        write_asked = (axi.awvalid & axi.awready) | (lite.awvalid & lite.awready)
        with m.If(read_asked | write_asked):
            m.d.sync += asked.eq(1)
        with m.If((axi.wvalid & axi.wready) | (lite.wvalid & lite.wready)):
            m.d.sync += given.eq(1)
        with m.If(done):
            m.d.sync += asked.eq(0)
            m.d.sync += given.eq(0)

        memory, registers = access & in_memory, access & in_registers
        size = (len(axi.wdata) // 8).bit_length() - 1
        wide = address[size:] << size
        m.d.comb += [
            axi.arvalid.eq(memory & ~write & ~asked),
            axi.araddr.eq(wide),
            axi.arsize.eq(size),
            axi.arburst.eq(Burst.INCR),
            axi.rready.eq(1),
            axi.arcache.eq(0b0011),
            axi.awvalid.eq(memory & write & ~asked),
            axi.awaddr.eq(wide),
            axi.awsize.eq(size),
            axi.awburst.eq(Burst.INCR),
            axi.bready.eq(1),
            axi.awcache.eq(0b0011),
            axi.wvalid.eq(memory & write & ~given),
            axi.wlast.eq(1),
            axi.wdata.eq(word.replicate(len(axi.wdata) // WORD_BITS)),
            axi.wstrb.eq(strobes << Cat(Const(0, 2), address[2:size])),
            lite.arvalid.eq(registers & ~write & ~asked),
            lite.araddr.eq(address[2:] << 2),
            lite.rready.eq(1),
            lite.awvalid.eq(registers & write & ~asked),
            lite.awaddr.eq(address[2:] << 2),
            lite.bready.eq(1),
            lite.wvalid.eq(registers & write & ~given),
            lite.wdata.eq(word),
            lite.wstrb.eq(strobes),
        ]

        cycles = Signal(WORD_BITS)
        m.d.sync += cycles.eq(cycles + 1)
        with m.If(in_memory):
            m.d.comb += done.eq(access & (axi.rvalid | axi.bvalid))
            m.d.comb += failed.eq(Mux(axi.bvalid, axi.bresp[1], axi.rresp[1]))
            m.d.comb += fetched.eq(axi.rdata.word_select(address[2:size], WORD_BITS) if size > 2 else axi.rdata)
        with m.Elif(in_registers):
            m.d.comb += done.eq(access & (lite.rvalid | lite.bvalid))
            m.d.comb += fetched.eq(lite.rdata)
            m.d.comb += failed.eq(Mux(lite.bvalid, lite.bresp[1], lite.rresp[1]))
        with m.Else():
            m.d.comb += done.eq(access)
            m.d.comb += failed.eq(write)
            with m.Switch(address[2:5]):
                for number, value in enumerate(self.information):
                    with m.Case(number):
                        m.d.comb += fetched.eq(value)
                with m.Case(INFORMATION_WORDS - 1):
                    m.d.comb += fetched.eq(cycles)
