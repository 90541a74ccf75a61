"""Shares one AXI4 memory between two managers."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

from .axi import Axi4

__all__ = ["Arbiter"]

_REQUEST = ("id", "addr", "len", "size", "burst", "lock", "cache", "prot", "qos")


class Arbiter(SharedComponent):
    """Connect two AXI4 managers to one subordinate.

    Everything is combinational but the decisions. Manager 1 has priority: it must request rarely. Bit
    ``id_bits`` of an identifier on the memory's side is the manager's number, by which responses find their way, so
    reads of both may overlap. Bursts are written by one manager at a time: the other's addresses wait
    until all data of the first has gone. No data goes before its address.

    Parameters
    ----------
    data_bits, addr_bits, id_bits : int
        Of the managers' buses.

    Members
    -------
    s_axi_0, s_axi_1 : In(Axi4(data_bits, addr_bits, id_bits))
        The two managers. An address that is offered must stay until it is accepted.
    m_axi : Out(Axi4(data_bits, addr_bits, id_bits + 1))
        The memory. The highest bit of an identifier is the number of the manager.
    """

    def __init__(self, data_bits: int, addr_bits: int, id_bits: int):
        self.id_bits = id_bits
        manager = Axi4(data_bits=data_bits, addr_bits=addr_bits, id_bits=id_bits)
        super().__init__({
            "s_axi_0": In(manager),
            "s_axi_1": In(manager),
            "m_axi": Out(Axi4(data_bits=data_bits, addr_bits=addr_bits, id_bits=id_bits + 1)),
        })

    def elaborate(self, platform):
        m = Module()
        memory, managers = self.m_axi, (self.s_axi_0, self.s_axi_1)

        # Reads: an address that is offered stays; the responses carry their way in their identifier.
        reader = self._chooser(m, "read", memory.arvalid & ~memory.arready, managers[1].arvalid)
        self._address(m, "ar", reader, 1)
        for number, manager in enumerate(managers):
            mine = memory.rid[self.id_bits] == number
            m.d.comb += manager.rvalid.eq(memory.rvalid & mine)
            m.d.comb += manager.rid.eq(memory.rid)
            m.d.comb += [getattr(manager, name).eq(getattr(memory, name)) for name in ("rdata", "rresp", "rlast")]
            mine = memory.bid[self.id_bits] == number
            m.d.comb += manager.bvalid.eq(memory.bvalid & mine)
            m.d.comb += manager.bid.eq(memory.bid)
            m.d.comb += manager.bresp.eq(memory.bresp)
        m.d.comb += [
            memory.rready.eq(Mux(memory.rid[self.id_bits], managers[1].rready, managers[0].rready)),
            memory.bready.eq(Mux(memory.bid[self.id_bits], managers[1].bready, managers[0].bready)),
        ]

        # Writes: `due` bursts of the writer's are without their last data.
        due = Signal(7)
        busy = due != 0
        started = memory.awvalid & memory.awready
        ended = memory.wvalid & memory.wready & memory.wlast
        held = Signal()
        m.d.sync += held.eq(memory.awvalid & ~memory.awready)
        writer = self._chooser(m, "write", (memory.awvalid & ~memory.awready) | (due > 1) | (busy & ~ended) | started,
                               managers[1].awvalid)  # fmt: skip
        m.d.sync += due.eq(due + started - ended)
        # With the other waiting, no further burst is begun; one that is offered already is.
        waiting = Mux(writer, managers[0].awvalid, managers[1].awvalid) & busy
        self._address(m, "aw", writer, held | ~(waiting | due.all()))
        for name in ("wdata", "wstrb", "wlast"):
            m.d.comb += getattr(memory, name).eq(Mux(writer, *(getattr(manager, name) for manager in managers[::-1])))
        m.d.comb += memory.wvalid.eq(Mux(writer, managers[1].wvalid, managers[0].wvalid) & busy)
        for number, manager in enumerate(managers):
            m.d.comb += manager.wready.eq(memory.wready & busy & (writer == number))
        return m

    def _chooser(self, m: Module, name: str, keep, second) -> Signal:
        """The owner of the grant: the second manager whenever it requests and the grant may change."""
        owner = Signal(name=f"{name}_owner")
        with m.If(~keep):
            m.d.sync += owner.eq(second)
        return owner

    def _address(self, m: Module, channel: str, owner: Signal, allowed) -> None:
        """Pass on the owner's address."""
        memory, managers = self.m_axi, (self.s_axi_0, self.s_axi_1)
        for name in _REQUEST:
            first, second = (getattr(manager, channel + name) for manager in managers)
            if name == "id":
                first, second = (Cat(value, number) for number, value in enumerate((first, second)))
            m.d.comb += getattr(memory, channel + name).eq(Mux(owner, second, first))
        valids = [getattr(manager, f"{channel}valid") for manager in managers]
        m.d.comb += getattr(memory, f"{channel}valid").eq(Mux(owner, valids[1], valids[0]) & allowed)
        for number, manager in enumerate(managers):
            ready = getattr(memory, f"{channel}ready") & (owner == number) & allowed
            m.d.comb += getattr(manager, f"{channel}ready").eq(ready)
