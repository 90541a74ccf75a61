"""Runs programs of the vector engine on arrays: what the instructions mean, without the hardware that does them."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from unit.tilewright.accelerator.vector.test_lane import MODEL, modified

from tilewright.accelerator.contract import ONE_RESULT, PARTIALS, ElementType, Operation
from tilewright.accelerator.vector.compute import VectorCompute
from tilewright.accelerator.vector.constants import constant_bits
from tilewright.accelerator.vector.program.instructions import CONDITIONS, HALVES, Extent, Kind, Mode, Operand, Source
from tilewright.accelerator.vector.program.store import StoredPrograms, stored_programs

__all__ = ["Step", "conditions", "execute", "extent_of", "rows_at_once", "steps"]

_TYPES = {"float32": np.uint32, "uint16": np.uint16, "int32": np.uint32}


class Step(NamedTuple):
    """An instruction of a job, by its number in the store, and what it is for; see `step_shape`."""

    instruction: int
    row: int
    rows: int
    element: int
    elements: int


def extent_of(rows: int, elements: int) -> dict[str, int]:
    """The fields of `step_shape` that say how many rows and elements an instruction is for."""
    last_group = (elements - 1) // PARTIALS
    return {"rows": rows, "elements": elements, "last_row": rows - 1, "last_group": last_group}


def rows_at_once(n: int, lanes: int) -> int:
    """How many rows of n elements go into a register of 64 elements for each lane."""
    pitch = 1
    while pitch * PARTIALS < n and pitch < lanes:
        pitch *= 2
    return lanes // pitch


def conditions(operation, n: int, lanes: int, x_type, c_type) -> int:
    """The conditions that hold, one bit each."""
    of_c = (c_type == kind for kind in (ElementType.BF16, ElementType.RECORDS))
    weighted = operation == Operation.WEIGHTED_SOFTMAX
    hold = (n > PARTIALS * lanes, x_type == ElementType.INT32, *of_c, weighted)
    return sum(value << number for number, value in enumerate(hold))


def steps(store: StoredPrograms, operation, m: int, n: int, lanes: int, hold: int) -> list[Step]:
    """The instructions of a job, in order."""
    found = []
    batch, strip = 1 if operation == Operation.QUANTIZE else rows_at_once(n, lanes), PARTIALS * lanes
    for row in range(0, m, batch):
        place = store.starts[operation]
        ends = False
        while not ends:
            phase = place
            for element in range(0, n, strip):
                place = phase
                while True:
                    line = store.lines[place]
                    place = store.store if line.before_store else place + 1
                    if not store.instructions[line.instruction]["when"] & ~hold:
                        rows = min(batch, m - row)
                        found.append(Step(line.instruction, row, rows, element, min(strip, n - element)))
                    if line.phase_last:
                        break
                if not line.strips:
                    break
            ends = line.program_last
    return found


@dataclass
class _Machine:
    """The registers of the rows that are in work, and when each entry may be read."""

    row: int
    rows: int
    lanes: int
    rng: np.random.Generator
    vectors: dict = field(default_factory=dict)  # by register: bits [rows, elements of a register]
    scalars: dict = field(default_factory=dict)  # by register: bits [rows, lanes]
    ready: dict = field(default_factory=dict)  # by mode and register: the cycle from which an entry holds its result
    now: int = 0
    first: int = 0  # when the last instruction, or the last group of a FOLD, began
    drained: int = 0  # the cycle from which all results are there
    in_order: bool = False

    def storage(self, mode, register):
        """The numbers of a register, and the cycles from which they may be read."""
        scalar = mode == Mode.ROWS
        of = self.scalars if scalar else self.vectors
        if register not in of:
            shape = self.rows, self.lanes if scalar else PARTIALS * self.lanes
            of[register] = self.rng.integers(0, 1 << 32, shape, dtype=np.uint32)
            self.ready[scalar, register] = np.full(shape, -1)  # nothing has been written
        return of[register], self.ready[scalar, register]


def execute(operation, x, y, options: dict, c_type, lanes: int, seed: int) -> np.ndarray:
    """What the program of an operation makes of rows: bits [m, n], of bf16 16 of them, of QUANTIZE the lowest 8.

    Of ARGMAX it is int32 [m], of ABS_MAX bits [m, 1].
    """
    store = stored_programs()
    m, n = x.shape
    x_type = ElementType.INT32 if x.dtype == np.int32 else ElementType.FLOAT32
    result = np.zeros((m, 1 if operation in ONE_RESULT else n), np.uint32)
    machine = None
    for step in steps(store, operation, m, n, lanes, conditions(operation, n, lanes, x_type, c_type)):
        if machine is None or machine.row != step.row:
            machine = _Machine(step.row, step.rows, lanes, np.random.default_rng(seed))
        fields = store.instructions[step.instruction]
        if fields["kind"] == Kind.COMPUTE:
            _compute(machine, fields, step, store.constants, options, n)
            continue
        machine.now = max(machine.now, machine.drained)
        if fields["kind"] == Kind.LOAD:
            _load(machine, fields, step, x, y, options)
        else:
            bits, ready = machine.storage(fields["first_mode"], fields["first"])
            rows = slice(step.row, step.row + step.rows)
            if operation in ONE_RESULT:
                result[rows] = bits[:, :1] & (0x3FFFFF if operation == Operation.ARGMAX else 0xFFFFFFFF)
            else:
                assert (ready[:, : step.elements] >= 0).all() & (ready[:, : step.elements] <= machine.now).all()
                result[rows, step.element : step.element + step.elements] = bits[:, : step.elements]
    return result.astype(np.int32)[:, 0] if operation == Operation.ARGMAX else result


def _load(machine: _Machine, fields: dict, step: Step, x, y, options: dict) -> None:
    """Bits from memory; those behind the end of a row are any."""
    operand = fields["operand"]
    source = x if operand == Operand.X else y
    bits = source.view(_TYPES[source.dtype.name])
    if source.dtype == np.uint16:
        bits = bits.astype(np.uint32) << 16
    begin = step.element + (x.shape[1] if operand == Operand.Y_SECOND else 0)
    rows = np.arange(step.row, step.row + step.rows)
    taken = bits[rows if len(source) > 1 else rows * 0, begin : begin + step.elements]
    if fields["limited"]:
        high = np.minimum(options["limit"] + rows * options["causal"], x.shape[1])[:, None]
        low = high - options["window"] if options["window"] else 0
        inside = (np.arange(begin, begin + step.elements) < high) & (np.arange(begin, begin + step.elements) >= low)
        taken = np.where(inside, taken, 1 << 31 if x.dtype == np.int32 else 0xFF800000)
    register, ready = machine.storage(Mode.ELEMENTS, fields["write"])
    register[:] = machine.rng.integers(0, 1 << 32, register.shape, dtype=np.uint32)
    register[:, : step.elements] = taken
    ready[:] = machine.now


def _compute(machine: _Machine, fields: dict, step: Step, constants: list, options: dict, n: int) -> None:
    """Group by group, at the times at which `EntrySequencer` reads the entries."""
    depth, lanes = VectorCompute.DEPTH, machine.lanes
    extent = fields["extent"]
    whole = extent in (Extent.ELEMENTS, Extent.FOLD)
    groups = -(-step.elements // PARTIALS) if whole else 1
    width = lanes if extent == Extent.ROWS else PARTIALS
    follows = whole and machine.in_order and not fields["exchange"]
    machine.now = max(machine.now, machine.first + depth if follows else machine.drained)
    for group in range(groups):
        if extent == Extent.FOLD and group:
            machine.now = max(machine.now, machine.first + depth)
        if group == 0 or extent == Extent.FOLD:
            machine.first = machine.now
        entries = width // lanes
        row, element = np.arange(machine.rows)[:, None], np.arange(width)
        times = machine.now + row * entries + element // lanes
        machine.now += machine.rows * entries
        operands = {}
        for name in ("first", "second"):
            if name in fields:
                exchange = fields["exchange"] if name == "second" else 0
                places = _places(fields[f"{name}_mode"], group, element, lanes, exchange, n)
                bits, ready = machine.storage(fields[f"{name}_mode"], fields[name])
                needed = element < step.elements - group * PARTIALS if whole else element >= 0
                assert (ready[:, places][:, needed] >= 0).all(), "a register is read that nothing was written to"
                assert (ready[:, places] <= times).all(), "a result is read before it is there"
                operands[name] = bits[:, places]
        result = _operate(fields, operands, constants, options, step.element + group * PARTIALS + element)
        result = np.broadcast_to(result, times.shape)
        kept = element + group * PARTIALS < step.elements if extent == Extent.FOLD else element >= 0
        register, ready = machine.storage(fields["write_mode"], fields["write"])
        places = _places(fields["write_mode"], group, element, lanes, 0, n)[kept]
        register[:, places] = result[:, kept]
        ready[:, places] = times[:, kept] + depth
    machine.drained = machine.now - 1 + depth
    machine.in_order = extent == Extent.ELEMENTS


def _places(mode, group: int, element, lanes: int, exchange: int, n: int):
    """Where the numbers of a group's elements are in a register."""
    if mode == Mode.ROWS:
        return element % lanes
    mask = n // 2 if exchange == HALVES else (1 << exchange >> 1)
    return (element if mode == Mode.PARTIALS else group * PARTIALS + element) ^ mask


def _operate(fields: dict, operands: dict, constants: list, options: dict, index):
    """What all lanes make of their operands."""

    def constant(name):
        number = constants[fields.get(f"constant_{name}", 0)]
        bits = np.float32(options[number]).view(np.uint32) if isinstance(number, str) else constant_bits(number)
        return np.full((1, len(index)), bits, np.uint32)

    a = constant("c") if fields["a_constant"] else operands["first"]
    c = constant("c") if fields["c_constant"] else operands["second"]
    b = {
        Source.FIRST: lambda: operands["first"],
        Source.SECOND: lambda: operands["second"],
        Source.CONSTANT: lambda: constant("b"),
        Source.INDEX: lambda: np.uint32(0x4B400000) + index.astype(np.uint32)[None],
    }[fields["b"]]()
    a = modified(a, fields["negate_a"], fields["absolute_a"]).view(np.float32)
    c = modified(c, fields["negate_c"], fields["absolute_c"]).view(np.float32)
    return MODEL[fields["op"]](*np.broadcast_arrays(a, b.view(np.float32), c)).view(np.uint32)


assert CONDITIONS == ("again", "int32", "bf16", "records", "weighted")
