"""A reset leaves nothing behind in the DMA engines, and a register that it leaves out is found."""

from contextlib import nullcontext

import pytest
from dma_reset import ANY_STATE, AfterReset, flags
from formal_prove import prove

from tilewright.dma_reader import DmaReader
from tilewright.dma_writer import DmaWriter

# Set by a request before anything looks at them, or, `doubt`, cleared while the engine is idle: none is missed.
NEEDLESS = {"doubt", "planner.rows.empty", "planner.rows.first", "planner.rows.misaligned"}


@pytest.mark.parametrize("fields", [{}, {"unaligned": True}], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("cls", [DmaReader, DmaWriter])
def test_a_reset_leaves_nothing_behind(cls, fields, tmp_path):
    proof = AfterReset(cls, fields)
    prove(proof, tmp_path, free=proof.free, depth=8, extra=ANY_STATE)


@pytest.mark.long
@pytest.mark.parametrize("fields", [{}, {"unaligned": True}], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("cls", [DmaReader, DmaWriter])
def test_finds_each_register_that_a_reset_leaves_out(cls, fields, tmp_path):
    for name in flags(cls, fields):
        folder = tmp_path / name
        folder.mkdir()
        proof = AfterReset(cls, fields, kept=name)
        found = nullcontext() if name in NEEDLESS else pytest.raises(AssertionError, match="failed assertion")
        with found:
            prove(proof, folder, free=proof.free, depth=8, extra=ANY_STATE)
