"""Does the COMPUTE instructions: entries from the registers, through the lanes, and back."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig
from tilewright.base import SharedComponent, place, registered
from tilewright.storage import DelayLine, delayed

from .coefficients import ROUND
from .constants import constant_bits
from .entries import entry_of, row_start
from .entry_sequencer import EntrySequencer
from .lanes.lane import VectorLane
from .program.instructions import HALVES, INSTRUCTION_SHAPE, Extent, Mode
from .program.store import stored_programs
from .results.record_format import RecordFormat
from .shapes import ENTRIES, entry_log2, plan_shape, step_shape

__all__ = ["VectorCompute"]

_BITS = 32
_TO_OPERANDS = 3  # cycles from an entry's number to its elements: a register, and 2 of the memory


class VectorCompute(SharedComponent):
    """Go through the entries of an instruction: read two registers, compute in all lanes, write one::

        cycle 0           1           3                     4                    4 + VectorLane.LATENCY
        steps ─► entries ─│numbers│─► registers ─► exchange ─│operands│─► lanes ─► write

    An entry in each cycle, if `EntrySequencer` does not wait.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    steps : In(stream.Signature(step_shape(config)))
        COMPUTE instructions, one after the other.
    plan : In(plan_shape(config))
        How the rows of the job are in the registers.
    elements : In(unsigned(config.size_bits))
        Elements of a row, to exchange its halves.
    scalar, scalar2 : In(32)
        The job's numbers, bits of float32.
    first_entry, second_entry : Out(range(ENTRIES))
        To `VectorRegisters`, as are the next.
    first, second : In(unsigned(32 * vector_lanes))
        The elements of the entries of 2 cycles before.
    write : Out(vector_lanes)
        The lanes that write `data` to `write_entry`.
    write_entry : Out(range(ENTRIES))
        Where results go. Valid with `write`.
    data : Out(unsigned(32 * vector_lanes))
        The results. Valid with `write`.
    drained : Out(1)
        All results are in the registers.
    """

    DEPTH = _TO_OPERANDS + 1 + VectorLane.LATENCY
    """Cycles from an entry to one that can use its result."""

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        word = unsigned(_BITS * config.vector_lanes)
        super().__init__({
            "steps": In(stream.Signature(step_shape(config))),
            "plan": In(plan_shape(config)),
            "elements": In(unsigned(config.size_bits)),
            "scalar": In(_BITS),
            "scalar2": In(_BITS),
            "first_entry": Out(range(ENTRIES)),
            "second_entry": Out(range(ENTRIES)),
            "first": In(word),
            "second": In(word),
            "write": Out(config.vector_lanes),
            "write_entry": Out(range(ENTRIES)),
            "data": Out(word),
            "drained": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        lanes = config.vector_lanes
        sequencer = place(m, "sequencer", EntrySequencer(config, self.DEPTH), platform)
        connect(m, flipped(self.steps), sequencer.steps)
        m.d.comb += self.drained.eq(sequencer.drained)
        instruction = self.steps.payload.instruction

        where = Cat(sequencer.entry, sequencer.group[: exact_log2(lanes)])  # entry in the row
        start = row_start(sequencer.row, self.plan, entry_log2(config))
        exchanged = self._exchanged(instruction)
        for name, mask in (("first", 0), ("second", exchanged >> exact_log2(lanes)), ("write", 0)):
            mode = instruction[f"{name}_mode"]
            in_row = Mux(mode == Mode.PARTIALS, sequencer.entry, where) ^ mask
            number = Signal(range(ENTRIES), name=f"{name}_number", reset_less=True)
            m.d.sync += number.eq(entry_of(instruction[name], mode, sequencer.row, start | in_row))
            if name == "write":
                m.d.comb += self.write_entry.eq(delayed(m, "write_entry_line", number, self.DEPTH - 1, platform))
            else:
                m.d.comb += getattr(self, f"{name}_entry").eq(number)
        valid = Signal(lanes)
        m.d.sync += valid.eq(Mux(sequencer.valid, self._written(instruction, where), 0))
        writes = Signal(lanes * (self.DEPTH - 1))  # reset, unlike what goes with it
        m.d.sync += writes.eq(Cat(valid, writes))
        m.d.comb += self.write.eq(writes[-lanes:])

        index = Cat(Const(0, exact_log2(lanes)), where) + self.steps.payload.element
        self._operate(m, instruction, exchanged, index, platform)
        return m

    def _exchanged(self, instruction) -> Value:
        """The bit of an element's number that differs from its partner's, or none."""
        number = instruction.exchange
        bits = exact_log2(PARTIALS * self.config.vector_lanes)
        one = Mux(number.any(), Const(1, bits) << (number - 1)[:3], 0)[:bits]
        return Mux(number == HALVES, self.elements[1 : bits + 1], one)

    def _written(self, instruction, where: Value) -> Value:
        """The lanes that write: a FOLD adds no element past the row's end."""
        lanes, count = self.config.vector_lanes, self.steps.payload.elements
        log2 = exact_log2(lanes)
        whole = where < (count >> log2)
        rest = Mux(where == (count >> log2), (1 << count[:log2]) - 1, 0)
        return Mux(whole | (instruction.extent != Extent.FOLD), (1 << lanes) - 1, rest)

    def _operate(self, m: Module, instruction, exchanged: Value, index: Value, platform):
        """Choose the operands of each lane, and compute."""
        lanes = self.config.vector_lanes
        line = place(m, "instruction_line", DelayLine(INSTRUCTION_SHAPE.size, _TO_OPERANDS), platform)
        m.d.comb += line.i.eq(instruction)
        late = data.View(INSTRUCTION_SHAPE, line.o)
        masks = delayed(m, "exchange_line", exchanged[: exact_log2(lanes)], _TO_OPERANDS, platform)
        numbers = delayed(m, "index_line", index, _TO_OPERANDS, platform)
        constants = {name: self._constant(m, name, instruction, platform) for name in "bc"}
        second = self.second
        for bit in range(exact_log2(lanes)):
            turned = Cat(second.word_select(lane ^ 1 << bit, _BITS) for lane in range(lanes))
            # A signal, or each lane would hold the expression of all lanes of the bit before.
            exchanged_by = Signal.like(second, name=f"exchanged_by_{1 << bit}")
            m.d.comb += exchanged_by.eq(Mux(masks[bit], turned, second))
            second = exchanged_by
        modifiers = ("op", "negate_a", "negate_c", "absolute_a", "absolute_c")
        control = {name: Signal.like(late[name], name=name, reset_less=True) for name in modifiers}
        m.d.sync += [signal.eq(late[name]) for name, signal in control.items()]
        results = []
        for number in range(lanes):
            lane = place(m, f"lane_{number}", VectorLane(), platform)
            one, other = self.first.word_select(number, _BITS), second.word_select(number, _BITS)
            index = Cat(Cat(numbers | number, Const(0, 22))[:22], Const(constant_bits(ROUND) >> 22, 10))
            operands = {
                "a": Mux(late.a_constant, constants["c"], one),
                "b": Mux(
                    late.b.as_value()[1],
                    Mux(late.b.as_value()[0], index, constants["b"]),
                    Mux(late.b.as_value()[0], other, one),
                ),
                "c": Mux(late.c_constant, constants["c"], other),
            }
            for name, value in operands.items():
                operand = Signal(_BITS, name=f"lane_{number}_{name}_operand", reset_less=True)
                m.d.sync += operand.eq(value)
                m.d.comb += getattr(lane, name).eq(operand)
            m.d.comb += [getattr(lane, name).eq(signal) for name, signal in control.items()]
            results.append(lane.o)
        m.d.comb += self.data.eq(Cat(results))

    def _constant(self, m: Module, name: str, instruction, platform) -> Value:
        """The bits of a constant operand, in time for the others."""
        number = delayed(m, f"constant_{name}_line", instruction[f"constant_{name}"], _TO_OPERANDS - 2, platform)
        value = Const(0, _BITS)
        fixed = Signal(_BITS, name=f"fixed_{name}", reset_less=True)
        m.d.sync += fixed.eq(0)
        with m.Switch(number):
            for place_, constant in enumerate(stored_programs(RecordFormat.of(self.config.a)).constants):
                if isinstance(constant, str):
                    value = Mux(number == place_, getattr(self, constant), value)
                    continue
                with m.Case(place_):
                    m.d.sync += fixed.eq(constant_bits(constant))
        return registered(m, f"constant_{name}", fixed | registered(m, f"scalar_{name}", value))
