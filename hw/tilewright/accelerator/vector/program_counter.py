"""Goes through a job's program, for all of its rows."""

from amaranth.hdl import Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from tilewright.accelerator.contract import AcceleratorConfig, Operation
from tilewright.base import SharedComponent

from .instructions import CONDITIONS, INSTRUCTION_SHAPE
from .program_store import stored_programs
from .shapes import plan_shape, step_shape, strip_elements

__all__ = ["ProgramCounter"]


class ProgramCounter(SharedComponent):
    """Offer the instructions of a job one after the other, with the rows and elements that each is for.

    As many rows as fit into the registers go through the whole program before the next ones. Within it, a phase of
    strips is repeated until the whole row has come; rows that fit into a register have one strip, and instructions
    that load a strip again are left out::

        for each batch of rows:
            for each phase:
                for each strip of the rows, or once:
                    for each instruction whose conditions hold:  o

    An instruction can be offered in each second cycle; in 3 cycles after the last of a phase.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    start : In(1)
        Begin, with the members below; they stay until `done`.
    operation : In(Operation)
        The program.
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

    def __init__(self, config: AcceleratorConfig):
        self.config = config
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
        store = stored_programs()
        counter = Signal(range(len(store.words)))
        instruction = Signal(INSTRUCTION_SHAPE, reset_less=True)
        with m.Switch(counter):  # not a memory, whose first contents a chip would not have
            for number, fields in enumerate(store.words):
                with m.Case(number):
                    m.d.sync += instruction.eq(INSTRUCTION_SHAPE.const(fields))
        fetched = Signal()  # `instruction` is that at `counter`
        running = Signal()

        skip, take, used = Signal(), Signal(), Signal()
        m.d.comb += [
            skip.eq((instruction.when & ~self.conditions).any()),
            used.eq(running & fetched & (skip | take)),
            take.eq(~self.o.valid | self.o.ready),
        ]
        m.d.sync += fetched.eq(running & ~used)
        step = Signal(step_shape(self.config), reset_less=True)
        m.d.comb += self.o.payload.eq(step)
        m.d.comb += self.busy.eq(running | self.o.valid)
        with m.If(take):
            m.d.sync += self.o.valid.eq(running & fetched & ~skip)
            m.d.sync += step.instruction.eq(instruction)
        self._count(m, counter, running, used, instruction, step, take)
        with m.If(self.start):
            starts = data.ArrayLayout(len(counter), len(store.starts)).const(list(store.starts.values()))
            begin = Const(starts.as_value().value, len(counter) * len(store.starts)).word_select(
                self.operation.as_value(), len(counter)
            )
            m.d.sync += [
                running.eq(1),
                fetched.eq(0),
                counter.eq(begin),
                self.phase.eq(begin),
                self.program.eq(begin),
            ]
        return m

    def _count(self, m: Module, counter: Signal, running: Signal, used: Signal, instruction, step, take: Signal):
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
        last_batch, last_strip = Signal(), Signal()
        m.d.comb += last_batch.eq(rows_left <= batch)
        m.d.comb += last_strip.eq(elements_left <= strip)
        with m.If(take):
            m.d.sync += [
                step.row.eq(row),
                step.rows.eq(Mux(last_batch, rows_left, batch)),
                step.element.eq(element),
                step.elements.eq(Mux(last_strip, elements_left, strip)),
            ]
        again = instruction.strips & ~last_strip
        with m.If(used):
            m.d.sync += counter.eq(counter + 1)
            with m.If(instruction.phase_last & again):
                m.d.sync += [
                    counter.eq(self.phase),
                    element.eq(element + strip),
                    elements_left.eq(elements_left - strip),
                ]
            with m.Elif(instruction.phase_last):
                m.d.sync += [
                    self.phase.eq(counter + 1),
                    element.eq(0),
                    elements_left.eq(self.elements),
                ]
                with m.If(instruction.program_last):
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
