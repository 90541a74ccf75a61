"""Maps the cells of a flat netlist to the modules of the design."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilewright.verilog import instances, split_modules

__all__ = ["Hierarchy", "load_netlist", "owners", "read_hierarchy"]

# A block RAM of the family that the design instantiates counts with all its bits.
_BLOCK_BITS = {"PDPW16KD": 18 * 1024, "DP16KD": 18 * 1024}
_MEMORY = re.compile(r"^  reg (?:\[(\d+):0\] )?\w+ ?\[(\d+):(\d+)\];", re.M)
# The top only wires; it and the one component in it are one to users.
_WRAPPED = "component"


@dataclass(frozen=True)
class Hierarchy:
    """The instances of a design in Verilog that Tilewright wrote.

    Parameters
    ----------
    top : str
    file : str
        Name of the Verilog file.
    kinds : dict of str
        By path from the top (``tile.block_0.column_3``), the kind of the instance: the name of its module without the
        core's prefix.
    memory_bits : dict of int
        By path, bits of the memories that the instance itself declares.
    lines : list of (int, int, str)
        First and last line of the kinds in the file.
    """

    top: str
    file: str
    kinds: dict[str, str]
    memory_bits: dict[str, int]
    lines: list[tuple[int, int, str]]

    def branch(self, path: str) -> str:
        """What an instance is, and what it is in, as kinds: ``tile/column_block/column``."""
        parts = path.split(".")
        return "/".join(self.kinds[".".join(parts[:length])] for length in range(1, len(parts) + 1))

    def instance_of(self, name: str) -> str:
        """The path of the innermost instance that a hierarchical name, as synthesis writes it, lies in."""
        parts = name.replace("\\", "").split(".")
        if parts and parts[0] == _WRAPPED:
            parts = parts[1:]
        path = self.top
        for part in parts[:-1]:
            if f"{path}.{part}" not in self.kinds:
                break
            path = f"{path}.{part}"
        return path

    def kind_at(self, source: str) -> str | None:
        """The kind whose lines an attribute ``src`` names first, if any."""
        for line in re.findall(rf"(?:^|\|){re.escape(self.file)}:(\d+)\.", source):
            for first, last, kind in self.lines:
                if first <= int(line) <= last:
                    return kind
        return None


def read_hierarchy(file: Path, top: str) -> Hierarchy:
    """Read the instances and memories of a file of `verilog.generate`, or of any with one instance to a line."""
    text = file.read_text(encoding="utf-8")
    children: dict[str, list[tuple[str, str]]] = {}
    bits: dict[str, int] = {}
    lines = []

    def kind(module: str) -> str:
        return module.removeprefix(f"{top}_")

    for module, match in split_modules(text).items():
        first = text.count("\n", 0, match.start()) + 1
        lines.append((first, first + match[0].rstrip("\n").count("\n"), kind(module)))
        children[module] = instances(match[0])
        bits[module] = sum(
            (int(width or 0) + 1) * (abs(int(a) - int(b)) + 1) for width, a, b in _MEMORY.findall(match[0])
        )
    kinds: dict[str, str] = {}
    memory_bits: dict[str, int] = {}

    def visit(module: str, path: str) -> None:
        kinds.setdefault(path, kind(module))
        memory_bits[path] = memory_bits.get(path, 0) + bits[module]
        for child, name in children[module]:
            memory_bits[path] += _BLOCK_BITS.get(child, 0)
            if child in children:  # a primitive is not a module of the design
                visit(child, path if path == top and name == _WRAPPED else f"{path}.{name}")

    visit(top, top)
    lines = [(first, last, kinds[top] if _is_wrapped(children, top, name, kind) else name)
             for first, last, name in lines]  # fmt: skip
    return Hierarchy(top, file.name, kinds, memory_bits, lines)


def _is_wrapped(children: dict[str, list[tuple[str, str]]], top: str, name: str, kind: Any) -> bool:
    return any(kind(child) == name and instance == _WRAPPED for child, instance in children[top])


def load_netlist(file: Path, module: str) -> dict[str, Any]:
    """Return the top module of a netlist that Yosys wrote as JSON."""
    return json.loads(file.read_text(encoding="utf-8"))["modules"][module]


def owners(module: dict[str, Any], hierarchy: Hierarchy) -> dict[str, str]:
    """Return for each cell of a flat netlist the path of the instance that it belongs to.

    Flip-flops, memories, adders and DSP blocks keep the line of the Verilog that they come from, which tells the
    module; the names of their nets tell the instance. Logic that was mapped anew has no origin: it belongs where most
    of those belong that read its output; where nobody knows, to those that drive it.
    """
    graph = _Graph(module)
    scopes = _scopes(module, hierarchy)
    by_kind: dict[str, list[str]] = defaultdict(list)
    for path, kind in hierarchy.kinds.items():
        by_kind[kind].append(path)
    known: dict[str, str] = {}
    candidates: dict[str, list[str]] = {}
    for name, cell in module["cells"].items():
        origin = hierarchy.kind_at(cell.get("attributes", {}).get("src", ""))
        if origin is None:
            continue
        nets = [*graph.outputs[name], *graph.reads[name]]
        found = (path for bit in nets for path in scopes.get(bit, ()) if hierarchy.kinds[path] == origin)
        where = by_kind[origin][0] if len(by_kind[origin]) == 1 else next(found, "")
        if not where:
            candidates[name] = by_kind[origin]
        else:
            known[name] = where
    waiting = [name for name in module["cells"] if name not in known]
    for around in (graph.behind, graph.before):
        while waiting:
            decided = {}
            for name in waiting:
                near = [known[other] for other in around(name) if other in known]
                votes = Counter(_nearest(path, candidates.get(name)) for path in near)
                if votes:
                    decided[name] = min(votes, key=lambda path: (-votes[path], path))
            if not decided:
                break
            known |= decided
            waiting = [name for name in waiting if name not in decided]
    return known | dict.fromkeys(waiting, hierarchy.top)


class _Graph:
    def __init__(self, module: dict[str, Any]):
        self.driver: dict[int, str] = {}
        self.reads: dict[str, list[int]] = defaultdict(list)
        self.outputs: dict[str, list[int]] = defaultdict(list)
        self.readers: dict[int, list[str]] = defaultdict(list)
        for name, cell in module["cells"].items():
            for port, bits in cell["connections"].items():
                output = cell.get("port_directions", {}).get(port) == "output"
                for bit in bits:
                    if isinstance(bit, str):
                        continue
                    if output:
                        self.driver[bit] = name
                        self.outputs[name].append(bit)
                    else:
                        self.reads[name].append(bit)
                        self.readers[bit].append(name)

    def behind(self, name: str) -> Iterator[str]:
        return (reader for bit in self.outputs[name] for reader in self.readers[bit])

    def before(self, name: str) -> Iterator[str]:
        return (self.driver[bit] for bit in self.reads[name] if bit in self.driver)


def _scopes(module: dict[str, Any], hierarchy: Hierarchy) -> dict[int, list[str]]:
    """For each net, the instances that have a name for it, the innermost first."""
    scopes: dict[int, set[str]] = defaultdict(set)
    for name, net in module["netnames"].items():
        if not name.startswith("$"):
            path = hierarchy.instance_of(name)
            for bit in net["bits"]:
                if isinstance(bit, int):
                    scopes[bit].add(path)
    return {bit: sorted(paths, key=lambda path: (-path.count("."), path)) for bit, paths in scopes.items()}


def _nearest(path: str, candidates: Iterable[str] | None) -> str:
    """Of some instances, the one that shares most of its path with another instance."""
    if candidates is None:
        return path
    parts = path.split(".")

    def shared(other: str) -> int:
        return sum(1 for _ in _common(parts, other.split(".")))

    return max(candidates, key=lambda other: (shared(other), other))


def _common(a: list[str], b: list[str]) -> Iterator[str]:
    for left, right in zip(a, b, strict=False):
        if left != right:
            return
        yield left
