"""The host link: requests on a serial line become accesses to memory and registers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from ..axi import Axi4, AxiLite, Burst
from ..registers import REGISTER_ADDRESS_BITS
from ..target import SharedComponent, place
from .frames import FrameReceiver, FrameTransmitter
from .link_protocol import HEADER_BYTES, INFORMATION_WORDS, MOST_BYTES, SPACE_LOW, SYNCHRONIZE, WRITE, Space, Status

__all__ = ["HostLink"]

WORD_BITS = 32


class HostLink(SharedComponent):
    """Execute the requests of `tilewright.board.link_protocol`.

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
    tx : Out(1)
    irq : In(1)
        For the status.
    busy : Out(1)
        A request is in work, or a response is being sent.
    m_axi : Out(Axi4(data_bits, addr_bits, id_bits))
        Memory.
    m_axil : Out(AxiLite(addr_bits=REGISTER_ADDRESS_BITS))
        Registers.
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
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        m.d.comb += self.busy.eq(receiver.frame | transmitter.busy)

        operation = Signal(8)
        sequence = Signal(8)
        count = Signal(8)
        address = Signal(self.reach_bits)
        word = Signal(WORD_BITS)
        strobes = Signal(WORD_BITS // 8)
        status = Signal(Status)
        write_status = Signal(Status)  # of the last write
        expected = Signal(8)
        write = operation & WRITE
        done = Signal()  # an access ends, in this cycle
        failed = Signal()
        fetched = Signal(WORD_BITS)
        access = Signal()
        self._accesses(m, operation[SPACE_LOW:][:2], access, write, address, word, strobes, (done, failed, fetched))

        # The byte in `receiver.data` is that of `row` two cycles before: one is read in 3 cycles.
        row = Signal(8)
        settled = Signal(2)
        header = Cat(operation, sequence, count, address)[: 8 * HEADER_BYTES]
        m.d.comb += receiver.row.eq(row)
        m.d.sync += settled.eq(Cat(1, settled))

        def step_row():
            return [row.eq(row + 1), settled.eq(0)]

        distance = Signal(8)
        m.d.comb += distance.eq(sequence - expected)
        legal = Signal()
        wanted = HEADER_BYTES + Mux(write, count, 0)
        m.d.sync += legal.eq((receiver.length == wanted) & (count != 0) & (count <= MOST_BYTES))
        lane = address[:2]
        transmit = transmitter.i
        with m.FSM():
            with m.State("Idle"):
                m.d.sync += [row.eq(0), settled.eq(0), strobes.eq(0), status.eq(Status.OKAY)]
                with m.If(receiver.frame & ~receiver.good):
                    m.d.sync += [status.eq(Status.GARBLED), count.eq(0)]
                    m.next = "Sequence"
                with m.Elif(receiver.frame):
                    m.next = "Header"
            with m.State("Header"), m.If(settled.all()):
                m.d.sync += step_row()
                with m.Switch(row):
                    for number, low in enumerate(range(0, len(header), 8)):
                        with m.Case(number):
                            m.d.sync += header[low : low + 8].eq(receiver.data)
                with m.If(row == HEADER_BYTES - 1):
                    m.next = "Check"
            with m.State("Check"):  # `legal` follows
                with m.If(operation & SYNCHRONIZE):
                    m.d.sync += expected.eq(sequence)
                m.next = "Judge"
            with m.State("Judge"):
                m.next = "Sequence"
                with m.If(~legal):
                    m.d.sync += [status.eq(Status.REFUSED), count.eq(0)]
                with m.Elif(distance == 0):
                    m.d.sync += expected.eq(expected + 1)
                    with m.If(write):
                        m.next = "Take"
                with m.Elif(distance[4:].all()), m.If(write):
                    m.d.sync += [status.eq(write_status), count.eq(0)]
                with m.Else():
                    m.d.sync += [status.eq(Status.OUT_OF_ORDER), count.eq(0)]
            with m.State("Take"), m.If(settled.all()):
                m.d.sync += [word.word_select(lane, 8).eq(receiver.data), strobes.bit_select(lane, 1).eq(1)]
                m.d.sync += [*step_row(), count.eq(count - 1)]
                with m.If(lane.all() | (count == 1)):
                    m.next = "Put"
                with m.Else():
                    m.d.sync += address.eq(address + 1)
            with m.State("Put"):
                m.d.comb += access.eq(1)
                with m.If(done):
                    m.d.sync += [strobes.eq(0), address.eq(address + 1)]
                    with m.If(failed):
                        m.d.sync += status.eq(Status.BUS_ERROR)
                    m.next = "Take"
                    with m.If(count == 0):
                        m.next = "Wrote"
            with m.State("Wrote"):
                m.d.sync += write_status.eq(status)
                m.next = "Sequence"
            with m.State("Sequence"):
                m.d.comb += [transmit.valid.eq(1), transmit.payload.eq(sequence)]
                with m.If(transmit.ready):
                    m.next = "Expected"
            with m.State("Expected"):
                m.d.comb += [transmit.valid.eq(1), transmit.payload.eq(expected)]
                with m.If(transmit.ready):
                    m.next = "Fetch"
                    with m.If(count == 0):
                        m.next = "Status"
            with m.State("Fetch"):
                m.d.comb += access.eq(1)
                with m.If(done):
                    m.d.sync += word.eq(fetched)
                    with m.If(failed):
                        m.d.sync += status.eq(Status.BUS_ERROR)
                    m.next = "Give"
            with m.State("Give"):
                m.d.comb += [transmit.valid.eq(1), transmit.payload.eq(word.word_select(lane, 8))]
                with m.If(transmit.ready):
                    m.d.sync += [address.eq(address + 1), count.eq(count - 1)]
                    with m.If(count == 1):
                        m.next = "Status"
                    with m.Elif(lane.all()):
                        m.next = "Fetch"
            with m.State("Status"):
                m.d.comb += [transmit.valid.eq(1), transmit.payload.eq(Cat(status, Const(0, 4), self.irq))]
                m.d.comb += transmitter.last.eq(1)
                with m.If(transmit.ready):
                    m.d.comb += receiver.release.eq(1)
                    m.next = "Idle"
        return m

    def _accesses(self, m: Module, space, access: Signal, write, address, word, strobes, results):
        """One access for each time that `access` rises: to memory, to a register, or to the information."""
        done, failed, fetched = results
        axi, lite = self.m_axi, self.m_axil
        in_memory, in_registers = space == Space.MEMORY, space == Space.REGISTERS

        # Each channel's offer ends with its acceptance; the access with the response.
        asked, given = Signal(), Signal()
        read_asked = (axi.arvalid & axi.arready) | (lite.arvalid & lite.arready)
        write_asked = (axi.awvalid & axi.awready) | (lite.awvalid & lite.awready)
        with m.If(read_asked | write_asked):
            m.d.sync += asked.eq(1)
        with m.If((axi.wvalid & axi.wready) | (lite.wvalid & lite.wready)):
            m.d.sync += given.eq(1)
        with m.If(done):
            m.d.sync += [asked.eq(0), given.eq(0)]

        memory, registers = access & in_memory, access & in_registers
        size = (len(axi.wdata) // 8).bit_length() - 1
        wide = address[size:] << size
        m.d.comb += [
            axi.arvalid.eq(memory & ~write & ~asked), axi.araddr.eq(wide), axi.arsize.eq(size),
            axi.arburst.eq(Burst.INCR), axi.rready.eq(1), axi.arcache.eq(0b0011),
            axi.awvalid.eq(memory & write & ~asked), axi.awaddr.eq(wide), axi.awsize.eq(size),
            axi.awburst.eq(Burst.INCR), axi.bready.eq(1), axi.awcache.eq(0b0011),
            axi.wvalid.eq(memory & write & ~given), axi.wlast.eq(1),
            axi.wdata.eq(word.replicate(len(axi.wdata) // WORD_BITS)),
            axi.wstrb.eq(strobes << Cat(Const(0, 2), address[2:size])),
            lite.arvalid.eq(registers & ~write & ~asked), lite.araddr.eq(address[2:] << 2), lite.rready.eq(1),
            lite.awvalid.eq(registers & write & ~asked), lite.awaddr.eq(address[2:] << 2), lite.bready.eq(1),
            lite.wvalid.eq(registers & write & ~given), lite.wdata.eq(word), lite.wstrb.eq(strobes),
        ]  # fmt: skip

        cycles = Signal(WORD_BITS)
        m.d.sync += cycles.eq(cycles + 1)
        with m.If(in_memory):
            m.d.comb += done.eq(access & (axi.rvalid | axi.bvalid))
            m.d.comb += failed.eq(Mux(axi.bvalid, axi.bresp[1], axi.rresp[1]))
            m.d.comb += fetched.eq(axi.rdata.word_select(address[2:size], WORD_BITS) if size > 2 else axi.rdata)
        with m.Elif(in_registers):
            m.d.comb += [done.eq(access & (lite.rvalid | lite.bvalid)), fetched.eq(lite.rdata)]
            m.d.comb += failed.eq(Mux(lite.bvalid, lite.bresp[1], lite.rresp[1]))
        with m.Else():
            m.d.comb += [done.eq(access), failed.eq(write)]
            with m.Switch(address[2:5]):
                for number, value in enumerate(self.information):
                    with m.Case(number):
                        m.d.comb += fetched.eq(value)
                with m.Case(INFORMATION_WORDS - 1):
                    m.d.comb += fetched.eq(cycles)
