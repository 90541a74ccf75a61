"""A first-in first-out queue of many entries, in block memory."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .target import SharedComponent

__all__ = ["BlockFifo"]


class BlockFifo(SharedComponent):
    """Queue entries in block memory.

    Entries leave in the order in which they came. Latency is 3 cycles, throughput 1 entry per cycle on
    both sides at once. All outputs come from registers; the memory's slow output goes straight into one::

        i ──►│memory│──►│fetched│──►│o.payload│──► o

    A row of the memory is never read in the cycle it is written, so the memory needs no bypass.

    Parameters
    ----------
    shape : ShapeLike
        What an entry is.
    depth : int
        Entries the memory holds; a power of two, at least 2.

    Members
    -------
    clear : In(1)
        Forget every entry. An entry offered in the same cycle is lost, though `i.ready` may be 1.
    i : In(stream.Signature(shape))
        Entries; `i.ready` says that there is space for one.
    o : Out(stream.Signature(shape))
        The oldest entry.
    """

    def __init__(self, shape, depth: int):
        if depth < 2 or depth & depth - 1:
            raise ValueError(f"depth = {depth} must be a power of two, at least 2")
        self.shape = shape
        self.depth = depth
        super().__init__({"clear": In(1), "i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        memory = Memory(shape=self.shape, depth=self.depth, init=[], attrs={"no_rw_check": 1})
        m.submodules.memory = memory
        write = memory.write_port()
        read = memory.read_port()

        # One bit more than an address, so that a full memory differs from an empty one.
        head = Signal(range(2 * self.depth))
        tail = Signal.like(head)
        m.d.comb += self.i.ready.eq((head ^ tail) != self.depth)
        m.d.comb += [
            write.addr.eq(tail[:-1]),
            write.data.eq(self.i.payload),
            write.en.eq(self.i.valid & self.i.ready),
        ]
        with m.If(write.en):
            m.d.sync += tail.eq(tail + 1)

        fetched, take, fetch = Signal(), Signal(), Signal()
        payload = Signal(self.shape, reset_less=True)
        m.d.comb += [take.eq(~self.o.valid | self.o.ready), fetch.eq((head != tail) & (~fetched | take))]
        m.d.comb += [read.addr.eq(head[:-1]), read.en.eq(fetch)]
        with m.If(fetch):
            m.d.sync += head.eq(head + 1)
        with m.If(fetch | take):
            m.d.sync += fetched.eq(fetch)
        with m.If(take):
            m.d.sync += [self.o.valid.eq(fetched), payload.eq(read.data)]
        m.d.comb += self.o.payload.eq(payload)
        with m.If(self.clear):
            m.d.sync += [head.eq(0), tail.eq(0), fetched.eq(0), self.o.valid.eq(0)]
        return m
