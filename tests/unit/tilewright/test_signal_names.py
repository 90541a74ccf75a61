"""Every signal has a name that does not depend on the version of Python."""

import ast
import re
from pathlib import Path

import pytest

import tilewright

SOURCES = sorted(Path(tilewright.__file__).parent.rglob("*.py"))
MAKERS = re.compile(r"(Signal|Signal\.like|ClockDomain|.*\.(read_port|write_port|create))$")


def unnamed(text: str) -> list[int]:
    """Lines with a signal that Amaranth cannot name alike on every Python.

    It looks at the instructions behind the call, which differ from version to version unless the call is all that one
    variable or attribute is set to. Anything else needs ``name=``, or ``path=`` for an interface.
    """
    tree = ast.parse(text)
    named = {
        id(statement.value)
        for statement in ast.walk(tree)
        if (isinstance(statement, ast.Assign) and len(statement.targets) == 1 and plain(statement.targets[0]))
        or (isinstance(statement, ast.AnnAssign) and plain(statement.target))
    }
    return [
        call.lineno
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and MAKERS.match(ast.unparse(call.func))
        and id(call) not in named
        and not any(keyword.arg in ("name", "path") for keyword in call.keywords)
    ]


def plain(target: ast.expr) -> bool:
    return isinstance(target, ast.Name | ast.Attribute)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_signal_is_named_by_a_statement_of_its_own_or_by_name(source):
    assert not unnamed(source.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x = Signal()\nself.x = Signal(3)\nx: Value = Signal.like(y)\nf(Signal(name='x'))", []),
        ("x, y = Signal(), Signal()", [1, 1]),
        ("x = y = Signal()", [1]),
        ("x = memory.read_port()\nx, y = memory.write_port(), memory.read_port()", [2, 2]),
        ("x = y if z else Signal(3)", [1]),
        ("x = [Signal() for _ in y]\nf(Signal.like(x))\nreturn_ = (z := Signal())", [1, 2, 3]),
    ],
)
def test_the_rule_finds_signals_that_amaranth_cannot_name(text, lines):
    assert unnamed(text) == lines
