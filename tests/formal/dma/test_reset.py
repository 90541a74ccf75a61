"""A reset leaves nothing behind in the DMA engines, and a register that it leaves out is found."""

import pytest
from formal.dma.reset import ANY_STATE, AfterReset
from support.formal.prove import prove

from tilewright.dma import DmaReader, DmaWriter

# Set by a request before anything looks at them, or made anew in a cycle in which nothing does.
NEEDLESS = {
    "error_pending",
    "aligner.flush",
    "word_credits.claiming",
    "word_credits.exactly",
    "word_credits.plenty",
    "planner.rows.empty",
    "planner.rows.first",
    "planner.rows.misaligned",
}


@pytest.mark.parametrize("fields", [{}, {"unaligned": True}], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("cls", [DmaReader, DmaWriter])
def test_a_reset_leaves_nothing_behind(cls, fields, tmp_path):
    proof = AfterReset(cls, fields)
    prove(proof, tmp_path, free=proof.free, depth=8, extra=ANY_STATE)


@pytest.mark.long
@pytest.mark.parametrize("fields", [{}, {"unaligned": True}], ids=["aligned", "unaligned"])
@pytest.mark.parametrize("cls", [DmaReader, DmaWriter])
def test_finds_each_register_that_a_reset_leaves_out(cls, fields, tmp_path):
    proof = AfterReset(cls, fields, needless=NEEDLESS)
    for mode in ("cover", "bmc"):
        prove(proof, tmp_path, free=proof.free, depth=8, mode=mode, extra=ANY_STATE)
