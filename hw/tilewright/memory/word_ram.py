"""Small on-chip memory behind AXI4 for bursts of one beat, one access at a time."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In

from tilewright.base import SharedComponent, place
from tilewright.bus import Axi4, Response

from .block_ram import SinglePortRam

__all__ = ["WordRam"]


class WordRam(SharedComponent):
    """Serve AXI4 from a single-port on-chip memory, one word at a time.

    Like `BlockRam`, for bursts of one beat; their length is ignored. A read in cycle t is answered in t + 1;
    a write's data are taken after its address, and answered a cycle later. Reads and writes alternate. A word outside
    the memory answers DECERR; a read then returns undefined data, a write does nothing. Addresses start at 0.

    Parameters
    ----------
    data_bits, addr_bits, id_bits : int
        Of the bus.
    size_bytes : int
        Of the memory, a power of two; at least a row of the RAM it is made of.

    Members
    -------
    s_axi : In(Axi4(data_bits, addr_bits, id_bits))
        The bus. One access is accepted at a time; write data are accepted only after their address.
    """

    def __init__(self, data_bits: int, addr_bits: int, id_bits: int, size_bytes: int):
        self.size_bytes = size_bytes
        self.rows = size_bytes * 8 // data_bits
        super().__init__({"s_axi": In(Axi4(data_bits=data_bits, addr_bits=addr_bits, id_bits=id_bits))})

    def elaborate(self, platform):
        m = Module()
        axi = self.s_axi
        bits = len(axi.rdata)
        low = (bits // 8).bit_length() - 1
        high = self.size_bytes.bit_length() - 1
        ram = place(m, "ram", SinglePortRam(bits, self.rows), platform)
        row = Signal(range(self.rows), reset_less=True)  # of a write
        bad = Signal(reset_less=True)
        identifier = Signal(len(axi.rid), reset_less=True)
        has_read = Signal()  # last
        response = Mux(bad, Response.DECERR, Response.OKAY)
        m.d.comb += [
            ram.row.eq(row),
            ram.data.eq(axi.wdata),
            ram.strobes.eq(axi.wstrb),
            axi.rdata.eq(ram.q),
            axi.rlast.eq(1),
            axi.rid.eq(identifier),
            axi.bid.eq(identifier),
            axi.rresp.eq(response),
            axi.bresp.eq(response),
        ]
        with m.FSM():
            with m.State("Idle"):
                reads = Signal()
                m.d.comb += reads.eq(axi.arvalid & ~(axi.awvalid & has_read))
                m.d.comb += axi.arready.eq(reads)
                m.d.comb += axi.awready.eq(~reads)
                m.d.comb += ram.row.eq(axi.araddr[low:])
                m.d.comb += ram.access.eq(reads)
                address = Mux(reads, axi.araddr, axi.awaddr)
                m.d.sync += identifier.eq(Mux(reads, axi.arid, axi.awid))
                m.d.sync += bad.eq(address[high:].any())
                m.d.sync += row.eq(axi.awaddr[low:])
                m.d.sync += has_read.eq(reads)
                with m.If(reads):
                    m.next = "Read"
                with m.Elif(axi.awvalid):
                    m.next = "Write"
            with m.State("Read"):
                m.d.comb += axi.rvalid.eq(1)
                with m.If(axi.rready):
                    m.next = "Idle"
            with m.State("Write"):
                m.d.comb += axi.wready.eq(1)
                m.d.comb += ram.access.eq(axi.wvalid & ~bad)
                m.d.comb += ram.write.eq(1)
                with m.If(axi.wvalid):
                    m.next = "Written"
            with m.State("Written"):
                m.d.comb += axi.bvalid.eq(1)
                with m.If(axi.bready):
                    m.next = "Idle"
        return m
