"""Changes of sources: what is changed, and what is left alone."""

import ast

import pytest
from support.scorecard.mutation.drawing import drawn
from support.scorecard.mutation.operators import changes
from support.scorecard.sources import ROOT, hardware_files


def made(line):
    """The lines that a line of a function becomes."""
    before = "def elaborate(self, m):\n    "
    after = before + line + "\n"
    return {change.applied(after).removeprefix(before).rstrip("\n") for change in changes(after)}


@pytest.mark.parametrize(
    ("line", "become"),
    [
        ("x = a < b", {"x = a <= b"}),
        ("x = (a) == (b)", {"x = (a) != (b)"}),
        ("x = a & ~b", {"x = a | ~b", "x = a & b"}),
        ("x = ~(a)", {"x = (a)"}),
        ("x = a[0]", {"x = a[1]"}),
        ("x = a + 4", {"x = a - 4", "x = a + 3", "x = a + 5"}),
        ("x = a and not b", {"x = a or not b", "x = a and  b"}),
        ("x = (a & b).any()", {"x = (a | b).any()", "x = (a & b).all()"}),
        ("x = a.as_signed()", {"x = a"}),
        ("x = Mux(c, a, b)", {"x = Mux(c, b, a)"}),
        ("m.next = 'Idle'", {"pass"}),
        ("m.d.comb += a.eq(b)", {"pass"}),
        ("m.d.comb += [a.eq(b), c.eq(d)]", {"m.d.comb += [*(), c.eq(d)]", "m.d.comb += [a.eq(b), *()]"}),
        ("with m.If(a): pass", {"with m.If((a) == 0): pass", "with m.If(0): pass"}),
        ("x = a if b else c", {"x = a if not (b) else c"}),
        ("raise ValueError(f'{a + 1}')", set()),
        ("x: int | None", set()),
        ("x = Signal(reset_less=True)", set()),
    ],
)
def test_each_operator_changes_what_it_should(line, become):
    assert made(line) == become


def test_every_change_of_every_hardware_file_is_python_on_the_same_lines():
    count = 0
    for file in hardware_files():
        text = file.read_text(encoding="utf-8")
        for change in changes(text)[::40]:
            changed = change.applied(text)
            ast.parse(changed)
            assert changed != text
            assert changed.splitlines()[: change.line - 1] == text.splitlines()[: change.line - 1]
            count += 1
    assert count > 150


def test_the_draw_has_every_hardware_file_and_does_not_depend_on_the_others():
    mutants = drawn()
    assert len(mutants) > 1500
    changeable = {file.relative_to(ROOT).as_posix() for file in hardware_files() if changes(file.read_text("utf-8"))}
    assert {mutant.file for mutant in mutants} == changeable
    assert "hw/tilewright/accelerator/vector/program/programs.py" in changeable
    assert [mutant.name for mutant in mutants] == [mutant.name for mutant in drawn()]
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    assert {mutant.file for mutant in mutants[:300]} > {"hw/tilewright/dma/reader.py", "hw/tilewright/link/frames.py"}
