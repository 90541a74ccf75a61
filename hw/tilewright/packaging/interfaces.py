"""The bus interfaces of a core, found by the names of its ports."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tilewright.base import Port

__all__ = ["Interface", "interfaces_of"]

# AXI interfaces are called s_axil, m_axi, s_axis_act, …; signals of AXI4-Stream start with a t.
_PORT = re.compile(r"(?P<bus>(?P<side>[sm])_(?P<kind>axil|axis|axi)(_[a-z]+)?)_(?P<signal>[a-z]+)")


@dataclass(frozen=True)
class Interface:
    """Ports that form an AXI4, AXI4-Lite or AXI4-Stream interface.

    Parameters
    ----------
    name : str
        What the names of its ports start with.
    stream : bool
        AXI4-Stream; otherwise AXI4 or AXI4-Lite.
    manager : bool
        The core starts the transfers.
    ports : dict of str
        The name of each port, by the name of its signal in the AXI specification (``AWADDR``, ``TDATA``).
    """

    name: str
    stream: bool
    manager: bool
    ports: dict[str, str]


def interfaces_of(ports: Sequence[Port]) -> list[Interface]:
    """The interfaces among a core's ports, in their order."""
    found: dict[str, Interface] = {}
    for port in ports:
        if match := _PORT.fullmatch(port.name):
            name = match["bus"]
            interface = found.setdefault(name, Interface(name, match["kind"] == "axis", match["side"] == "m", {}))
            interface.ports[match["signal"].upper()] = port.name
    return list(found.values())
