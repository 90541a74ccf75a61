"""Map full adders to those of a cell library, with as few inverters between them as can be.

Synthesis for standard cells knows gates with one output only, so of a library's full adder it makes gates of twice the
area. Here full adders stay what they are. Where a library has them with inverted outputs only, each is built in one of
two ways: from true inputs to inverted outputs or, an adder being self-dual, from inverted inputs to true outputs. An
inverter is needed only where two neighbours of the same kind meet.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .liberty import LibCell, Library

__all__ = ["AdderCell", "adder_cells", "map_adders"]

_MAJORITY = (0, 0, 0, 1, 0, 1, 1, 1)
_PARITY = (0, 1, 1, 0, 1, 0, 0, 1)
_AND = (0, 0, 0, 1)
_XOR = (0, 1, 1, 0)
Bit = int | str
"""A net of a Yosys netlist, or a constant ``"0"``, ``"1"``, ``"x"``."""


@dataclass(frozen=True)
class AdderCell:
    """A full or half adder of a library.

    Parameters
    ----------
    cell : LibCell
    inputs : tuple of str
    carry, total : str
        Output pins.
    inverted : bool
        Whether both outputs are inverted.
    """

    cell: LibCell
    inputs: tuple[str, ...]
    carry: str
    total: str
    inverted: bool


def adder_cells(library: Library) -> dict[int, AdderCell]:
    """Return the smallest full adder (3) and half adder (2) of a library, by inputs; none is missing silently.

    A half adder counts only if a full adder was found.
    """
    found: dict[int, AdderCell] = {}
    for cell in library.usable():
        inputs = tuple(pin.name for pin in cell.inputs)
        if cell.sequential or len(inputs) not in (2, 3) or len(inputs) in found or len(cell.outputs) != 2:
            continue
        carry, parity = (_MAJORITY, _PARITY) if len(inputs) == 3 else (_AND, _XOR)
        tables = {pin.name: cell.table(pin, inputs) for pin in cell.outputs if pin.function}
        for inverted in (False, True):
            wanted = [tuple(bit ^ inverted for bit in table) for table in (carry, parity)]
            names = [next((name for name, table in tables.items() if table == want), None) for want in wanted]
            if names[0] and names[1]:
                found[len(inputs)] = AdderCell(cell, inputs, names[0], names[1], inverted)
    return found if 3 in found else {}


@dataclass
class _Adder:
    inputs: list[Bit]
    carry: int
    total: int
    attributes: dict[str, Any]
    dual: bool = False


def map_adders(module: dict[str, Any], cells: dict[int, AdderCell], inverting_flops: bool) -> None:
    """Replace the ``$fa`` of one bit in a flat module of a Yosys netlist, in place.

    Parameters
    ----------
    module : dict
        Of Yosys' ``write_json``.
    cells : dict of AdderCell
        From `adder_cells`, not empty.
    inverting_flops : bool
        Whether flip-flops (``$_DFF_P_``) take their data inverted.
    """
    builder = _Builder(module)
    adders = [name for name, cell in module["cells"].items() if cell["type"] == "$fa"]
    chosen: list[_Adder] = []
    for name in _sorted(module, adders):
        cell = module["cells"].pop(name)
        wires = cell["connections"]
        builder.reduce(
            [wires[port][0] for port in "ABC"], wires["X"][0], wires["Y"][0], cell.get("attributes", {}), chosen
        )
    builder.finish(chosen, cells, inverting_flops)


def _sorted(module: dict[str, Any], adders: Iterable[str]) -> list[str]:
    """Adders from inputs to outputs, so that what is constant at one is known at the next."""
    cells = module["cells"]
    driver = {cells[name]["connections"][port][0]: name for name in adders for port in "XY"}
    order: list[str] = []
    seen: set[str] = set()
    for start in driver.values():
        stack = [(start, False)]
        while stack:
            name, ready = stack.pop()
            if ready:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                stack.append((name, True))
                wires = cells[name]["connections"]
                stack += [(driver[wires[p][0]], False) for p in "ABC" if wires[p][0] in driver]
    return order


class _Builder:
    """Adds cells and nets to a module; ``alias`` says which nets turned out to be others or constants."""

    def __init__(self, module: dict[str, Any]):
        self.module = module
        self.alias: dict[int, Bit] = {}
        bits = [b for cell in module["cells"].values() for wire in cell["connections"].values() for b in wire]
        bits += [b for net in module["netnames"].values() for b in net["bits"]]
        self.next_net = max((b for b in bits if isinstance(b, int)), default=1) + 1
        self.number = 0

    def resolve(self, bit: Bit) -> Bit:
        while isinstance(bit, int) and bit in self.alias:
            bit = self.alias[bit]
        return "0" if bit in ("x", "z") else bit

    def net(self) -> int:
        self.next_net += 1
        return self.next_net - 1

    def add(self, kind: str, attributes: dict[str, Any], inputs: dict[str, Bit], outputs: dict[str, int]) -> None:
        self.number += 1
        self.module["cells"][f"$adders${self.number}"] = {
            "type": kind,
            "hide_name": 1,
            "parameters": {},
            "attributes": dict(attributes),
            "port_directions": dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output"),
            "connections": {port: [bit] for port, bit in {**inputs, **outputs}.items()},
        }

    def gate(self, kind: str, attributes: dict[str, Any], inputs: list[Bit], output: int) -> None:
        self.add(kind, attributes, dict(zip("AB", inputs, strict=False)), {"Y": output})

    def inverse(self, bit: Bit, attributes: dict[str, Any]) -> Bit:
        if isinstance(bit, str):
            return "1" if bit == "0" else "0"
        self.gate("$_NOT_", attributes, [bit], output := self.net())
        return output

    def reduce(self, inputs: list[Bit], carry: int, total: int, attributes: dict[str, Any], kept: list[_Adder]) -> None:
        """Keep an adder, or its reduced form where inputs are constant or the same."""
        nets = [bit for bit in map(self.resolve, inputs) if isinstance(bit, int)]
        ones = sum(1 for bit in map(self.resolve, inputs) if bit == "1")
        for bit in set(nets):
            if nets.count(bit) > 1:  # x + x is a carry of x
                nets.remove(bit)
                nets.remove(bit)
                self.alias[carry] = bit
                rest: Bit = nets[0] if nets else "01"[ones]
                self.alias[total] = rest
                return
        if len(nets) == 3 or (len(nets) == 2 and ones == 0):
            kept.append(_Adder([*nets], carry, total, attributes))
        elif len(nets) == 2:
            kept.append(_Adder([*nets, "1"], carry, total, attributes))
        elif len(nets) == 1:
            self.alias[carry] = ("0", nets[0], "1")[ones]
            self.alias[total] = self.inverse(nets[0], attributes) if ones == 1 else nets[0]
        else:
            self.alias[carry], self.alias[total] = "01"[ones >= 2], "01"[ones % 2]

    def finish(self, adders: list[_Adder], cells: dict[int, AdderCell], inverting_flops: bool) -> None:
        """Write the kept adders, once everything is known that reads them."""
        module = self.module
        for cell in module["cells"].values():
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) != "output":
                    cell["connections"][port] = [self.resolve(b) if b in self.alias else b for b in bits]
        for port in module["ports"].values():
            port["bits"] = [self.resolve(b) if b in self.alias else b for b in port["bits"]]
        for net in module["netnames"].values():
            net["bits"] = [self.resolve(b) if b in self.alias else b for b in net["bits"]]
        for adder in adders:
            adder.inputs = [self.resolve(bit) for bit in adder.inputs]
        used = self._live(adders)
        adders = [adder for adder in adders if adder.carry in used or adder.total in used]
        plain = [a for a in adders if self._as_gates(a, cells, used)]
        kept = [adder for adder in adders if not any(adder is other for other in plain)]
        if cells[3].inverted:
            _choose_kinds(kept, module, inverting_flops)
        for adder in plain:
            self._write_gates(adder, used)
        for adder in kept:
            self._write(adder, cells)

    def _live(self, adders: list[_Adder]) -> set[Bit]:
        """Nets that something reads: cells, ports, and adders whose own outputs are read."""
        used: set[Bit] = {
            bit
            for cell in self.module["cells"].values()
            for port, bits in cell["connections"].items()
            if cell["port_directions"].get(port) != "output"
            for bit in bits
        }
        used |= {b for port in self.module["ports"].values() if port["direction"] == "output" for b in port["bits"]}
        for adder in reversed(adders):
            if adder.carry in used or adder.total in used:
                used.update(adder.inputs)
        return used

    @staticmethod
    def _as_gates(adder: _Adder, cells: dict[int, AdderCell], used: set[Bit]) -> bool:
        nets = [bit for bit in adder.inputs if isinstance(bit, int)]
        if adder.total not in used:
            return True
        return len(nets) == 2 and (2 not in cells or adder.carry not in used or len(adder.inputs) == 3)

    def _write_gates(self, adder: _Adder, used: set[Bit]) -> None:
        a, b, *rest = adder.inputs
        attributes = adder.attributes
        if len(adder.inputs) == 2:
            if adder.carry in used:
                self.gate("$_AND_", attributes, [a, b], adder.carry)
            if adder.total in used:
                self.gate("$_XOR_", attributes, [a, b], adder.total)
        elif rest == ["1"]:
            if adder.carry in used:
                self.gate("$_OR_", attributes, [a, b], adder.carry)
            if adder.total in used:
                self.gate("$_XNOR_", attributes, [a, b], adder.total)
        else:  # only the carry of three
            either, both, chosen = self.net(), self.net(), self.net()
            self.gate("$_OR_", attributes, [a, b], either)
            self.gate("$_AND_", attributes, [a, b], both)
            self.gate("$_AND_", attributes, [either, rest[0]], chosen)
            self.gate("$_OR_", attributes, [both, chosen], adder.carry)

    def _write(self, adder: _Adder, cells: dict[int, AdderCell]) -> None:
        shape = cells[len(adder.inputs)]
        inputs = [self.inverse(bit, adder.attributes) if adder.dual else bit for bit in adder.inputs]
        outputs = {shape.carry: adder.carry, shape.total: adder.total}
        if shape.inverted and not adder.dual:
            for pin, net in list(outputs.items()):
                outputs[pin] = self.net()
                self.gate("$_NOT_", adder.attributes, [outputs[pin]], net)
        self.add(shape.cell.name, adder.attributes, dict(zip(shape.inputs, inputs, strict=True)), outputs)


def _choose_kinds(adders: list[_Adder], module: dict[str, Any], inverting_flops: bool) -> None:
    """Choose for each adder the kind that leaves fewest inverters, sweeping until nothing improves.

    A net costs an inverter if it is wanted both ways, or only the way it is not driven. Half adders are not duals of
    themselves and stay as they are.
    """
    driver: dict[Bit, _Adder] = {net: adder for adder in adders for net in (adder.carry, adder.total)}
    readers: dict[Bit, list[_Adder]] = defaultdict(list)
    for adder in adders:
        for bit in adder.inputs:
            readers[bit].append(adder)
    # How else a net is read: inverted by flip-flops, either way by logic, which adapts.
    flops: set[Bit] = set()
    for cell in module["cells"].values():
        if cell["type"] == "$_DFF_P_":
            flops.update(cell["connections"]["D"])

    def cost(net: Bit) -> int:
        wants = {reader.dual for reader in readers[net]}
        if net in flops:
            wants.add(inverting_flops)
        source = driver.get(net)
        if source is None:  # gates give what is wanted; both ways cost one
            return int(len(wants) == 2)
        return int(source.dual in wants)  # a dual drives the true value: inverted is wanted by duals

    movable = [adder for adder in adders if len(adder.inputs) == 3]
    for _ in range(20):
        improved = False
        for adder in movable:
            nets = {*adder.inputs, adder.carry, adder.total}
            before = sum(map(cost, nets))
            adder.dual = not adder.dual
            if sum(map(cost, nets)) < before:
                improved = True
            else:
                adder.dual = not adder.dual
        if not improved:
            break
