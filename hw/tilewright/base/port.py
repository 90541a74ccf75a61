"""The Verilog ports of each product, under the names that buses and streams have everywhere."""

from dataclasses import dataclass

from amaranth.hdl import Value

__all__ = ["Port"]


@dataclass(frozen=True)
class Port:
    """One port of a generated top level.

    Parameters
    ----------
    direction : str
        ``input`` or ``output``.
    name : str
    value : Value
        What it is connected to: a port of the component, or a part of one.
    about : str
        One line for the port table.
    """

    direction: str
    name: str
    value: Value
    about: str
