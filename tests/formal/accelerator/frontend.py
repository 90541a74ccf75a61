"""The ring of descriptors with its dispatcher, and the checks of ranges, in their smallest shapes."""

from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib.data import View
from support.formal.invariants import opened
from support.formal.prove import Proof

from tilewright.accelerator.frontend.dispatcher import INCOMPLETE, Dispatcher
from tilewright.accelerator.frontend.range_check import RangeCheck
from tilewright.accelerator.frontend.ring import CommandRing
from tilewright.accelerator.frontend.serial_range_check import SerialRangeCheck


def pointers(config, *, ring_cls=CommandRing, dispatcher_cls=Dispatcher):
    """The ring of descriptors and the offer of jobs: pointers in order, each job to each engine once."""
    ring_, dispatcher = ring_cls(config), dispatcher_cls(config)
    ring_part, inside = opened(ring_)
    flush = Signal()
    rules = PointerRules(ring_, dispatcher, inside, flush)
    modules = {"ring": ring_part, "dispatcher": ResetInserter(flush)(dispatcher), "rules": rules}
    free = [flush, ring_.enable, ring_.base, ring_.log2, ring_.tail_write, ring_.tail_value, ring_.direct, ring_.hold]
    free += [
        ring_.skip,
        ring_.completed,
        ring_.fetch.ready,
        dispatcher.decoded,
        dispatcher.job_ready,
        dispatcher.interrupt,
    ]
    return Proof(**modules), free


class PointerRules(Elaboratable):
    """What comes from host, supervisor, decoder and store is as they promise; the pointers keep their order."""

    def __init__(self, ring_, dispatcher, inside, flush):
        self.ring, self.dispatcher, self.inside, self.flush = ring_, dispatcher, inside, flush

    def elaborate(self, platform):
        m = Module()
        dut, dispatcher, flush = self.ring, self.dispatcher, self.flush
        fetched, occupied = self.inside["fetched"], self.inside["occupied"]
        m.d.comb += [dut.forget.eq(flush), dut.taken.eq(dispatcher.take)]
        m.d.comb += [dispatcher.index.eq(dut.index), dispatcher.head.eq(dut.head)]
        waiting = Signal(16)
        incomplete = Signal(16)
        m.d.comb += [waiting.eq(dut.tail - fetched), incomplete.eq(fetched - dut.head)]
        # The host moves the tail on, by a ring at most; a direct descriptor comes when there is no other.
        moved = (dut.tail_value - fetched)[:16]
        m.d.comb += Assume(~dut.tail_write | (moved >= waiting) & (moved < 1 << 15) & ~(dut.direct | flush | dut.skip))
        m.d.comb += Assume(~dut.direct | dut.idle & dut.drained & ~occupied & ~dut.hold & ~flush)
        # The store completes what all engines have taken; nothing during a flush, which lasts until all is forgotten.
        held = dispatcher.job_valid.any()
        m.d.comb += Assume(~dut.completed | (incomplete > occupied) & ~(held & (incomplete == 1 + occupied)))
        m.d.comb += Assume(~dut.completed | ~flush & ~dut.skip)
        flushing = Signal(4)
        m.d.sync += flushing.eq(Mux(flush, Mux(flushing == 8, 8, flushing + 1), 0))
        m.d.comb += Assume(flush | (flushing == 0) | (flushing == 8))
        held_before = Signal()
        m.d.sync += held_before.eq(dut.hold)
        m.d.comb += Assume(~flush | dut.hold & held_before)
        m.d.comb += Assume(~dut.skip | dut.idle & (waiting > 0) & dut.hold & held_before & ~occupied & ~flush)
        # The decoder has a job from a descriptor that was fetched.
        m.d.comb += Assume(~dispatcher.decoded | occupied & ~dut.fetch.valid & ~flush)

        # head ≤ fetched ≤ tail: from each to the next are few, and from head to tail about half of all numbers at most.
        submitted = (dut.tail - dut.head)[:16]
        m.d.comb += Assert((incomplete <= INCOMPLETE + 1) & (incomplete <= submitted))
        m.d.comb += Assert(submitted <= (1 << 15) + INCOMPLETE + 1)
        m.d.comb += Assert((flushing == 0) | ~occupied & ~held & (incomplete <= Mux(flushing < 5, 5 - flushing, 0)))
        m.d.comb += Assert(~occupied | (incomplete > 0) & (dut.index == (fetched - 1)[:16]))
        m.d.comb += Assert((incomplete - occupied)[:16] <= INCOMPLETE)
        m.d.comb += Assert(~dut.fetch.valid | occupied)

        # Each job in turn, to each engine once.
        expected = Signal(16)
        m.d.comb += expected.eq(fetched - occupied)
        job = View(dispatcher.job.shape(), Value.cast(dispatcher.job))
        m.d.comb += Assert(~dispatcher.take | (dispatcher.index == expected) & ~held)
        m.d.comb += Assert(~held | (incomplete > occupied) & (job.index == (expected - 1)[:16]))
        for engine in range(4):
            had = Signal(init=1, name=f"had_{engine}")
            takes = dispatcher.job_valid[engine] & dispatcher.job_ready[engine]
            m.d.comb += [Assert(~takes | ~had), Assert(had == ~dispatcher.job_valid[engine])]
            m.d.sync += had.eq((had | takes) & ~dispatcher.take | flush)
        return m


def ranges(widths, *, cls=RangeCheck):
    """The check of any range: `beyond` is what the sum in the datasheet says."""
    dut = cls(*widths)
    return Proof(check=dut, rules=RangeRules(dut)), [dut.start, dut.address, dut.rows, dut.stride, dut.row_bytes]


class RangeRules(Elaboratable):
    """Checks follow each other at any time; operands stay from the cycle after a start on."""

    def __init__(self, check):
        self.check = check

    def elaborate(self, platform):
        m = Module()
        dut = self.check
        bits = len(dut.address)
        started = Signal()  # there has been a start
        since = Signal(range(bits + 3))  # cycles since the last, at most two more than an address has bits
        with m.If(dut.start):
            m.d.sync += [started.eq(1), since.eq(0)]
        with m.Elif(since <= bits + 1):
            m.d.sync += since.eq(since + 1)
        m.d.comb += dut.step.eq(Mux(started & (since < bits), since + 1, 0))
        operands = Cat(dut.address, dut.rows, dut.stride, dut.row_bytes)
        before = Signal.like(operands)
        m.d.sync += before.eq(operands)
        m.d.comb += Assume((dut.rows > 0) & (dut.row_bytes > 0))
        m.d.comb += Assume(~started | (since == 0) | (operands == before))
        end = dut.address + (dut.rows - 1) * dut.stride + dut.row_bytes
        m.d.comb += Assert(~started | (since <= bits) | (dut.beyond == (end > 1 << bits)))
        return m


def serial_ranges(widths, *, cls=SerialRangeCheck):
    """The same of the check that is given the operands bit by bit."""
    bits, size_bits, stride_bits, row_bits = widths
    dut = cls(size_bits)
    rules = SerialRangeRules(dut, bits, Signal(bits), Signal(stride_bits), Signal(row_bits))
    return Proof(check=dut, rules=rules), [dut.start, dut.rows, rules.address, rules.stride, rules.row_bytes]


class SerialRangeRules(Elaboratable):
    """Checks follow each other at any time; operands stay from the cycle after a start on, bits come one by one."""

    def __init__(self, check, bits, address, stride, row_bytes):
        self.check, self.bits = check, bits
        self.address, self.stride, self.row_bytes = address, stride, row_bytes

    def elaborate(self, platform):
        m = Module()
        dut, bits = self.check, self.bits
        started = Signal()
        since = Signal(range(bits + 1))  # cycles since the last start, at most as many as an address has bits
        with m.If(dut.start):
            m.d.sync += [started.eq(1), since.eq(0)]
        with m.Elif(dut.work):
            m.d.sync += since.eq(since + 1)
        m.d.comb += dut.work.eq(started & (since < bits))
        for port, operand in ((dut.address, self.address), (dut.stride, self.stride), (dut.row_bytes, self.row_bytes)):
            m.d.comb += port.eq((operand >> since)[0])
        operands = Cat(self.address, dut.rows, self.stride, self.row_bytes)
        before = Signal.like(operands)
        m.d.sync += before.eq(operands)
        m.d.comb += Assume((dut.rows > 0) & (self.row_bytes > 0))
        m.d.comb += Assume(~started | (since == 0) | (operands == before))
        end = self.address + (dut.rows - 1) * self.stride + self.row_bytes
        m.d.comb += Assert(~started | (since < bits) | (dut.beyond == (end > 1 << bits)))
        return m
