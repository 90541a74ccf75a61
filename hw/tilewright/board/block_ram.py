"""Memory of the chip behind AXI4: block RAM, or the single-port RAM of an iCE40 UltraPlus."""

from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Mux, Signal, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..axi import Axi4, Response
from ..target import SharedComponent, Target, place

__all__ = ["BlockRam", "SinglePortRam"]

SPRAM_ROWS = 1 << 14
SPRAM_BITS = 16


class SinglePortRam(SharedComponent):
    """Read or write one row in a cycle.

    On an iCE40 it is made of SB_SPRAM256KA; elsewhere it is inferred.

    Parameters
    ----------
    bits, rows : int
        ``bits`` is a multiple of 16, ``rows`` a power of two.

    Members
    -------
    access : In(1)
        Read row `row`, or write it.
    write : In(1)
    row : In(range(rows))
    data : In(unsigned(bits))
    strobes : In(unsigned(bits // 8))
        Which bytes are written.
    q : Out(unsigned(bits))
        The row read last, from the cycle after that on.
    """

    def __init__(self, bits: int, rows: int):
        self.bits = bits
        self.rows = rows
        super().__init__({
            "access": In(1),
            "write": In(1),
            "row": In(range(rows)),
            "data": In(unsigned(bits)),
            "strobes": In(unsigned(bits // 8)),
            "q": Out(unsigned(bits)),
        })

    def elaborate(self, platform):
        m = Module()
        if isinstance(platform, Target) and platform.family == "ice40":
            self._place_blocks(m)
            return m
        attributes = {"no_rw_check": 1}
        m.submodules.cells = memory = Memory(shape=self.bits, depth=self.rows, init=[], attrs=attributes)
        write, read = memory.write_port(granularity=8), memory.read_port()
        m.d.comb += [
            write.addr.eq(self.row), write.data.eq(self.data),
            write.en.eq(Mux(self.access & self.write, self.strobes, 0)),
            read.addr.eq(self.row), read.en.eq(self.access & ~self.write), self.q.eq(read.data),
        ]  # fmt: skip
        return m

    def _place_blocks(self, m: Module):
        """Blocks side by side for the bits, and one behind the other for the rows."""
        depth = max(1, self.rows // SPRAM_ROWS)
        place_ = Cat(self.row, Const(0, 14))[:14]
        bank = self.row[14:]
        shown = Signal.like(bank)
        with m.If(self.access & ~self.write):
            m.d.sync += shown.eq(bank)
        outputs = []
        for number in range(depth):
            output = Signal(self.bits, name=f"q_{number}")
            outputs.append(output)
            for low in range(0, self.bits, SPRAM_BITS):
                nibbles = Cat(bit.replicate(2) for bit in self.strobes[low // 8 : low // 8 + 2])
                m.submodules[f"bits_{low}_{number}"] = Instance(
                    "SB_SPRAM256KA",
                    i_CLOCK=ClockSignal(), i_ADDRESS=place_, i_DATAIN=self.data[low : low + SPRAM_BITS],
                    i_MASKWREN=nibbles, i_WREN=self.write, i_CHIPSELECT=self.access & (bank == number),
                    i_STANDBY=Const(0, 1), i_SLEEP=Const(0, 1), i_POWEROFF=Const(1, 1),
                    o_DATAOUT=output[low : low + SPRAM_BITS],
                )  # fmt: skip
        m.d.comb += self.q.eq(Array(outputs)[shown] if depth > 1 else outputs[0])


class BlockRam(SharedComponent):
    """Answer AXI4 with a memory of one port on the chip.

    Bursts are INCR, of whole words at multiples of a word. A cycle moves a beat read or a beat written, taking turns
    if both can; an address is taken when the burst before has been done. Latency is 2 cycles from an address to its
    first beat, 3 with ``registered``, and 1 cycle between bursts. Bursts that leave the memory answer DECERR; reads
    give anything, writes do nothing. Addresses start at 0.

    Parameters
    ----------
    data_bits, addr_bits, id_bits : int
        Of the bus.
    size_bytes : int
        A power of two.
    registered : bool
        Put a register behind the memory, whose outputs come late.

    Members
    -------
    s_axi : In(Axi4(data_bits, addr_bits, id_bits))
    """

    def __init__(self, data_bits: int, addr_bits: int, id_bits: int, size_bytes: int, registered: bool = True):
        self.size_bytes = size_bytes
        self.registered = registered
        self.rows = size_bytes * 8 // data_bits
        super().__init__({"s_axi": In(Axi4(data_bits=data_bits, addr_bits=addr_bits, id_bits=id_bits))})

    def elaborate(self, platform):
        m = Module()
        axi = self.s_axi
        bits = len(axi.rdata)
        low = (bits // 8).bit_length() - 1
        high = self.size_bytes.bit_length() - 1
        ram = place(m, "ram", SinglePortRam(bits, self.rows), platform)

        # What is read goes through `stages`, which move on together.
        read_row = Signal(range(self.rows), reset_less=True)
        read_left = Signal(8, reset_less=True)
        read_bad = Signal(reset_less=True)
        read_id = Signal.like(axi.rid, reset_less=True)
        reading = Signal()
        read = Signal()
        advance = Signal()
        wants_read = Signal()
        m.d.comb += [axi.arready.eq(~reading), advance.eq(~axi.rvalid | axi.rready)]
        with m.If(axi.arready):
            m.d.sync += [reading.eq(axi.arvalid), read_row.eq(axi.araddr[low:]), read_left.eq(axi.arlen)]
            m.d.sync += read_id.eq(axi.arid)
            m.d.sync += read_bad.eq(axi.araddr[high:].any())
        m.d.comb += wants_read.eq(reading & advance)
        with m.If(read):
            m.d.sync += [read_row.eq(read_row + 1), read_left.eq(read_left - 1), reading.eq(read_left != 0)]
        stages = [(read, Cat(read_left == 0, read_bad, read_id))]
        for _ in range(2 if self.registered else 1):
            valid, about = stages[-1]
            next_valid, next_about = Signal(name="stage_valid"), Signal.like(about, name="stage_about", reset_less=True)
            with m.If(advance):
                m.d.sync += [next_valid.eq(valid), next_about.eq(about)]
            stages.append((next_valid, next_about))
        q = ram.q
        if self.registered:
            q = Signal(bits, reset_less=True)
            with m.If(advance):
                m.d.sync += q.eq(ram.q)
        valid, about = stages[-1]
        bad = Signal()
        m.d.comb += [axi.rvalid.eq(valid), axi.rdata.eq(q), Cat(axi.rlast, bad, axi.rid).eq(about)]
        m.d.comb += axi.rresp.eq(Mux(bad, Response.DECERR, Response.OKAY))

        write_row = Signal(range(self.rows), reset_less=True)
        write_bad = Signal(reset_less=True)
        writing = Signal()
        wants_write = Signal()
        write = Signal()
        m.d.comb += axi.awready.eq(~writing & (~axi.bvalid | axi.bready))
        m.d.comb += wants_write.eq(writing & axi.wvalid)
        with m.If(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(axi.awready):
            m.d.sync += [writing.eq(axi.awvalid), write_row.eq(axi.awaddr[low:]), axi.bid.eq(axi.awid)]
            m.d.sync += write_bad.eq(axi.awaddr[high:].any())
        with m.If(write):
            m.d.sync += write_row.eq(write_row + 1)
            with m.If(axi.wlast):
                m.d.sync += [writing.eq(0), axi.bvalid.eq(1), axi.bresp.eq(Mux(write_bad, Response.DECERR, 0))]

        wrote = Signal()
        # A row that was read stays at the memory's output only until the next write.
        m.d.comb += write.eq(wants_write & ~(wants_read & wrote) & (advance | ~stages[1][0]))
        m.d.comb += [read.eq(wants_read & ~write), axi.wready.eq(write)]
        m.d.sync += wrote.eq(write)
        m.d.comb += [
            ram.access.eq(read | write), ram.write.eq(write & ~write_bad), ram.row.eq(Mux(write, write_row, read_row)),
            ram.data.eq(axi.wdata), ram.strobes.eq(axi.wstrb),
        ]  # fmt: skip
        return m
