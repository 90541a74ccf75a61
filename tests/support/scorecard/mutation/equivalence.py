"""Prove that a mutant is the same circuit: its RTLIL is identical, or each module that differs is proven equivalent."""

import re
from pathlib import Path

from tilewright.base import ToolError
from tilewright.tools import run_yosys

from .elaborating import modules

__all__ = ["equivalent", "proven"]

SECONDS = 60
"""Limit of the solver for a module."""
MEMORY_BITS = 512
"""Memories become registers, bit for bit; with more of them nothing is tried."""
# Registers, memories and instances become ports, so that what is compared is combinational: the next state and every
# output, for every state and every input, reachable or not.
_CUT = [
    "proc", "memory_dff", "memory_collect", "memory_map gold gate", "dffunmap gold gate",
    "expose -evert-dff -shared gold gate", "expose -evert -shared gold gate", "opt_clean gold gate",
]  # fmt: skip
_PROVE = [
    "miter -equiv -flatten gold gate miter",
    f"sat -timeout {SECONDS} -verify -prove trigger 0 -show-inputs miter",
]


def equivalent(before: list[Path], after: list[Path], scratch: Path) -> str:
    """Return ``identical`` or ``proven`` if pairs of RTLIL files describe the same circuits, and nothing if unknown."""
    differing: dict[str, tuple[str, str, str]] = {}
    for one, other in zip(before, after, strict=True):
        old, new = (modules(path.read_text(encoding="utf-8")) for path in (one, other))
        if old.keys() != new.keys():
            return ""
        for name, text in old.items():
            if text != new[name]:
                rest = "\n".join(module for other_name, module in old.items() if other_name != name)
                differing[text] = text, new[name], rest
    if not differing:
        return "identical"
    return "proven" if all(proven(*pair, scratch) for pair in differing.values()) else ""


def proven(gold: str, gate: str, rest: str, scratch: Path) -> bool:
    """Whether two modules are the same circuit, from any state that their registers have in common.

    Parameters
    ----------
    gold, gate : str
        In RTLIL. Wires that both have, also registers, must have the same initial values.
    rest : str
        The modules that they instantiate: what these compute is free.
    scratch : Path
        A folder.
    """
    bits = sum(int(width) * int(size) for width, size in re.findall(r"^  memory width (\d+) size (\d+)", gold, re.M))
    if _initial(gold) != _initial(gate) or bits > MEMORY_BITS:
        return False
    scratch.mkdir(parents=True, exist_ok=True)
    for name, text in (("gold", gold), ("gate", gate)):
        renamed = re.sub(
            r"^module \S+", rf"module \\{name}", text.replace("attribute \\top 1\n", ""), count=1, flags=re.M
        )
        (scratch / f"{name}.il").write_text(renamed, encoding="utf-8")
    (scratch / "rest.il").write_text(rest.replace("attribute \\top 1\n", ""), encoding="utf-8")
    read = ["read_rtlil rest.il", "blackbox *", "read_rtlil gold.il", "read_rtlil gate.il"]
    try:
        run_yosys([*read, *_CUT, *_PROVE], scratch)
    except ToolError:
        return False  # a counterexample, a time-out, or wires that do not match
    return True


def _initial(text: str) -> list[str]:
    """Initial values, and what memories begin with."""
    return re.findall(r"attribute \\init \S+\n(?:  attribute [^\n]*\n)*  wire [^\n]*|parameter \\DATA \S+", text)
