"""All programs in one memory, and the constants of their instructions."""

from functools import cache
from typing import NamedTuple

from tilewright.accelerator.contract import Operation

from ..results.record_format import RecordFormat
from .instructions import CONSTANT_BITS, Kind
from .programs import STORE, Phase, program_of, same_program, store

__all__ = ["StoredPrograms", "stored_programs"]


class Line(NamedTuple):
    """A line of a program.

    Parameters
    ----------
    instruction : int
        The number of its instruction.
    strips : bool
        It belongs to a phase of strips.
    phase_last, program_last : bool
        It is the last of its phase, of its program.
    before_store : bool
        The lines that all programs end with follow.
    """

    instruction: int
    strips: bool
    phase_last: bool
    program_last: bool
    before_store: bool


class StoredPrograms(NamedTuple):
    """Encoded programs.

    Parameters
    ----------
    lines : list of Line
    instructions : list of dict
        The fields of each different instruction.
    starts : dict of Operation to int
        Where the program of an operation begins.
    constants : list of float or str
        What the instructions' constants stand for; ``"scalar"`` and ``"scalar2"`` come from the job.
    store : int
        Where the lines begin that all programs end with.
    """

    lines: list[Line]
    instructions: list[dict]
    starts: dict[Operation, int]
    constants: list[float | str]
    store: int


@cache
def stored_programs(form: RecordFormat | None = None, loads: bool = False) -> StoredPrograms:
    """The programs of all operations, one after the other; with ``loads``, what they load and nothing else.

    Parameters
    ----------
    form : RecordFormat or None
        Of the records that can be stored.
    """
    found = StoredPrograms([], [], {}, ["scalar", "scalar2"], 0)
    for operation in Operation.__members__.values():
        if (first := same_program(operation)) in found.starts:
            found.starts[operation] = found.starts[first]
            continue
        found.starts[operation] = len(found.lines)
        phases = program_of(operation)
        if loads:
            only = [[one for one in phase.instructions if one.kind is Kind.LOAD] for phase in phases]
            phases = [Phase(some, phase.strips) for some, phase in zip(only, phases, strict=True) if some]
        for phase in phases:
            _append(found, phase, phase is phases[-1])
    found = found._replace(store=len(found.lines))
    if not loads:
        _append(found, store(form), True)
    if len(found.constants) > 1 << CONSTANT_BITS:
        raise ValueError(f"{len(found.constants)} constants do not fit into {CONSTANT_BITS} bits")
    return found


def _append(found: StoredPrograms, phase: Phase, last_phase: bool) -> None:
    """Add the lines of a phase; a STORE that is common to all programs is left to the line before it."""
    instructions = [one for one in phase.instructions if one is not STORE]
    common = len(instructions) < len(phase.instructions)
    for place, instruction in enumerate(instructions):
        fields = instruction.encode(found.constants)
        if fields not in found.instructions:
            found.instructions.append(fields)
        last = place == len(instructions) - 1
        ends = last and not common
        number = found.instructions.index(fields)
        found.lines.append(Line(number, phase.strips, ends, ends and last_phase, last and common))
