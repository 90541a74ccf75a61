"""All programs in one memory, and the constants of their instructions."""

from functools import cache
from typing import NamedTuple

from tilewright.accelerator.contract import Operation

from .instructions import CONSTANT_BITS
from .programs import program_of

__all__ = ["StoredPrograms", "stored_programs"]


class StoredPrograms(NamedTuple):
    """Encoded programs.

    Parameters
    ----------
    words : list of dict
        The fields of each instruction.
    starts : dict of Operation to int
        Where the program of an operation begins.
    constants : list of float or str
        What the instructions' constants stand for; ``"scalar"`` and ``"scalar2"`` come from the job.
    """

    words: list[dict]
    starts: dict[Operation, int]
    constants: list[float | str]


@cache
def stored_programs() -> StoredPrograms:
    """The programs of all operations, one after the other."""
    words: list[dict] = []
    starts: dict[Operation, int] = {}
    constants: list[float | str] = ["scalar", "scalar2"]
    for operation in Operation:
        starts[operation] = len(words)
        phases = program_of(operation)
        for number, phase in enumerate(phases):
            for place, instruction in enumerate(phase.instructions):
                last = place == len(phase.instructions) - 1
                words.append(
                    instruction.encode(constants, last, last and number == len(phases) - 1, phase.strips)
                )
    if len(constants) > 1 << CONSTANT_BITS:
        raise ValueError(f"{len(constants)} constants do not fit into {CONSTANT_BITS} bits")
    return StoredPrograms(words, starts, constants)
