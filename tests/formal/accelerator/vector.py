"""Parts of the vector engine that are proven, with what is around them."""

from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Mux, Signal, Value
from formal.accelerator.surroundings import tiny
from support.formal.invariants import opened
from support.formal.prove import Proof
from support.formal.watchers import HoldsOffer, KeepsMoving

from tilewright.accelerator.contract import PARTIALS, ElementType, Operation
from tilewright.accelerator.vector.entry_sequencer import EntrySequencer
from tilewright.accelerator.vector.program.counter import ProgramCounter
from tilewright.accelerator.vector.program.instructions import Extent, Kind, Operand
from tilewright.accelerator.vector.reads import VectorReads
from tilewright.accelerator.vector.shapes import claimed_words, strip_elements, strip_words

__all__ = ["counter", "entries", "reads", "small"]


def small(lanes=1, **fields):
    """Short numbers."""
    return tiny(**({"addr_bits": 16, "stride_bits": 12, "size_bits": 8, "vector_lanes": lanes} | fields))


class Constant(Elaboratable):
    """Free signals do not change."""

    def __init__(self, *signals):
        self.signals = Cat(*(Value.cast(signal) for signal in signals))

    def elaborate(self, platform):
        m = Module()
        begun, before = Signal(), Signal(len(self.signals))
        m.d.sync += [begun.eq(1), before.eq(self.signals)]
        m.d.comb += Assume(~begun | (self.signals == before))
        return m


def entries(lanes=16, depth=6, cls=EntrySequencer):
    """The sequencer with any instructions that fit into the registers, and one entry that is looked at."""
    dut = cls(small(lanes), depth)
    rules = EntriesWait(dut, lanes, depth)
    held = HoldsOffer(dut.steps.valid, dut.steps.payload, dut.steps.ready, Assume)
    moves = KeepsMoving(dut.steps.valid, [dut.valid], depth)
    chosen = [rules.row, rules.group, rules.entry]
    free = [dut.steps.valid, Value.cast(dut.steps.payload), *chosen]
    return Proof(dut=dut, rules=rules, held=held, moves=moves, constant=Constant(*chosen)), free


class EntriesWait(Elaboratable):
    """Each entry comes once, in order, `depth` cycles or more after all that it reads was computed."""

    def __init__(self, dut, lanes, depth):
        self.dut, self.lanes, self.depth = dut, lanes, depth
        self.row, self.group, self.entry = (
            Signal.like(getattr(dut, name), name=f"chosen_{name}") for name in ("row", "group", "entry")
        )

    def elaborate(self, platform):
        m = Module()
        dut, depth = self.dut, self.depth
        step = dut.steps.payload
        extent = step.instruction.extent
        whole = (extent == Extent.ELEMENTS) | (extent == Extent.FOLD)
        groups = Signal(6)
        m.d.comb += groups.eq(Mux(whole, (step.elements + PARTIALS - 1) >> 6, 1))
        m.d.comb += Assume((step.rows != 0) & (step.elements != 0) & (step.elements <= PARTIALS * self.lanes))
        m.d.comb += Assume((step.last_row == step.rows - 1) & (step.last_group == (step.elements - 1) >> 6))
        m.d.comb += Assume(groups * step.rows <= self.lanes)
        m.d.comb += Assume((extent != Extent.ROWS) | (step.instruction.exchange == 0))

        place = Signal(12)  # entries of this instruction so far
        count = Signal(12)
        last = Mux(extent == Extent.ROWS, 1, PARTIALS // self.lanes)
        m.d.comb += count.eq(groups * step.rows * last)
        number = Signal(12)
        m.d.comb += number.eq((dut.group * step.rows + dut.row) * last + dut.entry)
        with m.If(dut.valid):
            m.d.comb += Assert(dut.steps.valid & (number == place) & (dut.row < step.rows) & (dut.entry < last))
            m.d.comb += Assert(dut.steps.ready == (place == count - 1))
            m.d.sync += place.eq(Mux(dut.steps.ready, 0, place + 1))
        m.d.comb += Assert(dut.valid | ~dut.steps.ready)

        # Cycles since any entry, and since the one that is looked at had a result: of elements, and of partial sums.
        any_, elements, partial = (Signal(range(depth + 1), init=depth, name=f"since_{n}") for n in range(3))
        here = dut.valid & (dut.row == self.row) & (dut.entry == self.entry)
        exact = here & (dut.group == self.group)
        sums = (extent == Extent.FOLD) | (extent == Extent.PARTIALS)
        for since, when in ((any_, dut.valid), (elements, exact & (extent == Extent.ELEMENTS)), (partial, here & sums)):
            m.d.sync += since.eq(Mux(when, 1, Mux(since == depth, depth, since + 1)))
        m.d.comb += Assert(dut.drained == (any_ == depth))
        with m.If(exact & whole):
            m.d.comb += Assert(elements == depth)
        with m.If(here & sums):
            m.d.comb += Assert(partial == depth)
        before = Signal()  # the last instruction went through elements
        with m.If(dut.steps.ready):
            m.d.sync += before.eq(extent == Extent.ELEMENTS)
        with m.If(dut.valid & (place == 0) & (~whole | ~before | (step.instruction.exchange != 0))):
            m.d.comb += Assert(any_ == depth)
        return m


def reads(cls=VectorReads):
    """The reads of any job, of a buffer that is emptied in order at any time."""
    config = small(1)
    dut = cls(config)
    fragment, inside = opened(dut)
    rules = ReadsHaveSpace(config, dut, inside)
    free = [dut.start, Value.cast(dut.job), Value.cast(dut.plan), dut.first, dut.steps.valid,
            Value.cast(dut.steps.payload), dut.release, dut.released, dut.requests.ready]  # fmt: skip
    modules = {
        "dut": fragment,
        "rules": rules,
        "constant": Constant(dut.job, dut.plan),
        "held": HoldsOffer(dut.steps.valid, dut.steps.payload, dut.steps.ready, Assume),
        "request": HoldsOffer(dut.requests.valid, dut.requests.payload, dut.requests.ready),
        "moves": KeepsMoving(rules.may, [dut.steps.ready, dut.requests.ready & dut.requests.valid], 4),
    }
    return Proof(**modules), free


class ReadsHaveSpace(Elaboratable):
    """One request for each LOAD, behind its fence, and never more words than the buffer has space for."""

    def __init__(self, config, dut, inside):
        self.config, self.dut, self.inside = config, dut, inside
        self.may = Signal()

    def elaborate(self, platform):
        m = Module()
        config, dut = self.config, self.dut
        step, job = dut.steps.payload, dut.job
        lanes = config.vector_lanes
        log2 = lanes.bit_length() - 1
        m.d.comb += Assume((dut.plan.rows_log2 <= log2) & (step.instruction.kind == Kind.LOAD))
        m.d.comb += Assume((step.rows != 0) & (step.rows <= 1 << dut.plan.rows_log2) & (step.elements != 0))
        m.d.comb += Assume((step.elements << dut.plan.rows_log2) <= strip_elements(config))
        operand = step.instruction.operand
        m.d.comb += Assume(operand.as_value() != 3)
        of_x = operand == Operand.X
        short = Mux(of_x, job.x_type, job.y_type) == ElementType.BF16
        words = Signal(16)
        m.d.comb += words.eq(claimed_words(config, step, dut.plan, short))  # a unit test shows that they are enough
        # A job begins when nothing is left of the one before; its rows come in order.
        outstanding, running = Signal(16), Signal()
        m.d.comb += Assume(~dut.start | ~running)
        m.d.comb += Assume(~dut.steps.valid | running)
        with m.If(dut.start):
            m.d.sync += running.eq(1)
        complete = Signal()  # all descriptors before: that does not change
        m.d.sync += complete.eq(dut.first)
        m.d.comb += Assume(~complete | dut.first)
        batch = Signal(8)
        with m.If(dut.steps.valid & dut.steps.ready):
            m.d.sync += batch.eq(step.row)
        m.d.comb += Assume((step.row == batch) | (step.row == (batch + (1 << dut.plan.rows_log2))[:8]))
        m.d.comb += Assume(~dut.release | (dut.released != 0) & (dut.released <= outstanding))
        accepted = dut.steps.valid & dut.steps.ready
        m.d.sync += outstanding.eq(outstanding + Mux(accepted, words, 0) - Mux(dut.release, dut.released, 0))
        m.d.comb += Assert(outstanding <= 2 * strip_words(config))
        m.d.comb += Assert(dut.steps.ready == (dut.requests.valid & dut.requests.ready))
        with m.If(dut.requests.valid):
            m.d.comb += Assert(dut.steps.valid & (dut.first | ~Mux(of_x, job.fence_a, job.fence_b)))
        # What holds inside, so that induction closes.
        state = self.inside["fsm_state"]
        m.d.comb += Assert(self.inside["free"] + outstanding == 2 * strip_words(config))
        m.d.comb += Assert(~dut.requests.valid | (state == 2))
        m.d.comb += Assert(state != 3)
        with m.If(state != 0):
            m.d.comb += Assert(dut.steps.valid & (self.inside["claim"] == words))
        with m.If(state == 2):
            m.d.comb += Assert((dut.requests.payload.index == job.index) & dut.requests.payload.request.bytes.any())
        with m.If((state == 2) & self.inside["may"]):
            m.d.comb += Assert(self.inside["claim"] <= self.inside["free"])
            m.d.comb += Assert(dut.first | ~Mux(of_x, job.fence_a, job.fence_b))
        m.d.comb += Assert(running | (outstanding == 0))
        stalled = dut.requests.valid & ~dut.requests.ready
        m.d.comb += self.may.eq(dut.steps.valid & dut.first & (outstanding <= strip_words(config)) & ~stalled)
        return m


def counter(loads, cycles, cls=ProgramCounter):
    """The counter with any job, one after the other."""
    config = small(1)
    dut = cls(config, loads)
    rules = StepsOfAJob(config, dut)
    inputs = [dut.operation.as_value(), dut.rows, dut.elements, Value.cast(dut.plan), dut.conditions]
    free = [dut.start, dut.o.ready, *inputs]
    modules = {
        "dut": dut,
        "rules": rules,
        "constant": Constant(*inputs),
        "held": HoldsOffer(dut.o.valid, dut.o.payload, dut.o.ready),
        "moves": KeepsMoving(dut.busy, [dut.o.valid], cycles),
    }
    return Proof(**modules), free


class StepsOfAJob(Elaboratable):
    """Rows and elements are those of the job, and go forward; the first offer comes after each start."""

    def __init__(self, config, dut):
        self.config, self.dut = config, dut

    def elaborate(self, platform):
        m = Module()
        config, dut = self.config, self.dut
        step = dut.o.payload
        strip = strip_elements(config)
        m.d.comb += Assume((dut.rows != 0) & (dut.elements != 0) & (dut.plan.rows_log2 == 0))
        m.d.comb += Assume(dut.operation.as_value() < len(Operation.__members__))
        m.d.comb += Assume(dut.conditions[0] == (dut.elements > strip))
        m.d.comb += Assume(~dut.start | ~dut.busy)
        row, begun = Signal(8), Signal()
        with m.If(dut.start):
            m.d.sync += [row.eq(0), begun.eq(1)]
        m.d.comb += Assert(begun | ~dut.busy)
        with m.If(dut.o.valid):
            m.d.comb += Assert((step.row + step.rows <= dut.rows) & (step.rows == 1))
            m.d.comb += Assert((step.element + step.elements <= dut.elements) & (step.elements != 0))
            m.d.comb += Assert((step.elements == strip) | (step.element + step.elements == dut.elements))
            m.d.comb += Assert((step.row == row) | (step.row == row + 1))
            m.d.sync += row.eq(step.row)
        return m
