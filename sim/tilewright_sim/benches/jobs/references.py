"""Random variables, and descriptors that refer to them."""

import random
from collections.abc import Sequence

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.accelerator.registers import REFERABLE

from .job import Job

__all__ = ["draw_references", "draw_variables"]

_SHARE = 0.25
"""Of fields that refer to a variable, where one can."""


def draw_variables(chance: random.Random, config: AcceleratorConfig, size: int) -> tuple[int, ...]:
    """Return values of the variables: sizes, addresses in a memory of ``size`` bytes, 0, and any 32 bits."""
    choices = [lambda: 0, lambda: chance.randint(1, 16), lambda: chance.randrange(size), lambda: chance.getrandbits(32)]
    return tuple(chance.choice(choices)() for _ in range(config.variables))


def draw_references(chance: random.Random, job: Job, values: Sequence[int], base: int) -> dict[str, int]:
    """Return the variables to which fields of a descriptor refer, by the names of the fields.

    ``values`` are those of the variables, ``base`` is the address where the memory of the jobs begins. A field's own
    part, which is added, is not negative.
    """
    found = {}
    moved = job.descriptor.moved(base)
    for name in REFERABLE:
        able = [number for number, value in enumerate(values) if value <= getattr(moved, name)]
        if able and chance.random() < _SHARE:
            found[name] = chance.choice(able)
    return found
