"""A descriptor of a network, with what it is for and what in it depends on the position."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tilewright_sim.host import AnyDescriptor

from ..cycle_accounting import Work

__all__ = ["VARIABLES", "Step"]

VARIABLES = ("end", "key", "scale", "code", "turn")
"""What the descriptors of a single token need of its position: the number of positions with its own; the bytes before
its keys, before the scale of its values, from the first code of a row of values to its own, and before its rotation."""


@dataclass(frozen=True)
class Step:
    """A descriptor, and what it is for.

    Parameters
    ----------
    descriptor : Descriptor or VectorDescriptor
    work : Work
        For the accounting.
    kind : str
        Of `cycle_accounting.KINDS`.
    layer : int
        The number of layers, for the output layer and what is before it.
    refers : dict
        The fields of the descriptor, by name, to which a variable of `VARIABLES` is added; of a single token.
    """

    descriptor: AnyDescriptor
    work: Work
    kind: str
    layer: int
    refers: Mapping[str, str] = field(default_factory=dict)

    def referring(self, values: Mapping[str, int]) -> AnyDescriptor:
        """Return the descriptor for all positions, by the ``values`` that variables have for this one."""
        less = {name: getattr(self.descriptor, name) - values[variable] for name, variable in self.refers.items()}
        numbers = {name: VARIABLES.index(variable) for name, variable in self.refers.items()}
        return replace(self.descriptor, **less).refer(**numbers)
