"""Rows of bits: the one component that memories of a generated core are made of."""

from amaranth.hdl import Module
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent

__all__ = ["TwoPortRam"]


class TwoPortRam(SharedComponent):
    """Store rows of bits; one side writes, the other reads, on the same clock.

    Each size is a Verilog module of its own, with nothing but the memory in it: ``ram_512x64`` has 512 rows of 64 bits.
    On an ASIC a wrapper of a macro takes its place. A macro must keep these rules:

    - A row is written at the end of a cycle in which `write` is 1; the next cycle can read it.
    - Reading takes one cycle: after a cycle in which `read` is 1, `read_data` is the row, and it stays until the next
      read.
    - If a row is written and read in the same cycle, it is written, and `read_data` is undefined.
    - Rows are undefined until they are written. There is no reset.

    With ``latency = 0`` reading is asynchronous, and the module is called ``async_ram_16x44``: `read_data` is row
    `read_row` in the same cycle, and in the cycle in which it is written its old value.

    Parameters
    ----------
    bits : int
        Bits of a row, at least 1.
    rows : int
        At least 1.
    latency : int
        Of reading, 0 or 1 cycles.

    Members
    -------
    write : In(1)
        Store `write_data` in row `write_row`.
    write_row : In(range(rows))
        Row to write, sampled with `write`.
    write_data : In(bits)
        The row's new value, sampled with `write`.
    read : In(1)
        Read row `read_row` at the end of this cycle. Only where ``latency`` is 1.
    read_row : In(range(rows))
        Row to read, sampled with `read`; with ``latency = 0`` the row on `read_data`.
    read_data : Out(bits)
        The row read last; undefined before the first read.
    """

    def __init__(self, bits: int, rows: int, latency: int = 1):
        self.bits = bits
        self.rows = rows
        self.latency = latency
        super().__init__({
            "write": In(1),
            "write_row": In(range(rows)),
            "write_data": In(bits),
            **({"read": In(1)} if latency else {}),
            "read_row": In(range(rows)),
            "read_data": Out(bits),
        })

    @property
    def module_name(self) -> str:
        """The name of its module tells the size."""
        return f"{'ram' if self.latency else 'async_ram'}_{self.rows}x{self.bits}"

    def elaborate(self, platform):
        m = Module()
        # Without the attribute synthesis for FPGAs adds logic for the case that is undefined here.
        attributes = {"no_rw_check": 1} if self.latency else {}
        m.submodules.cells = memory = Memory(shape=self.bits, depth=self.rows, init=[], attrs=attributes)
        write = memory.write_port()
        read = memory.read_port(domain="sync" if self.latency else "comb")
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_row),
            write.data.eq(self.write_data),
            read.addr.eq(self.read_row),
            self.read_data.eq(read.data),
        ]
        if self.latency:
            m.d.comb += read.en.eq(self.read)
        return m
