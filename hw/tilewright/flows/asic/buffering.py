"""Finish a netlist of library cells: constants from tie cells, and buffers where one cell drives too many."""

from collections import defaultdict
from typing import Any

from .liberty import LibCell, Library

__all__ = ["buffer_cell", "finish_netlist"]

# Of the largest load that a cell may drive, the share that is used: at the limit itself edges are slow.
LOAD_SHARE = 0.25
# Where a library says nothing about loads.
FANOUT = 16
TIE_FANOUT = 64


def buffer_cell(library: Library) -> LibCell | None:
    """Return the buffer that drives most for its area and its own load, of those up to twice the smallest, or None."""
    buffers = [
        cell
        for cell in library.usable()
        if not cell.sequential
        and len(cell.inputs) == len(cell.outputs) == 1
        and cell.outputs[0].function.strip("() ") == cell.inputs[0].name
    ]
    buffers = [cell for cell in buffers if cell.area <= 2 * buffers[0].area]

    def worth(cell: LibCell) -> float:
        load = cell.inputs[0].capacitance * cell.area
        return cell.outputs[0].max_capacitance / load if load else 0.0

    return max(buffers, key=worth, default=None)


def finish_netlist(module: dict[str, Any], library: Library, ideal: set[int]) -> int:
    """Remove the buffers that mapping left, tie constants, and split nets with too large a load, in place.

    Parameters
    ----------
    module : dict
        Of Yosys' ``write_json``: flat, with cells of ``library`` and black boxes.
    library : Library
    ideal : set of int
        Nets that are left alone, such as the clock.

    Returns
    -------
    int
        How many buffers were put in.
    """
    _remove_buffers(module, library)
    netlist = _Netlist(module, library)
    _tie(netlist)
    buffer = buffer_cell(library)
    if buffer is None:
        return 0
    before = netlist.number
    for net in list(netlist.readers):
        if isinstance(net, int) and net not in ideal:
            _split(netlist, net, buffer)
    return netlist.number - before


class _Netlist:
    def __init__(self, module: dict[str, Any], library: Library):
        self.module = module
        self.library = library
        # The readers of each net as (cell, port, index), and the load of its driver.
        self.readers: dict[int | str, list[tuple[str, str, int]]] = defaultdict(list)
        self.limit: dict[int, float] = {}
        self.next_net = 1
        self.number = 0
        for name, cell in module["cells"].items():
            for port, bits in cell["connections"].items():
                output = cell["port_directions"][port] == "output"
                for index, bit in enumerate(bits):
                    if isinstance(bit, int):
                        self.next_net = max(self.next_net, bit + 1)
                    if not output:
                        self.readers[bit].append((name, port, index))
                    elif isinstance(bit, int) and (pin := self.pin(name, port)):
                        self.limit[bit] = pin.max_capacitance * LOAD_SHARE
        for net in [*module["netnames"].values(), *module["ports"].values()]:
            self.next_net = max([self.next_net, *(bit + 1 for bit in net["bits"] if isinstance(bit, int))])

    def pin(self, cell: str, port: str) -> Any:
        kind = self.library.cells.get(self.module["cells"][cell]["type"])
        return kind.pins.get(port) if kind else None

    def load(self, reader: tuple[str, str, int]) -> float:
        pin = self.pin(*reader[:2])
        return pin.capacitance if pin else 0.0

    def add(self, kind: LibCell, pins: dict[str, int | str], attributes: dict[str, Any]) -> None:
        self.module["cells"][f"$driver${self.number}"] = {
            "hide_name": 1,
            "type": kind.name,
            "parameters": {},
            "attributes": attributes,
            "port_directions": {pin: kind.pins[pin].direction for pin in pins},
            "connections": {pin: [bit] for pin, bit in pins.items()},
        }
        self.number += 1

    def move(self, readers: list[tuple[str, str, int]]) -> int:
        """Give readers a net of their own."""
        net, self.next_net = self.next_net, self.next_net + 1
        for cell, port, index in readers:
            self.module["cells"][cell]["connections"][port][index] = net
        self.readers[net] = readers
        return net


def _remove_buffers(module: dict[str, Any], library: Library) -> None:
    """Join the nets on both sides of each buffer that mapping put between a source and a sink which are not gates."""
    alias: dict[int | str, int | str] = {}
    kept = {bit for port in module["ports"].values() if port["direction"] == "output" for bit in port["bits"]}
    for name, cell in list(module["cells"].items()):
        kind = library.cells.get(cell["type"])
        if kind is None or kind.sequential or len(kind.inputs) != 1 or len(kind.outputs) != 1:
            continue
        source, sink = kind.inputs[0].name, kind.outputs[0].name
        output = cell["connections"][sink][0]
        if kind.outputs[0].function.strip("() ") == source and output not in kept:
            alias[output] = cell["connections"][source][0]
            del module["cells"][name]

    def resolve(bit: int | str) -> int | str:
        while bit in alias:
            bit = alias[bit]
        return bit

    for cell in module["cells"].values():
        cell["connections"] = {port: [resolve(b) for b in bits] for port, bits in cell["connections"].items()}
    for net in module["netnames"].values():
        net["bits"] = [resolve(bit) for bit in net["bits"]]
    # A name of what nothing drives any more is none.
    driven = {
        bit
        for cell in module["cells"].values()
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "output"
        for bit in bits
    } | {bit for port in module["ports"].values() if port["direction"] == "input" for bit in port["bits"]}
    for net in module["netnames"].values():
        net["bits"] = [bit if bit in driven else "x" for bit in net["bits"]]


def _tie(netlist: _Netlist) -> None:
    """Drive constant inputs of library cells by tie cells, if there are any."""
    for value in "01":
        cell = next(
            (
                cell
                for cell in netlist.library.usable()
                if not cell.inputs and len(cell.outputs) == 1 and cell.outputs[0].function.strip("() ") == value
            ),
            None,
        )
        readers = [reader for reader in netlist.readers[value] if netlist.pin(*reader[:2])]
        if cell is None:
            continue
        for first in range(0, len(readers), TIE_FANOUT):
            group = readers[first : first + TIE_FANOUT]
            attributes = netlist.module["cells"][group[0][0]].get("attributes", {})
            netlist.add(cell, {cell.outputs[0].name: netlist.move(group)}, attributes)


def _split(netlist: _Netlist, net: int, buffer: LibCell) -> None:
    """Put a tree of buffers behind a net until each driver has a load that suits it."""
    own = buffer.outputs[0].max_capacitance * LOAD_SHARE
    limit = netlist.limit.get(net, own)

    def fits(readers: list[tuple[str, str, int]], bound: float) -> bool:
        return sum(map(netlist.load, readers)) <= bound if bound else len(readers) <= FANOUT

    while not fits(netlist.readers[net], limit) and len(netlist.readers[net]) > 1:
        rest = netlist.readers[net]
        groups: list[list[tuple[str, str, int]]] = [[]]
        for reader in rest:
            if groups[-1] and not fits([*groups[-1], reader], own):
                groups.append([])
            groups[-1].append(reader)
        # Behind the last few, readers stay where they are if they fit with the buffers.
        netlist.readers[net] = []
        for group in groups:
            attributes = netlist.module["cells"][group[0][0]].get("attributes", {})
            name = f"$driver${netlist.number}"
            moved = netlist.move(group)
            netlist.add(buffer, {buffer.inputs[0].name: net, buffer.outputs[0].name: moved}, attributes)
            netlist.readers[net].append((name, buffer.inputs[0].name, 0))
        if len(groups) >= len(rest):
            break
