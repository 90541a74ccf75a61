"""Which module of the design each cell of a flat netlist belongs to."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .yosys import run_yosys

__all__ = ["Hierarchy", "load_netlist", "owners", "tag_hierarchy"]

TAGGED = "tagged.il"
# Synthesis carries `src` from a cell to what becomes of it; so the path goes there, with this mark.
_MARK = "@"


@dataclass(frozen=True)
class Hierarchy:
    """The instances of a design.

    Parameters
    ----------
    kinds : dict of str
        By path from the top (``tile.block_0.column_3``), what the instance is: the name of its module without the
        product's prefix.
    """

    kinds: dict[str, str]


def tag_hierarchy(folder: Path, module: str, family_cells: str | None = None) -> Hierarchy:
    """Write `TAGGED` into ``folder``: the design ``{module}.v`` as RTLIL in which every cell knows its instance.

    ``family_cells`` are Yosys' descriptions of primitives that the design instantiates.

    Raises
    ------
    ToolError
        If Yosys is missing or fails.
    """
    cells = [f"read_verilog -lib {family_cells}"] if family_cells else []
    read = [f"read_verilog {module}.v", *cells, f"hierarchy -check -top {module}"]
    run_yosys([*read, "proc", "uniquify", f"hierarchy -top {module}", "write_rtlil untagged.il"], folder)
    text = (folder / "untagged.il").read_text(encoding="utf-8")
    kinds: dict[str, str] = {}

    def tag(match: re.Match) -> str:
        name, original = match["name"], re.search(r'^attribute \\hdlname "(.*)"$', match[0], re.M)
        if name != module and not original:
            return match[0]
        path = _path(name, module)
        kinds[path] = (original[1] if original else name).removeprefix(f"{module}_")
        body = re.sub(r'^  attribute \\src "[^\n]*"\n', "", match[0], flags=re.M)
        return re.sub(r"^(?=  cell )", f'  attribute \\\\src "{_MARK}{path}"\n', body, flags=re.M)

    text = re.sub(r"^(?:attribute [^\n]*\n)*module \\(?P<name>\S+)\n.*?^end$", tag, text, flags=re.M | re.S)
    (folder / TAGGED).write_text(text, encoding="utf-8")
    return Hierarchy(kinds)


def _path(name: str, module: str) -> str:
    """An instance as users see it: the top, which only wires, and the component in it are one."""
    return re.sub(rf"^{re.escape(module)}\.component(?=\.|$)", module, name)


def load_netlist(file: Path, module: str) -> dict[str, Any]:
    """Return the top module of a netlist that Yosys wrote as JSON."""
    return json.loads(file.read_text(encoding="utf-8"))["modules"][module]


def owners(module: dict[str, Any], top: str) -> dict[str, str]:
    """Return for each cell of a flat netlist the path of the instance that it belongs to.

    Flip-flops, memories, adders and DSP blocks carry their origin through synthesis. Logic that was mapped anew does
    not: it belongs where most of those belong that read its output; where nobody knows, to those that drive it.
    """
    known: dict[str, str] = {}
    driver: dict[int, str] = {}
    reads: dict[str, list[int]] = defaultdict(list)
    readers: dict[int, list[str]] = defaultdict(list)
    for name, cell in module["cells"].items():
        source = cell.get("attributes", {}).get("src", "")
        if match := re.search(rf"{_MARK}([^|]+)", source):
            known[name] = match[1]
        for port, bits in cell["connections"].items():
            output = cell.get("port_directions", {}).get(port) == "output"
            for bit in bits:
                if isinstance(bit, int):
                    if output:
                        driver[bit] = name
                    else:
                        reads[name].append(bit)
                        readers[bit].append(name)
    outputs: dict[str, list[int]] = defaultdict(list)
    for bit, name in driver.items():
        outputs[name].append(bit)
    waiting = [name for name in module["cells"] if name not in known]
    for forward in (True, False):
        while waiting:
            decided = {}
            for name in waiting:
                if forward:
                    around = [reader for bit in outputs[name] for reader in readers[bit]]
                else:
                    around = [driver[bit] for bit in reads[name] if bit in driver]
                votes = Counter(known[other] for other in around if other in known)
                if votes:
                    decided[name] = min(votes, key=lambda path: (-votes[path], path))
            if not decided:
                break
            known |= decided
            waiting = [name for name in waiting if name not in decided]
    return known | dict.fromkeys(waiting, top)
