"""All programs in one memory, and the constants of their instructions."""

from functools import cache
from typing import NamedTuple

from tilewright.accelerator.contract import Operation

from .instructions import CONSTANT_BITS, Kind
from .programs import Phase, program_of

__all__ = ["StoredPrograms", "stored_programs"]


class Line(NamedTuple):
    """A line of a program: the number of an instruction, and whether it ends a phase of strips, a phase, a program."""

    instruction: int
    strips: bool
    phase_last: bool
    program_last: bool


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
    """

    lines: list[Line]
    instructions: list[dict]
    starts: dict[Operation, int]
    constants: list[float | str]


@cache
def stored_programs(loads: bool = False) -> StoredPrograms:
    """The programs of all operations, one after the other; with ``loads``, what they load and nothing else."""
    lines: list[Line] = []
    instructions: list[dict] = []
    starts: dict[Operation, int] = {}
    constants: list[float | str] = ["scalar", "scalar2"]
    for operation in Operation.__members__.values():
        starts[operation] = len(lines)
        phases = program_of(operation)
        if loads:
            phases = [
                Phase([one for one in phase.instructions if one.kind is Kind.LOAD], phase.strips) for phase in phases
            ]
            phases = [phase for phase in phases if phase.instructions]
        for phase in phases:
            for instruction in phase.instructions:
                fields = instruction.encode(constants)
                if fields not in instructions:
                    instructions.append(fields)
                last = instruction is phase.instructions[-1]
                lines.append(Line(instructions.index(fields), phase.strips, last, last and phase is phases[-1]))
    if len(constants) > 1 << CONSTANT_BITS:
        raise ValueError(f"{len(constants)} constants do not fit into {CONSTANT_BITS} bits")
    return StoredPrograms(lines, instructions, starts, constants)
