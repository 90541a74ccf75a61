"""A first-in first-out queue of many entries, in block memory."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.base import SharedComponent, place

from .block_memory import BlockMemory

__all__ = ["BlockFifo"]


class BlockFifo(SharedComponent):
    """Queue entries in block memory.

    Entries leave in the order in which they came. Latency is 3 cycles, throughput 1 entry per cycle on
    both sides at once. All outputs come from registers; the last is the memory's own where it has one::

        i ──►│memory│──►│fetched│──►│o.payload│──► o

    No entry is read in the cycle in which it is written, so the memory needs no bypass.

    Parameters
    ----------
    shape : ShapeLike
        Shape of an entry.
    depth : int
        Entries the memory holds; a power of two, at least 2.

    Members
    -------
    clear : In(1)
        Forget every entry. An entry offered in the same cycle is lost, though `i.ready` may be 1.
    i : In(stream.Signature(shape))
        Entries; `i.ready` says that there is space for one.
    o : Out(stream.Signature(shape))
        The oldest entry; it stays until it is accepted or `clear` is 1.
    """

    def __init__(self, shape, depth: int):
        if depth < 2 or depth & depth - 1:
            raise ValueError(f"depth = {depth} must be a power of two, at least 2")
        self.shape = shape
        self.depth = depth
        super().__init__({"clear": In(1), "i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        bits = Shape.cast(self.shape).width
        memory = place(m, "memory", BlockMemory(bits, self.depth), platform)

        # One bit more than an address, so that a full memory differs from an empty one.
        head = Signal(range(2 * self.depth))
        tail = Signal.like(head)
        write = Signal()
        m.d.comb += self.i.ready.eq((head ^ tail) != self.depth)
        m.d.comb += write.eq(self.i.valid & self.i.ready)
        m.d.comb += memory.write.eq(write)
        m.d.comb += memory.write_row.eq(tail[:-1])
        m.d.comb += memory.data.eq(self.i.payload)
        with m.If(write):
            m.d.sync += tail.eq(tail + 1)

        fetched = Signal()
        take = Signal()
        fetch = Signal()
        valid = Signal()
        refill = Signal()
        m.d.comb += take.eq(~valid | self.o.ready)
        m.d.comb += refill.eq(~fetched | take)
        m.d.comb += fetch.eq((head != tail) & refill)
        # Without an entry the row fetched may be the one being written; it is not used.
        m.d.comb += memory.fetch.eq(refill)
        m.d.comb += memory.read_row.eq(head[:-1])
        m.d.comb += memory.take.eq(take)
        with m.If(fetch):
            m.d.sync += head.eq(head + 1)
        with m.If(refill):
            m.d.sync += fetched.eq(head != tail)
        with m.If(take):
            m.d.sync += valid.eq(fetched)
        m.d.comb += self.o.valid.eq(valid)
        m.d.comb += self.o.payload.eq(memory.q)
        with m.If(self.clear):
            m.d.sync += [
                head.eq(0),
                tail.eq(0),
                fetched.eq(0),
                valid.eq(0),
            ]
        return m
