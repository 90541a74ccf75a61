"""The AXI4-Lite side of a register file: one read and one write at a time."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent
from tilewright.bus import AxiLite, Response

__all__ = ["RegisterPort"]


class RegisterPort(SharedComponent):
    """Turn AXI4-Lite accesses into single words that are read and written.

    Reads and writes do not wait for each other. A write's address and data come in any order; the two least bits of
    an address are ignored. A response stays until it is taken, and the next access of its kind waits for that::

        AW ──►│word│──► write ──┬──► (registers)      AR ──►│word│──► read ──► (registers)
        W ───►│data│──► write ──┘     write_error ──►│B       read_data, read_error ──►│R

    The later of address and data in cycle t gives `write` in t + 2 and the response in t + 4. An address in cycle t
    gives `read` from t + 1 on; `read_done` in cycle u gives the response in u + 1.

    Parameters
    ----------
    addr_bits : int
        Width of a byte address.

    Members
    -------
    s_axil : In(AxiLite)
        The bus. One read and one write may be under way.
    write : Out(1)
        In this cycle, write `write_data` to the register `write_word`. The three that follow are valid in the cycle
        before, too.
    write_word : Out(addr_bits - 2)
        The byte address divided by 4.
    write_data : Out(32)
        The value to write; bytes without a strobe are undefined, see `write_whole`.
    write_whole : Out(1)
        All four byte strobes are 1.
    write_error : In(1)
        During `write`: nothing is written; the answer is SLVERR.
    read : Out(1)
        `read_word` is to be read, until `read_done`.
    read_word : Out(addr_bits - 2)
        The byte address divided by 4; stable while `read`.
    read_done : In(1)
        During `read`: `read_data` and `read_error` hold in this cycle.
    read_data : In(32)
        The value that was read, sampled with `read_done`.
    read_error : In(1)
        The answer is SLVERR; sampled with `read_done`.
    """

    def __init__(self, addr_bits: int):
        super().__init__({
            "s_axil": In(AxiLite(addr_bits=addr_bits)),
            "write": Out(1),
            "write_word": Out(addr_bits - 2),
            "write_data": Out(32),
            "write_whole": Out(1),
            "write_error": In(1),
            "read": Out(1),
            "read_word": Out(addr_bits - 2),
            "read_done": In(1),
            "read_data": In(32),
            "read_error": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        axi = self.s_axil

        addressed = Signal()
        given = Signal()
        m.d.comb += axi.awready.eq(~addressed)
        m.d.comb += axi.wready.eq(~given)
        with m.If(axi.awready):
            m.d.sync += addressed.eq(axi.awvalid)
            m.d.sync += self.write_word.eq(axi.awaddr[2:])
        with m.If(axi.wready):
            m.d.sync += given.eq(axi.wvalid)
            m.d.sync += self.write_data.eq(axi.wdata)
            m.d.sync += self.write_whole.eq(axi.wstrb.all())
        m.d.sync += self.write.eq(addressed & given & ~axi.bvalid & ~self.write)
        written = Signal()
        m.d.sync += written.eq(self.write)
        with m.If(written):
            m.d.sync += axi.bvalid.eq(1)
        with m.Elif(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(self.write):
            m.d.sync += addressed.eq(0)
            m.d.sync += given.eq(0)
            m.d.sync += axi.bresp.eq(Mux(self.write_error, Response.SLVERR, Response.OKAY))

        m.d.comb += axi.arready.eq(~self.read & ~axi.rvalid)
        with m.If(axi.arready):
            m.d.sync += self.read.eq(axi.arvalid)
            m.d.sync += self.read_word.eq(axi.araddr[2:])
        with m.If(axi.rready):
            m.d.sync += axi.rvalid.eq(0)
        with m.If(self.read & self.read_done):
            m.d.sync += self.read.eq(0)
            m.d.sync += axi.rvalid.eq(1)
            m.d.sync += axi.rdata.eq(self.read_data)
            m.d.sync += axi.rresp.eq(Mux(self.read_error, Response.SLVERR, Response.OKAY))
        return m
