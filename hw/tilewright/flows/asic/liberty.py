"""Read of a Liberty file what mapping to its cells needs: areas, pins, functions, flip-flops."""

import gzip
import itertools
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tilewright.base import TilewrightError

__all__ = ["LibCell", "LibPin", "Library", "evaluate", "read_libraries", "read_text"]

# What separates statements; strings and comments are one token, so that nothing inside them counts.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|//[^\n]*|[{};]', re.S)
_GROUP = re.compile(r"([\w.]+)\s*\(\s*(.*?)\s*\)\s*$", re.S)
_FUNCTION = re.compile(r"\s*(\w+|[!'*&+|^()])")


@dataclass
class LibPin:
    """A pin: its direction, for an output its function of the inputs; capacitances in the file's unit."""

    name: str
    direction: str = ""
    function: str = ""
    clock: bool = False
    capacitance: float = 0.0
    max_capacitance: float = 0.0


@dataclass
class LibCell:
    """A cell: its area as in the file (µm² by custom), pins, and the attributes of its ``ff`` group, if any."""

    name: str
    area: float = 0.0
    pins: dict[str, LibPin] = field(default_factory=dict)
    ff: dict[str, str] = field(default_factory=dict)
    state: tuple[str, str] = ("", "")
    sequential: bool = False
    dont_use: bool = False

    @property
    def inputs(self) -> list[LibPin]:
        """Input pins, in the order of the file."""
        return [pin for pin in self.pins.values() if pin.direction == "input"]

    @property
    def outputs(self) -> list[LibPin]:
        """Output pins, in the order of the file."""
        return [pin for pin in self.pins.values() if pin.direction == "output"]

    def table(self, output: LibPin, inputs: Sequence[str]) -> tuple[int, ...]:
        """Truth table of an output over ``inputs``, the first being the fastest to change."""
        rows = itertools.product((0, 1), repeat=len(inputs))
        return tuple(evaluate(output.function, dict(zip(inputs, row[::-1], strict=True))) for row in rows)


@dataclass
class Library:
    """The cells of all files, by name.

    Parameters
    ----------
    cells : dict of LibCell
    files : list of Path
    combinational : list of Path
        The files that hold gates.
    """

    cells: dict[str, LibCell]
    files: list[Path]
    combinational: list[Path]

    def usable(self) -> Iterator[LibCell]:
        """Cells that are not marked ``dont_use``, the smallest first."""
        return iter(sorted((c for c in self.cells.values() if not c.dont_use), key=lambda c: (c.area, c.name)))

    def gate(self, inputs: int, table: tuple[int, ...]) -> LibCell | None:
        """Return the smallest cell with one output of this truth table (of any of its names), or None."""
        for cell in self.usable():
            pins = [pin.name for pin in cell.inputs]
            outputs = [pin for pin in cell.outputs if pin.function]
            if cell.sequential or len(pins) != inputs or len(outputs) != 1 or len(cell.outputs) != 1:
                continue
            if cell.table(outputs[0], pins) == table:
                return cell
        return None


def read_text(file: Path) -> str:
    """Return the text of a file, decompressed if need be.

    Raises
    ------
    TilewrightError
        If it cannot be read.
    """
    try:
        data = file.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise TilewrightError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from None
    return data.decode("utf-8", errors="replace")


def read_libraries(files: Sequence[Path]) -> Library:
    """Read Liberty files that belong together.

    Raises
    ------
    TilewrightError
        If a file cannot be read or does not parse; the message has its name and a line.
    """
    cells: dict[str, LibCell] = {}
    combinational = []
    for file in files:
        found = _parse(file, read_text(file))
        if not found:
            raise TilewrightError(f"{file} does not parse as Liberty: it has no cells")
        if any(not cell.sequential and cell.outputs for cell in found):
            combinational.append(file)
        cells |= {cell.name: cell for cell in found}
    return Library(cells, list(files), combinational)


def _parse(file: Path, text: str) -> list[LibCell]:
    """The cells of one file. Only what is at most two groups below a cell is kept, tables are skipped."""
    stack: list[tuple[str, str]] = []
    cells: list[LibCell] = []
    begin = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token not in ("{", "}", ";"):
            if token[0] == "/":
                text_before = text[begin : match.start()]
                if not text_before.strip():
                    begin = match.end()
            continue
        if token == "{":
            header = _GROUP.search(text[max(begin, match.start() - 2000) : match.start()].strip())
            if header is None:
                raise _broken(file, text, match.start(), "a group without a name")
            if len(stack) == 2 and stack[1][0] == "cell":
                for line in text[begin : match.start()].splitlines()[:-1]:  # a semicolon may have been forgotten
                    _attribute(cells[-1], stack, line)
            stack.append((header[1], header[2].strip('" \n')))
            if not cells and len(stack) == 1 and header[1] != "library":
                raise _broken(file, text, match.start(), f"it starts with {header[1]} instead of library")
            if len(stack) == 2 and header[1] == "cell":
                cells.append(LibCell(stack[1][1]))
            elif len(stack) >= 3 and stack[1][0] == "cell":
                _enter(cells[-1], stack)
        elif token == "}":
            if not stack:
                raise _broken(file, text, match.start(), "a closing brace too many")
            stack.pop()
        elif len(stack) in (2, 3, 4) and stack[1][0] == "cell":
            _attribute(cells[-1], stack, text[begin : match.start()])
        begin = match.end()
    if stack:
        raise _broken(file, text, len(text), f"the group {stack[-1][0]} ({stack[-1][1]}) is not closed")
    return cells


def _broken(file: Path, text: str, at: int, why: str) -> TilewrightError:
    return TilewrightError(f"{file} does not parse as Liberty: line {text.count(chr(10), 0, at) + 1}: {why}")


def _enter(cell: LibCell, stack: list[tuple[str, str]]) -> None:
    kind, name = stack[-1]
    if kind == "pin" and len(stack) in (3, 4):
        cell.pins[name] = LibPin(name)
    elif len(stack) == 3 and kind in ("ff", "ff_bank", "latch", "latch_bank", "statetable"):
        cell.sequential = True
        if kind == "ff":
            names = [part.strip(' "') for part in name.split(",")]
            cell.state = (names[0], names[1] if len(names) > 1 else "")
            cell.ff = {}


def _attribute(cell: LibCell, stack: list[tuple[str, str]], statement: str) -> None:
    name, colon, value = statement.partition(":")
    if not colon:
        return
    name, value = name.strip().split("\n")[-1].strip(), value.strip().strip('"').strip()
    kind = stack[-1][0]
    if len(stack) == 2:
        if name == "area":
            cell.area = _number(value)
        elif name == "dont_use":
            cell.dont_use = value == "true"
    elif kind == "ff":
        cell.ff[name] = value
    elif kind == "pin" and stack[-1][1] in cell.pins:
        pin = cell.pins[stack[-1][1]]
        if name == "direction":
            pin.direction = value
        elif name == "function":
            pin.function = value
        elif name == "clock":
            pin.clock = value == "true"
        elif name in ("capacitance", "max_capacitance"):
            setattr(pin, name, _number(value))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def evaluate(function: str, values: Mapping[str, int]) -> int:
    """Return the value of a Liberty expression (``!``, ``'``, ``*``, ``&``, side by side, ``+``, ``|``, ``^``).

    Raises
    ------
    KeyError
        If it names what is not in ``values``.
    """
    tokens = _FUNCTION.findall(function)
    position = 0

    def peek() -> str:
        return tokens[position] if position < len(tokens) else ""

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def unary() -> int:
        token = take()
        if token == "!":
            return 1 - unary()
        if token == "(":
            value = disjunction()
            take()
        else:
            value = int(token) if token in ("0", "1") else values[token]
        while peek() == "'":
            take()
            value = 1 - value
        return value

    def exclusive() -> int:
        value = unary()
        while peek() == "^":
            take()
            value ^= unary()
        return value

    def conjunction() -> int:
        value = exclusive()
        while peek() and peek() not in "+|)":
            if peek() in "*&":
                take()
            value &= exclusive()
        return value

    def disjunction() -> int:
        value = conjunction()
        while peek() and peek() in "+|":
            take()
            value |= conjunction()
        return value

    return disjunction()
