"""The ring of descriptors: its pointers, and the fetch of the next one."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, INDEX_BITS, AcceleratorConfig, transfer_shape
from tilewright.base import SharedComponent

__all__ = ["CommandRing"]


class CommandRing(SharedComponent):
    """Count descriptors submitted, fetched and completed; request the next one.

    All three are counted from reset, modulo 2**16::

        completed        fetched           submitted
        ───────────┬────────────────┬────────────────────►
                  head            (next)             tail
                   ╰── incomplete ──╯── in the ring ───╯

    A descriptor is requested if it is in the ring, `enable` is 1, `hold` is 0, and `taken` has come for the one before.
    A tail written in cycle t gives a request in t + 2.

    Parameters
    ----------
    config : AcceleratorConfig
        Widths.

    Members
    -------
    enable : In(1)
        Descriptors may be fetched from the ring.
    base : In(config.addr_bits - 6)
        Address of the ring, in descriptors.
    log2 : In(4)
        The ring has ``2**log2`` entries.
    tail_write : In(1)
        The host sets the tail to `tail_value`.
    tail_value : In(16)
        Number of the first descriptor that is not submitted, modulo ``2**16``. Sampled with `tail_write`.
    direct : In(1)
        The host has submitted a descriptor through the registers; only when `idle` and `drained`.
    hold : In(1)
        No further descriptor is fetched while this is 1.
    forget : In(1)
        The offer of `fetch` is withdrawn, and fetched, incomplete descriptors return to the ring: for as
        many cycles at least as there are such descriptors, and one more.
    skip : In(1)
        The oldest descriptor, which was put back, counts as complete.
    completed : In(1)
        The oldest incomplete descriptor is complete.
    taken : In(1)
        The descriptor fetched last has been handed on.
    beyond : Out(1)
        Instead of a request: the entry is past the last address. For one cycle, that in which `fetch` would have come.
    fetch : Out(stream.Signature(transfer_shape(config)))
        Read a descriptor. The address stays until the next one: 0 for a descriptor that came through the registers.
    index : Out(16)
        Number of the descriptor fetched last; in the variant ``compact``, until it is complete.
    head, tail : Out(16)
        Numbers of the oldest incomplete descriptor, and of the first that is not submitted, modulo ``2**16``. From
        registers.
    idle : Out(1)
        All that was fetched is complete.
    drained : Out(1)
        All that was submitted is fetched.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "enable": In(1),
            "base": In(config.addr_bits - 6),
            "log2": In(4),
            "tail_write": In(1),
            "tail_value": In(INDEX_BITS),
            "direct": In(1),
            "hold": In(1),
            "forget": In(1),
            "skip": In(1),
            "completed": In(1),
            "taken": In(1),
            "beyond": Out(1),
            "fetch": Out(stream.Signature(transfer_shape(config))),
            "index": Out(INDEX_BITS),
            "head": Out(INDEX_BITS),
            "tail": Out(INDEX_BITS),
            "idle": Out(1),
            "drained": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        request = self.fetch.payload.request

        fetched = Signal(INDEX_BITS)
        moved = Signal(INDEX_BITS)
        # At most 6 are offered and 1 is fetched, so three bits tell whether any is incomplete.
        m.d.comb += self.idle.eq(fetched[:3] == self.head[:3])
        m.d.comb += self.drained.eq(fetched == self.tail)
        m.d.comb += moved.eq(fetched + Cat(1, self.forget.replicate(INDEX_BITS - 1)))  # plus or minus 1

        occupied = Signal()
        start = Signal()
        m.d.comb += start.eq(self.enable & ~self.drained & ~self.hold & ~occupied)
        with m.If(start | self.direct | self.skip | self.forget & ~self.idle):
            m.d.sync += fetched.eq(moved)
        with m.If(self.completed | self.skip):
            m.d.sync += self.head.eq(self.head + 1)
        with m.If(self.direct):
            m.d.sync += self.tail.eq(moved)
        with m.If(self.tail_write):
            m.d.sync += self.tail.eq(self.tail_value)

        mask = Cat(self.log2 > bit for bit in range(INDEX_BITS - 1))
        entry = Signal(max(len(self.base), INDEX_BITS - 1) + 1)  # a ring may be larger than all memory
        beyond = Signal()
        m.d.comb += beyond.eq(entry[len(self.base) :].any())
        m.d.comb += entry.eq(self.base + (fetched[:-1] & mask))
        m.d.comb += request.bytes.eq(DESCRIPTOR_BYTES)
        m.d.comb += request.rows.eq(1)
        m.d.comb += self.fetch.payload.index.eq(self.index)
        with m.If(self.fetch.ready):
            m.d.sync += self.fetch.valid.eq(0)
        with m.If(self.taken):
            m.d.sync += occupied.eq(0)
        m.d.sync += self.beyond.eq(start & ~self.direct & ~self.forget & beyond)
        with m.If(start | self.direct):
            m.d.sync += occupied.eq(1)
            m.d.sync += self.fetch.valid.eq(~self.direct & ~beyond)
            m.d.sync += request.address.eq(Mux(self.direct, 0, Cat(Const(0, 6), entry[: len(self.base)])))
        if self.config.job_register:
            with m.If(start | self.direct):
                m.d.sync += self.index.eq(fetched)
        else:  # the head has moved on when the next is fetched
            m.d.comb += self.index.eq(self.head)
        with m.If(self.forget):
            m.d.sync += occupied.eq(0)
            m.d.sync += self.fetch.valid.eq(0)
        return m
