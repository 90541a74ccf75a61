"""Goes through a job's program, for all of its rows."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig, Operation
from tilewright.base import SharedComponent, registered

from ..results.record_format import RecordFormat
from ..shapes import plan_shape, step_shape, strip_elements
from .instructions import CONDITIONS, INSTRUCTION_SHAPE
from .store import stored_programs

__all__ = ["ProgramCounter"]


_LOOPS = {"strips": 1, "phase_last": 1, "program_last": 1, "before_store": 1}


class ProgramCounter(SharedComponent):
    """Offer the instructions of a job one after the other, with the rows and elements that each is for.

    As many rows as fit into the registers go through the whole program before the next ones. Within it, a phase of
    strips is repeated until the whole row has come; rows that fit into a register have one strip, and instructions
    that load a strip again are left out::

        for each batch of rows:
            for each phase:
                for each strip of the rows, or once:
                    for each instruction whose conditions hold:  o

    Programs are lines with the number of an instruction each, since many instructions are the same. A line is known 2
    cycles after its number, and the next number a cycle after an instruction is offered: so the path from `o.ready` is
    short. An instruction can be offered in each fourth cycle; one that is left out takes 3.

    Parameters
    ----------
    config : AcceleratorConfig
    loads : bool
        Go through the LOADs alone.

    Members
    -------
    start : In(1)
        Begin, with the members below; they stay until `done`.
    operation : In(Operation)
        The program to go through.
    rows, elements : In(unsigned(config.size_bits))
        Rows of the job, and elements of each.
    plan : In(plan_shape(config))
        How rows go into registers.
    conditions : In(len(CONDITIONS))
        Which of `CONDITIONS` hold.
    o : Out(stream.Signature(step_shape(config)))
        The instructions. One stays until it is accepted.
    busy : Out(1)
        Instructions follow, or one is offered.
    """

    def __init__(self, config: AcceleratorConfig, loads: bool = False):
        self.config = config
        self.loads = loads
        size = unsigned(config.size_bits)
        super().__init__({
            "start": In(1),
            "operation": In(Operation),
            "rows": In(size),
            "elements": In(size),
            "plan": In(plan_shape(config)),
            "conditions": In(len(CONDITIONS)),
            "o": Out(stream.Signature(step_shape(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        store = stored_programs(RecordFormat.of(self.config.a), self.loads)
        counter = Signal(range(len(store.lines)))
        # The condition of an instruction is in its line: behind a block RAM there is no time to compare it.
        fields = {"instruction": range(len(store.instructions)), "when": len(CONDITIONS), **_LOOPS}
        line = Signal(data.StructLayout(fields), reset_less=True)
        loops = Signal(data.StructLayout(_LOOPS), reset_less=True)
        instruction = Signal(INSTRUCTION_SHAPE, reset_less=True)
        # Words of a constant, not a memory, whose first contents a chip would not have.
        lines = [
            line.shape().const(one._asdict() | {"when": store.instructions[one.instruction]["when"]}).as_value().value
            for one in store.lines
        ]
        instructions = [INSTRUCTION_SHAPE.const(fields).as_value().value for fields in store.instructions]
        m.d.sync += line.eq(_word(lines, line.shape().size, counter))
        m.d.sync += instruction.eq(_word(instructions, INSTRUCTION_SHAPE.size, line.instruction))
        m.d.sync += [loops[name].eq(line[name]) for name in _LOOPS]
        self.store = store.store
        known = Signal(2)  # `line`, and `instruction`, are those of `counter`
        fetched = known[1]
        running = Signal()

        when = registered(m, "when", line.when)  # goes with `instruction`
        lacks = registered(m, "lacks", ~self.conditions)
        skip = Signal()
        take = Signal()
        taken = Signal()  # the instruction is in `step`
        used = Signal()
        m.d.comb += [
            skip.eq((when & lacks).any()),
            used.eq(running & fetched & (skip | taken)),
            take.eq(~self.o.valid | self.o.ready),
        ]
        m.d.sync += taken.eq(running & fetched & ~skip & take & ~taken)
        m.d.sync += known.eq(Mux(running & ~used, Cat(1, known), 0))
        step = Signal(step_shape(self.config), reset_less=True)
        m.d.comb += self.o.payload.eq(step)
        m.d.comb += self.busy.eq(running | self.o.valid)
        with m.If(take):
            m.d.sync += self.o.valid.eq(running & fetched & ~skip & ~taken)
            m.d.sync += step.instruction.eq(instruction)
        self._count(m, counter, running, used, loops, step, take)
        with m.If(self.start):
            starts = data.ArrayLayout(len(counter), len(store.starts)).const(list(store.starts.values()))
            begin = Const(starts.as_value().value, len(counter) * len(store.starts)).word_select(
                self.operation.as_value(), len(counter)
            )
            m.d.sync += [
                running.eq(1),
                known.eq(0),
                counter.eq(begin),
                self.phase.eq(begin),
                self.program.eq(begin),
            ]
        return m

    def _count(self, m: Module, counter: Signal, running: Signal, used: Signal, loops, step, take: Signal):
        """The loops: strips within phases within batches."""
        config = self.config
        strip = strip_elements(config)
        self.phase = Signal.like(counter, name="phase")
        self.program = Signal.like(counter, name="program")
        row = Signal(config.size_bits)
        element = Signal(config.size_bits)
        rows_left = Signal(config.size_bits)
        elements_left = Signal(config.size_bits)
        batch = Signal(range(config.vector_lanes + 1))
        m.d.comb += batch.eq(1 << self.plan.rows_log2)
        last_batch = Signal()
        last_strip = Signal()
        # In registers one behind the other: they are counted 3 cycles before an instruction is known.
        m.d.sync += last_batch.eq(rows_left <= batch)
        m.d.sync += last_strip.eq(elements_left <= strip)
        rows = registered(m, "rows_here", Mux(last_batch, rows_left, batch)[: len(step.rows)])
        elements = registered(m, "elements_here", Mux(last_strip, elements_left, strip)[: len(step.elements)])
        with m.If(take):
            m.d.sync += [
                step.row.eq(row),
                step.rows.eq(rows),
                step.element.eq(element),
                step.elements.eq(elements),
                step.last_row.eq(rows - 1),
                step.last_group.eq((elements - 1) >> exact_log2(PARTIALS)),
            ]
        again = loops.strips & ~last_strip
        with m.If(used):
            m.d.sync += counter.eq(Mux(loops.before_store, self.store, counter + 1))
            with m.If(loops.phase_last & again):
                m.d.sync += [
                    counter.eq(self.phase),
                    element.eq(element + strip),
                    elements_left.eq(elements_left - strip),
                ]
            with m.Elif(loops.phase_last):
                m.d.sync += [
                    self.phase.eq(counter + 1),
                    element.eq(0),
                    elements_left.eq(self.elements),
                ]
                with m.If(loops.program_last):
                    m.d.sync += [
                        counter.eq(self.program),
                        self.phase.eq(self.program),
                        row.eq(row + batch),
                        rows_left.eq(rows_left - batch),
                        running.eq(~last_batch),
                    ]
        with m.If(self.start):
            m.d.sync += [
                row.eq(0),
                rows_left.eq(self.rows),
                element.eq(0),
                elements_left.eq(self.elements),
            ]


def _word(words: list[int], bits: int, number: Value) -> Value:
    """One of the words, by its number."""
    table = sum(word << place * bits for place, word in enumerate(words))
    return Const(table, bits * len(words)).word_select(number, bits)
