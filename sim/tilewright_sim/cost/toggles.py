"""Toggle rates of all nets of a mapped netlist in a run of the RTL, and a check that the two agree."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tilewright.base import TilewrightError
from tilewright.flows.asic import MEMORY, AsicNetlist

from .recording import Bits, Recording

__all__ = ["Activity", "replay", "wanted_signals"]

_OPERATORS = {"!": "1^", "*": "&", "&": "&", "+": "|", "|": "|", "^": "^", "(": "(", ")": ")"}


@dataclass(frozen=True)
class Activity:
    """The activity of a netlist.

    Parameters
    ----------
    nets : dict of (float, float)
        For each net, the average number of changes per cycle and the share of cycles in which it is 1.
    cycles : int
    registers : int
        Number of flip-flops whose next value, computed in the netlist, was compared with the RTL in every cycle.
    followed : int
        Number of flip-flops without a name in the RTL, whose values are computed from their inputs.
    """

    nets: dict[int, tuple[float, float]]
    cycles: int
    registers: int
    followed: int


def wanted_signals(netlist: AsicNetlist) -> set[str]:
    """Return the names of the nets that flip-flops, memories and input ports drive."""
    sources = {bit for bit, _ in _sources(netlist)}
    return {name for name, net in netlist.module["netnames"].items() if any(bit in sources for bit in net["bits"])}


def _sources(netlist: AsicNetlist) -> list[tuple[int, str]]:
    """Return the nets at which logic starts, and the cell that drives each (empty for a port)."""
    module, flop = netlist.module, netlist.flop
    nets = [(bit, "") for port in module["ports"].values() if port["direction"] == "input" for bit in port["bits"]]
    for name, cell in module["cells"].items():
        if cell["type"] == flop.cell.name:
            nets.append((cell["connections"][flop.output][0], name))
        elif cell["type"] == MEMORY:
            nets += [(bit, name) for bit in cell["connections"]["RD_DATA"] if isinstance(bit, int)]
    return nets


def replay(netlist: AsicNetlist, recording: Recording, window: range | None = None) -> Activity:
    """Compute every net of a netlist in every cycle from the values of the RTL's registers, and count the changes.

    Logic has zero delay, so there are no glitches: a net changes at most once per cycle. The next value of each
    flip-flop is compared with the RTL's register in the following cycle, to check that the netlist matches the RTL.

    Parameters
    ----------
    netlist : AsicNetlist
    recording : Recording
    window : range or None
        Cycles to count, all by default.

    Raises
    ------
    TilewrightError
        If the netlist and the RTL differ.
    """
    values = _known(netlist, recording)
    followed = _evaluate(netlist, recording.cycles, values)
    registers = _compare(netlist, values, followed)
    kept = slice(window.start, window.stop) if window else slice(None)
    nets = {}
    for bit, series in values.items():
        part = series[kept]
        changes = np.count_nonzero(part[1:] != part[:-1]) / max(len(part) - 1, 1)
        nets[bit] = (float(changes), float(part.mean()))
    return Activity(nets, len(next(iter(values.values()))[kept]), registers, len(followed))


def _known(netlist: AsicNetlist, recording: Recording) -> dict[int, Bits]:
    known: dict[int, Bits] = {}
    sources = {bit for bit, _ in _sources(netlist)}
    for name, net in netlist.module["netnames"].items():
        series = recording.signals.get(name)
        if series is None or series.shape[1] != len(net["bits"]):
            continue
        for index, bit in enumerate(net["bits"]):
            if bit in sources and bit not in known:
                known[bit] = np.ascontiguousarray(series[:, index])
    missing = [bit for bit, cell in _sources(netlist) if bit not in known and not cell and bit not in _clock(netlist)]
    if missing:
        raise TilewrightError(f"{len(missing)} bits of input ports are not in the recording")
    return known


def _clock(netlist: AsicNetlist) -> list[int]:
    return netlist.module["ports"].get("clk", {"bits": []})["bits"]


def _evaluate(netlist: AsicNetlist, cycles: int, values: dict[int, Bits]) -> set[str]:
    """Compute the nets that logic drives; return the flip-flops whose values were computed from their inputs."""
    module, flop = netlist.module, netlist.flop
    functions: dict[str, list[tuple[str, list[str], Callable]]] = {}
    cells = []
    followed = set()
    for name, cell in module["cells"].items():
        if cell["type"] == flop.cell.name:
            if cell["connections"][flop.output][0] not in values:
                followed.add(name)
                cells.append(name)
        elif cell["type"] == MEMORY:
            unknown = [bit for bit in cell["connections"]["RD_DATA"] if isinstance(bit, int) and bit not in values]
            if unknown:
                raise TilewrightError(f"the recording does not have the read data of the memory {netlist.owner[name]}")
        else:
            cells.append(name)
            if cell["type"] not in functions:
                functions[cell["type"]] = _compiled(netlist, cell["type"])
    constants: Mapping[str, Bits] = {v: np.full(cycles, int(v == "1"), dtype=np.uint8) for v in "01xz"}

    def value(bit: int | str) -> Bits:
        return constants[bit] if isinstance(bit, str) else values[bit]

    for name in _in_order(netlist, cells, values):
        cell = module["cells"][name]
        wires = cell["connections"]
        if cell["type"] == flop.cell.name:
            data = value(wires[flop.data][0]) ^ flop.inverted
            values[wires[flop.output][0]] = np.concatenate([data[:1], data[:-1]])
            continue
        for output, inputs, function in functions[cell["type"]]:
            if output in wires:
                values[wires[output][0]] = function(*(value(wires[pin][0]) for pin in inputs)) | constants["0"]
    return followed


def _in_order(netlist: AsicNetlist, cells: list[str], values: dict[int, Bits]) -> list[str]:
    """Return the cells in topological order."""
    module = netlist.module
    driver = {}
    inputs: dict[str, list[int]] = {}
    for name in cells:
        cell = module["cells"][name]
        clock = netlist.flop.clock if cell["type"] == netlist.flop.cell.name else None
        inputs[name] = []
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "output":
                driver.update(dict.fromkeys(bits, name))
            elif port != clock:
                inputs[name] += [bit for bit in bits if isinstance(bit, int) and bit not in values]
    order: list[str] = []
    state: dict[str, int] = {}
    for start in cells:
        stack = [start]
        while stack:
            name = stack[-1]
            if state.get(name) == 2:
                stack.pop()
                continue
            if state.get(name) == 1:
                state[name] = 2
                order.append(stack.pop())
                continue
            state[name] = 1
            for bit in inputs[name]:
                if bit not in driver:
                    raise TilewrightError(f"nothing drives an input of {netlist.owner[name]}")
                before = driver[bit]
                if state.get(before) == 1:
                    raise TilewrightError(
                        f"the recording does not have the registers of a loop in {netlist.owner[name]}"
                    )
                if before not in state:
                    stack.append(before)
    return order


def _compiled(netlist: AsicNetlist, kind: str) -> list[tuple[str, list[str], Callable]]:
    """Return the name, the inputs and the function (on arrays of 0 and 1) of each output of a library cell."""
    cell = netlist.library.cells[kind]
    inputs = [pin.name for pin in cell.inputs]
    compiled = []
    for pin in cell.outputs:
        text = expression(pin.function)
        names = [name for name in inputs if re.search(rf"\bp_{name}\b", text)]
        arguments = ", ".join(f"p_{name}" for name in names)
        compiled.append((pin.name, names, eval(f"lambda {arguments}: {text}")))  # made of pins and operators only
    return compiled


def expression(function: str) -> str:
    """Translate a Liberty expression into a Python expression on 0 and 1; pins get the prefix ``p_``."""
    tokens = re.findall(r"\w+|[!'*&+|^()]", function)
    out: list[str] = []
    starts: list[int] = []  # start of the operand that a following ' would negate
    opened: list[int] = []
    for token in tokens:
        if token == "'":
            out.insert(starts[-1], "(1^")
            out.append(")")
            continue
        operand_ended = bool(out) and (out[-1] == ")" or out[-1].startswith("p_") or out[-1] in ("0", "1"))
        if operand_ended and (token in "(!" or re.match(r"\w", token)):
            out.append("&")  # adjacent operands mean AND
        if token == "(":
            opened.append(len(out))
            out.append("(")
        elif token == ")":
            starts.append(opened.pop())
            out.append(")")
        elif token in _OPERATORS:
            out.append("~" if token == "!" else _OPERATORS[token])
        else:
            starts.append(len(out))
            out.append(token if token in ("0", "1") else f"p_{token}")
    # `~` binds as tightly as `!`, but only the lowest bit of its result is valid.
    return f"({''.join(out)}) & 1"


def _compare(netlist: AsicNetlist, values: dict[int, Bits], followed: set[str]) -> int:
    """Compare the next value of each flip-flop with the RTL one cycle later; return their number."""
    flop = netlist.flop
    compared = 0
    for name, cell in netlist.module["cells"].items():
        if cell["type"] != flop.cell.name or name in followed:
            continue
        wires = cell["connections"]
        data = wires[flop.data][0]
        taken = values[data] ^ flop.inverted if isinstance(data, int) else None
        if taken is None:
            continue
        compared += 1
        wrong = np.flatnonzero(taken[:-1] != values[wires[flop.output][0]][1:])
        if len(wrong):
            raise TilewrightError(
                f"the mapped netlist differs from the RTL in {netlist.owner[name]}, cycle {wrong[0] + 1}: this is a "
                "defect of the flow; please report it with the configuration"
            )
    return compared
