"""Proofs that two modules are one circuit."""

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from support.scorecard.mutation.equivalence import equivalent

A, B, Q = Signal(4, name="a"), Signal(4, name="b"), Signal(4, name="q")


def counter(step, init=0):
    """A register and an output."""
    m = Module()
    state = Signal(4, name="state", init=init)
    m.d.sync += state.eq(step(state))
    m.d.comb += Q.eq(state ^ B)
    return rtlil.convert(m, name="top", ports=[A, B, Q], emit_src=False)


@pytest.mark.parametrize(
    ("step", "init", "verdict"),
    [
        (lambda state: state + A, 0, "identical"),
        (lambda state: A + state, 0, "proven"),
        (lambda state: state - (~A + 1)[:4], 0, "proven"),
        (lambda state: state - A, 0, ""),
        (lambda state: A + state, 1, ""),  # the same but for what it begins with
    ],
)
def test_what_is_the_same_circuit_is_proven_and_nothing_else(step, init, verdict, tmp_path):
    files = tmp_path / "before.il", tmp_path / "after.il"
    files[0].write_text(counter(lambda state: state + A))
    files[1].write_text(counter(step, init))
    assert equivalent(files[:1], files[1:], tmp_path) == verdict
