"""What in a generated Verilog file has one value in all its uses: ports that are tied to a constant, and what follows.

A module is written once for all instances of its shape, so that a configuration can have less to choose than the module
offers. Yosys writes one expression a line, of names, constants and their concatenations.
"""

import re
from collections.abc import Iterator
from functools import cached_property

from tilewright_sim.verify.rtl_coverage import CoveragePoint

__all__ = ["TIED", "UNDEFINED_DEFAULT", "UNDEFINED_PART", "Verilog"]

UNDEFINED_DEFAULT = "the default of a choice of which one is always taken: its value is undefined"
UNDEFINED_PART = "the part of a choice whose value is undefined"
TIED = "a condition, or a signal, that has one value in all instances of a configuration"

_NAME = r"(?:\\\S+ |[A-Za-z_]\w*)"
_INSTANCE = re.compile(rf"^  (\w+) {_NAME}\s*\(\n(.*?)^  \);", re.M | re.S)
_PORT = re.compile(r"^    \.(\\\S+ |\w+)\((.*)\),?$", re.M)
_ASSIGN = re.compile(rf"^  assign ({_NAME}) = (.*);$", re.M)
_CALL = re.compile(r"= (_\d+_)\(\d+'hx+,")


class Verilog:
    """A generated Verilog file.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str):
        self.lines = text.splitlines()
        self.modules = {found[1]: found[0] for found in re.finditer(r"^module (\w+)\(.*?^endmodule", text, re.M | re.S)}
        self.undefined = {(module, found[1]) for module, body in self.modules.items() for found in _CALL.finditer(body)}

    def unreachable(self, point: CoveragePoint) -> str:
        """Return why no simulation can reach a point, or nothing."""
        text = self.lines[point.line - 1]
        match point.kind:
            case "line" if text.strip() == "default:" and (point.module, self._function(point.line)) in self.undefined:
                return UNDEFINED_DEFAULT
            case "toggle" if (point.module, point.detail.partition(":")[0]) in self.tied:
                return TIED
            case "branch":
                return self._branch(point, text)
        return ""

    def _branch(self, point: CoveragePoint, text: str) -> str:
        choice = re.search(rf"= ({_NAME}) \? (.*) : (.*);", text)
        if choice and re.fullmatch(r"\d+'h?x+", choice[2 if point.detail == "cond_then" else 3]):
            return UNDEFINED_PART
        condition = choice or re.search(rf"\bif \(({_NAME})\)", text)
        value = self.tied.get((point.module, condition[1].strip())) if condition else None
        return TIED if value is not None and value == (point.detail in ("else", "cond_else")) else ""

    def _function(self, line: int) -> str:
        while not (found := re.match(r"  function .*?(_\d+_);", self.lines[line - 1])):
            line -= 1
        return found[1]

    @cached_property
    def tied(self) -> dict[tuple[str, str], bool]:
        """Signals of one bit that never change, by module and name."""
        found: dict[tuple[str, str], bool] = {}
        while True:
            new = {key: value for key, value in self._follows(found) if key not in found}
            if not new:
                return found
            found |= new

    def _follows(self, known: dict[tuple[str, str], bool]) -> Iterator[tuple[tuple[str, str], bool]]:
        ports: dict[tuple[str, str], set[bool | None]] = {}
        for module, body in self.modules.items():
            values = {name: value for (owner, name), value in known.items() if owner == module}
            for instance in _INSTANCE.finditer(body):
                if instance[1] in self.modules:
                    for port in _PORT.finditer(instance[2]):
                        ports.setdefault((instance[1], port[1].strip()), set()).add(_value(port[2], values))
            for assign in _ASSIGN.finditer(body):
                if (value := _value(assign[2], values)) is not None:
                    yield (module, assign[1].strip()), value
        yield from ((port, value) for port, several in ports.items() if len(several) == 1 for value in several
                    if value is not None and self._is_input(*port))  # fmt: skip

    def _is_input(self, module: str, port: str) -> bool:
        return re.search(rf"^  input wire {re.escape(port)} ?;", self.modules[module], re.M) is not None


def _value(expression: str, known: dict[str, bool]) -> bool | None:
    """Return the value of an expression of one bit, if it has only one."""
    text = expression.strip()
    if text in ("1'h0", "1'h1"):
        return text == "1'h1"
    if text in known:
        return known[text]
    text += " "  # an escaped name ends with one
    if re.fullmatch(rf"~ {_NAME} ?", text):
        value = known.get(text[2:].strip())
        return None if value is None else not value
    if both := re.fullmatch(rf"({_NAME}) ?([&|]) ({_NAME}) ?", text):
        return _of(both[2], [known.get(name.strip()) for name in (both[1], both[3])])
    if every := re.fullmatch(r"([&|]) \{ (.*) \} ", text):
        return _of(every[1], [known.get(name.strip()) for name in every[2].split(",")])
    if some := re.fullmatch(r"\{ (.*) \} != 1'h0 ", text):
        return _of("|", [known.get(name.strip()) for name in some[1].split(",")])
    return None


def _of(operator: str, values: list[bool | None]) -> bool | None:
    decides = operator == "|"
    if decides in values:
        return decides
    return not decides if all(value is not decides and value is not None for value in values) else None
