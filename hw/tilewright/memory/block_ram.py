"""On-chip memory behind AXI4: block RAM, or the single-port RAM of an iCE40 UltraPlus."""

from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value, unsigned
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target, place
from tilewright.bus import Axi4, Response
from tilewright.storage import SmallFifo

__all__ = ["BlockRam", "SinglePortRam"]

QUEUE = 8
"""Most beats that are being read or wait to be taken."""
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
        With `access`: write, otherwise read.
    row : In(range(rows))
        Row to read or write, sampled with `access`.
    data : In(unsigned(bits))
        The row's new value, sampled with `access` and `write`.
    strobes : In(unsigned(bits // 8))
        Which bytes of `data` are written.
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
        write = memory.write_port(granularity=8)
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.row),
            write.data.eq(self.data),
            write.en.eq(Mux(self.access & self.write, self.strobes, 0)),
            read.addr.eq(self.row),
            read.en.eq(self.access & ~self.write),
            self.q.eq(read.data),
        ]
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
    """Serve AXI4 from a single-port on-chip memory.

    Bursts are INCR, of whole words at multiples of a word, within 4 KiB. A cycle moves a beat read or a beat written;
    while bursts of both are in progress they alternate. Latency is 5 cycles from an address to its first beat, and 1
    cycle passes between bursts. A burst outside the memory answers DECERR; a read then returns undefined data, and a
    write does nothing. Addresses start at 0::

        AR ──►│row, left│──┐                                             ┌─────┐
                           ├─►│command│──► SinglePortRam ──►│word│──►────┤queue├──► R
        AW, W ──►│row│─────┘                                             └─────┘

    Nothing between a request and the queue waits: a beat is read when the queue has space for it.

    Parameters
    ----------
    data_bits, addr_bits, id_bits : int
        Of the bus.
    size_bytes : int
        A power of two, at least 4096.

    Members
    -------
    s_axi : In(Axi4(data_bits, addr_bits, id_bits))
        The bus. One burst of each direction is accepted at a time; write data are accepted only after their address.
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

        # Registers alone decide which direction a cycle serves: the path to the memory's blocks is long.
        grant_write = Signal()
        m.d.sync += grant_write.eq(~grant_write)
        read_row = Signal(range(self.rows), reset_less=True)
        read_remaining = Signal(8, reset_less=True)
        read_about = Signal(len(axi.rid) + 1, reset_less=True)
        reading = Signal()
        writing = Signal()
        room = Signal(init=1)
        wants_read = Signal()
        read = Signal()
        m.d.comb += wants_read.eq(reading & room)
        m.d.comb += read.eq(wants_read & ~(writing & grant_write))
        m.d.comb += axi.arready.eq(~reading)
        with m.If(axi.arready):
            m.d.sync += reading.eq(axi.arvalid)
            m.d.sync += read_row.eq(axi.araddr[low:])
            m.d.sync += read_remaining.eq(axi.arlen)
            m.d.sync += read_about.eq(Cat(axi.araddr[high:].any(), axi.arid))
        with m.If(read):
            m.d.sync += read_row.eq(read_row + 1)
            m.d.sync += read_remaining.eq(read_remaining - 1)
            m.d.sync += reading.eq(read_remaining != 0)

        write_row = Signal(range(self.rows), reset_less=True)
        write_bad = Signal(reset_less=True)
        write = Signal()
        m.d.comb += axi.awready.eq(~writing & ~axi.bvalid)
        m.d.comb += axi.wready.eq(writing & (~wants_read | grant_write))
        m.d.comb += write.eq(axi.wvalid & axi.wready)
        with m.If(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(axi.awready):
            m.d.sync += writing.eq(axi.awvalid)
            m.d.sync += write_row.eq(axi.awaddr[low:])
            m.d.sync += axi.bid.eq(axi.awid)
            m.d.sync += write_bad.eq(axi.awaddr[high:].any())
        with m.If(write):
            m.d.sync += write_row.eq(write_row + 1)
            with m.If(axi.wlast):
                m.d.sync += writing.eq(0)
                m.d.sync += axi.bvalid.eq(1)
                m.d.sync += axi.bresp.eq(Mux(write_bad, Response.DECERR, 0))

        m.d.sync += [
            ram.access.eq(read | write),
            ram.write.eq(write & ~write_bad),
            ram.row.eq(Mux(read, read_row, write_row)),
            ram.data.eq(axi.wdata),
            ram.strobes.eq(axi.wstrb),
        ]

        self._answer_reads(m, ram, read, Cat(read_about, read_remaining == 0), room, platform)
        return m

    def _answer_reads(self, m: Module, ram: SinglePortRam, read: Signal, about: Value, room: Signal, platform):
        """Queue the beats that are read, each with ``about``: whether it is bad, its identifier, whether it is last."""
        axi = self.s_axi
        bits = len(axi.rdata)
        # A beat read is in the command's register, then in the memory's, then in the word's, then in the queue.
        queue = place(m, "queue", SmallFifo(unsigned(bits + len(about)), QUEUE), platform)
        stages: list[tuple[Value, Value]] = [(read, about)]
        for number in range(3):
            valid, about = stages[-1]
            next_valid, next_about = Signal(name=f"valid_{number}"), Signal(len(about), name=f"about_{number}")
            m.d.sync += next_valid.eq(valid)
            m.d.sync += next_about.eq(about)
            stages.append((next_valid, next_about))
        word = Signal(bits, reset_less=True)
        m.d.sync += word.eq(ram.q)
        valid, about = stages[-1]
        m.d.comb += queue.i.valid.eq(valid)
        m.d.comb += queue.i.payload.eq(Cat(word, about))
        bad = Signal()
        m.d.comb += Cat(axi.rdata, bad, axi.rid, axi.rlast).eq(queue.o.payload)
        m.d.comb += axi.rvalid.eq(queue.o.valid)
        m.d.comb += queue.o.ready.eq(axi.rready)
        m.d.comb += axi.rresp.eq(Mux(bad, Response.DECERR, Response.OKAY))
        taken = axi.rvalid & axi.rready
        held = Signal(range(QUEUE + 1))  # slots of the queue that are taken or reserved
        m.d.sync += held.eq(held + read - taken)
        with m.If(read != taken):
            m.d.sync += room.eq(taken | (held != QUEUE - 1))
