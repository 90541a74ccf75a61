"""A block memory with its output register, one side written and the other read."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, Target, place

from .two_port_ram import TwoPortRam

__all__ = ["BlockMemory"]

# A block of an ECP5, as wide as it gets: bits and rows.
PDPW16KD_BITS = 36
PDPW16KD_ROWS = 512


class BlockMemory(SharedComponent):
    """Store rows, and read them through two registers, each with its own enable.

    A row read with `fetch` in cycle t can be moved to `q` with `take` from cycle t + 1 on. Reading a row
    in the cycle it is written returns undefined data. Nothing is reset.

    On ECP5, 17 to 512 rows (`shallow`: 2 to 512) are PDPW16KD blocks that use their own output registers: what follows
    `q` starts 1 ns after the clock instead of 5.8. Elsewhere memory and registers are inferred.

    Parameters
    ----------
    bits : int
    rows : int
        A power of two, at least 2.
    registered : bool
        Otherwise there is no second register: `q` is the row fetched last, and `take` does nothing.
    shallow : bool
        Use blocks for 16 rows and less, too: a wide row would take more LUTs as their memory.

    Members
    -------
    write : In(1)
        Store `data` in row `write_row`.
    write_row : In(range(rows))
        Row to write, sampled with `write`.
    data : In(unsigned(bits))
        The row's new value, sampled with `write`.
    fetch : In(1)
        Read row `read_row` at the end of this cycle.
    read_row : In(range(rows))
        Row to read, sampled with `fetch`.
    take : In(1)
        Move the row fetched last to `q`, at the end of this cycle.
    q : Out(unsigned(bits))
        The row taken last; undefined before the first.
    """

    def __init__(self, bits: int, rows: int, registered: bool = True, shallow: bool = False):
        if rows < 2 or rows & rows - 1:
            raise ValueError(f"rows = {rows} must be a power of two, at least 2")
        self.bits = bits
        self.rows = rows
        self.registered = registered
        self.shallow = shallow
        super().__init__({
            "write": In(1),
            "write_row": In(range(rows)),
            "data": In(unsigned(bits)),
            "fetch": In(1),
            "read_row": In(range(rows)),
            "take": In(1),
            "q": Out(unsigned(bits)),
        })

    def elaborate(self, platform):
        m = Module()
        ecp5 = isinstance(platform, Target) and platform.family == "ecp5"
        if ecp5 and self.registered and (self.rows > 16 or self.shallow) and self.rows <= PDPW16KD_ROWS:
            for low in range(0, self.bits, PDPW16KD_BITS):
                self._place_block(m, low)
            return m
        ram = place(m, "ram", TwoPortRam(self.bits, self.rows), platform)
        m.d.comb += ram.write.eq(self.write)
        m.d.comb += ram.write_row.eq(self.write_row)
        m.d.comb += ram.write_data.eq(self.data)
        m.d.comb += ram.read.eq(self.fetch)
        m.d.comb += ram.read_row.eq(self.read_row)
        if not self.registered:
            m.d.comb += self.q.eq(ram.read_data)
            return m
        q = Signal(self.bits, reset_less=True)
        with m.If(self.take):
            m.d.sync += q.eq(ram.read_data)
        m.d.comb += self.q.eq(q)
        return m

    def _place_block(self, m: Module, low: int):
        """The block of bits ``low`` and up."""
        bits = min(PDPW16KD_BITS, self.bits - low)
        q = Signal(PDPW16KD_BITS, name=f"q_{low}")
        m.d.comb += self.q[low : low + bits].eq(q)
        data = Cat(self.data[low : low + bits], Const(0, PDPW16KD_BITS - bits))
        write_row = Cat(self.write_row, Const(0, 9 - len(self.write_row)))
        read_row = Cat(Const(0, 5), self.read_row, Const(0, 9 - len(self.read_row)))
        ports = {f"i_DI{n}": data[n] for n in range(PDPW16KD_BITS)}
        ports |= {f"o_DO{n}": q[n] for n in range(PDPW16KD_BITS)}
        ports |= {f"i_ADW{n}": write_row[n] for n in range(9)} | {f"i_ADR{n}": read_row[n] for n in range(14)}
        ports |= {f"i_BE{n}": Const(1, 1) for n in range(4)}
        ports |= {f"i_CS{side}{n}": Const(0, 1) for side in "WR" for n in range(3)}
        m.submodules[f"bits_{low}"] = Instance(
            "PDPW16KD",
            p_DATA_WIDTH_W=PDPW16KD_BITS, p_DATA_WIDTH_R=PDPW16KD_BITS, p_REGMODE="OUTREG", p_GSR="DISABLED",
            i_CLKW=ClockSignal(), i_CEW=self.write, i_CLKR=ClockSignal(), i_CER=self.fetch, i_OCER=self.take,
            i_RST=Const(0, 1), **ports,
        )  # fmt: skip
