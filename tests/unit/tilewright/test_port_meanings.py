"""A component's docstring says what each of its ports means; each assignment has a line of its own."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from amaranth.hdl import Fragment
from amaranth.lib import wiring

import tilewright
from tilewright.accelerator import Accelerator
from tilewright.accelerator.contract import AcceleratorConfig, signatures
from tilewright.base import SharedComponent, Target
from tilewright.block_tile import BlockTile, BlockTileConfig
from tilewright.boards import BoardConfig, BoardSystem
from tilewright.bus import Axi4, Axi4Read, Axi4Write, AxiLite
from tilewright.memory import BlockRam
from tilewright.memory.sdram import SdramConfig, sdram_pins
from tilewright.tile import MatmulTile, TileConfig

PACKAGE = Path(tilewright.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
BUS = {"data_bits": 32, "addr_bits": 16}
FORMATTED = {"rows": 32, "cols": 8, "dot": 32, "unaligned": True, "ring_words": 256, "a_format": "q8_e5m3",
             "b_formats": ["q4_1", "q8_0"]}  # fmt: skip
# Together these contain every component of the package.
DESIGNS = {
    "board": (lambda: BoardSystem(BoardConfig.preset("icebreaker")), "ice40"),
    "board with SDRAM": (lambda: BoardSystem(BoardConfig.preset("ulx3s-85f")), "ecp5"),
    "accelerator": (lambda: Accelerator(AcceleratorConfig.preset("nano")), "generic"),
    "check bits": (lambda: Accelerator(AcceleratorConfig.preset("nano", ecc=True)), "generic"),
    "check bits, compact": (
        lambda: Accelerator(AcceleratorConfig.preset("nano", variant="compact", max_burst=1, outstanding=1, ecc=True)),
        "generic",
    ),
    "images": (lambda: Accelerator(AcceleratorConfig.preset("nano", convolution=True)), "generic"),
    "vectors": (lambda: Accelerator(AcceleratorConfig.preset("nano", vector_lanes=1, variables=1)), "generic"),
    "tile": (lambda: MatmulTile(TileConfig(rows=4, cols=2, dot=1, multiplier="lut")), "generic"),
    "block formats": (lambda: Accelerator(AcceleratorConfig(**FORMATTED)), "generic"),
    "block tile": (lambda: BlockTile(BlockTileConfig.preset("q4_1")), "ecp5"),
    "records": (lambda: Accelerator(AcceleratorConfig(**FORMATTED, vector_lanes=4)), "ecp5"),
    "block RAM": (lambda: BlockRam(**BUS, id_bits=1, size_bytes=4096), "generic"),
}


class Elaboration(Target):
    """Elaborates one component of each kind, and converts none."""

    def _write(self, component, name, ports):
        Fragment.get(component, self)
        return []


def described(docstring: str) -> dict[str, str]:
    """The text of each member in the section ``Members``, by name; a header without text has an empty one."""
    section = docstring.partition("Members\n-------\n")[2]
    entries = re.findall(r"^(\w+(?:, \w+)*) : (?:In|Out)\b.*((?:\n +.*)*)", section, re.M)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def unclear(docstring: str, names: list[str]) -> list[str]:
    """The members that are not described by a sentence of their own, of four words at least."""
    texts = described(docstring)
    return [name for name in names if not re.fullmatch(r"[A-Z`].*[.]", texts.get(name, "")) or words(texts[name]) < 4]


def words(text: str) -> int:
    return len(re.findall(r"[\w*`]+", text))


@pytest.fixture(scope="module")
def members():
    """The names of each component's members, of all instances in all designs."""
    found: dict[type, set[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        initialize = wiring.Component.__init__

        def record(component, signature):
            initialize(component, signature)
            if isinstance(component, SharedComponent):
                found.setdefault(type(component), set()).update(component.signature.members)

        patch.setattr(wiring.Component, "__init__", record)
        for make, family in DESIGNS.values():
            Elaboration("design", family).convert(make(), {})
    return {cls: sorted(names) for cls, names in found.items()}


def subclasses(cls: type) -> set[type]:
    return {cls}.union(*(subclasses(child) for child in cls.__subclasses__()))


def test_the_designs_contain_every_component(members):
    for module in pkgutil.walk_packages(tilewright.__path__, "tilewright."):
        importlib.import_module(module.name)
    components = {cls for cls in subclasses(wiring.Component) if cls.__module__.startswith("tilewright.")}
    assert components - {SharedComponent} == set(members)


def test_every_port_of_every_component_has_a_meaning(members):
    missing = {cls.__name__: unclear(inspect.cleandoc(cls.__doc__), names) for cls, names in members.items()}
    assert {name: ports for name, ports in missing.items() if ports} == {}


def test_no_docstring_describes_a_port_that_is_not_there(members):
    extra = {cls.__name__: set(described(inspect.cleandoc(cls.__doc__))) - set(names) for cls, names in members.items()}
    assert {name: ports for name, ports in extra.items() if ports} == {}


def test_every_signal_of_an_interface_has_a_meaning():
    widths = {"data_bits": 32, "addr_bits": 32}
    kinds = [getattr(signatures, name) for name in signatures.__all__]
    config = AcceleratorConfig.preset("nano")
    stages = [kind(config) if inspect.signature(kind).parameters else kind() for kind in kinds]
    for signature in (AxiLite(**widths), Axi4Read(**widths, id_bits=1), Axi4Write(**widths, id_bits=1), *stages):
        assert unclear(inspect.cleandoc(type(signature).__doc__), list(signature.members)) == [], type(signature)
    assert unclear(inspect.cleandoc(sdram_pins.__doc__), list(sdram_pins(SdramConfig()).members)) == []
    both = set(Axi4Read(**widths, id_bits=1).members) | set(Axi4Write(**widths, id_bits=1).members)
    assert set(Axi4(**widths, id_bits=1).members) == both  # whose description refers to those two


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a : In(1)\n    Taken in this cycle, with `b`.\nb, c : Out(1)\n    `a` was taken before.", []),
        ("a : In(1)\nb, c : Out(1)\n    The same a cycle later.", ["a"]),
        ("a : In(1)\n    Valid while `b` is 1.\nb : Out(1)\n    There is one.", ["b", "c"]),
        ("a : In(1)\n    There is a failure:\nb, c : Out(1)\n    of this descriptor, modulo 16.", ["a", "b", "c"]),
    ],
)
def test_the_rule_distinguishes_a_meaning_from_a_shape(text, names):
    assert unclear(f"X.\n\nMembers\n-------\n{text}\n", ["a", "b", "c"]) == names


def crowded(text: str) -> list[int]:
    """Lines with a list or tuple of which more than one element is, or begins, there, if it has an assignment.

    `ruff` finds statements that are joined by semicolons.
    """
    return [
        display.lineno
        for display in ast.walk(ast.parse(text))
        if isinstance(display, ast.List | ast.Tuple)
        and any(assigns(element) for element in display.elts)
        and len({element.lineno for element in display.elts}) < len(display.elts)
    ]


def assigns(element: ast.expr) -> bool:
    """Whether an expression is an assignment to a signal, ``signal.eq(value)``."""
    call = element.body if isinstance(element, ast.IfExp) else element
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "eq"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.relative_to(PACKAGE).as_posix())
def test_each_assignment_has_its_own_line(source):
    assert crowded(source.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("m.d.comb += a.eq(b)\nm.d.comb += [\n    c.eq(d),\n    e.eq(f),\n]", []),
        ("m.d.comb += [a.eq(b) for a, b in pairs]\nrow, before = before, row", []),
        ("m.d.comb += [a.eq(b), c.eq(d)]", [1]),
        ("m.d.comb += [\n    a.eq(b), *rest,\n    c.eq(d),\n]", [1]),
        ("pass\nm.d.sync += a.eq(b), c.eq(d)\nreturn_ = [a.eq(b) if c else d.eq(e), f()]", [2, 3]),
    ],
)
def test_the_rule_finds_assignments_that_share_a_line(text, lines):
    assert crowded(text) == lines
