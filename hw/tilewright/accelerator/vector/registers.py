"""The vector and scalar registers: a memory for each lane and each of two readers."""

from amaranth.hdl import Cat, Module, unsigned
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place
from tilewright.storage import BlockMemory

from .shapes import ENTRIES

__all__ = ["VectorRegisters"]

_BITS = 32


class VectorRegisters(SharedComponent):
    """Hold 512 entries of an element for each lane; read two of them and write one in each cycle.

    An entry read in cycle t is at the output in t + 2; one written in t can be read from t + 1 on::

        write ──┬──► │lane 0│ lane 1│ … │ ──► first
                └──► │lane 0│ lane 1│ … │ ──► second

    Parameters
    ----------
    lanes : int

    Members
    -------
    write : In(lanes)
        The lanes whose part of `data` is stored in the entry `write_entry`.
    write_entry : In(range(ENTRIES))
        The entry to write, sampled with `write`.
    data : In(unsigned(32 * lanes))
        The new elements, lane 0 lowest. Sampled with `write`.
    first_entry, second_entry : In(range(ENTRIES))
        The entries to read, in each cycle.
    first, second : Out(unsigned(32 * lanes))
        The elements of the entries of 2 cycles before, lane 0 lowest. Undefined where the entry was written in the
        cycle in which it was read.
    """

    def __init__(self, lanes: int):
        self.lanes = lanes
        super().__init__({
            "write": In(lanes),
            "write_entry": In(range(ENTRIES)),
            "data": In(unsigned(_BITS * lanes)),
            "first_entry": In(range(ENTRIES)),
            "second_entry": In(range(ENTRIES)),
            "first": Out(unsigned(_BITS * lanes)),
            "second": Out(unsigned(_BITS * lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        for name in ("first", "second"):
            outputs = []
            for lane in range(self.lanes):
                memory = place(m, f"{name}_{lane}", BlockMemory(_BITS, ENTRIES), platform)
                m.d.comb += [
                    memory.write.eq(self.write[lane]),
                    memory.write_row.eq(self.write_entry),
                    memory.data.eq(self.data.word_select(lane, _BITS)),
                    memory.fetch.eq(1),
                    memory.read_row.eq(getattr(self, f"{name}_entry")),
                    memory.take.eq(1),
                ]
                outputs.append(memory.q)
            m.d.comb += getattr(self, name).eq(Cat(outputs))
        return m
