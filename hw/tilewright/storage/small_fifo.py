"""A first-in first-out queue of few entries, in distributed memory."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place

from .two_port_ram import TwoPortRam

__all__ = ["SmallFifo"]


class SmallFifo(SharedComponent):
    """Queue entries in distributed memory.

    Entries leave in the order in which they came. Latency is 1 cycle, throughput 1 entry per cycle on
    both sides at once. `i.ready` and `o.valid` come from registers alone::

        i ──►│memory│──► o

    Parameters
    ----------
    shape : ShapeLike
        Shape of an entry.
    depth : int
        Entries it holds, at least 1.

    Members
    -------
    i : In(stream.Signature(shape))
        Entries; `i.ready` says that there is space.
    o : Out(stream.Signature(shape))
        The oldest entry; it stays until it is accepted.
    """

    def __init__(self, shape, depth: int):
        if depth < 1:
            raise ValueError(f"depth = {depth} must be at least 1")
        self.shape = shape
        self.depth = depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        rows = 1 << (self.depth - 1).bit_length()  # a ring whose end needs no logic
        memory = place(m, "memory", TwoPortRam(Shape.cast(self.shape).width, rows, latency=0), platform)

        push = Signal()
        pop = Signal()
        m.d.comb += push.eq(self.i.valid & self.i.ready)
        m.d.comb += pop.eq(self.o.valid & self.o.ready)
        m.d.comb += memory.write_data.eq(self.i.payload)
        m.d.comb += memory.write.eq(push)
        m.d.comb += self.o.payload.eq(memory.read_data)

        # Each pointer is kept together with the row after it; `full_at` is the head at which no row will be free.
        head = Signal(range(rows))
        head_next = Signal(range(rows), init=1 % rows)
        tail = Signal(range(rows))
        full_at = Signal(range(rows), init=(1 + rows - self.depth) % rows)
        m.d.comb += memory.write_row.eq(tail)
        m.d.comb += memory.read_row.eq(head)
        with m.If(push):
            m.d.sync += tail.eq(tail + 1)
            m.d.sync += full_at.eq(full_at + 1)
        with m.If(pop):
            m.d.sync += head.eq(head_next)
            m.d.sync += head_next.eq(head_next + 1)

        ready = Signal(init=1)
        valid = Signal()
        m.d.comb += self.i.ready.eq(ready)
        m.d.comb += self.o.valid.eq(valid)
        with m.If(push & ~pop):
            m.d.sync += valid.eq(1)
            m.d.sync += ready.eq(full_at != head)
        with m.If(~push & pop):
            m.d.sync += valid.eq(head_next != tail)
            m.d.sync += ready.eq(1)
        return m
