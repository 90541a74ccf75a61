"""Proofs of parts of the vector engine, with seeded bugs; see docs/verification.md."""

import pytest
from formal.accelerator.vector import counter, entries, reads
from support.formal.prove import fails, prove
from support.long_cases import late

from tilewright.accelerator.vector.entry_sequencer import EntrySequencer
from tilewright.accelerator.vector.program.counter import ProgramCounter
from tilewright.accelerator.vector.reads import VectorReads

LEFT_OUT = 3
"""Loads one after the other, at most, that a job leaves out."""


@pytest.mark.parametrize(("lanes", "depth"), [(16, 13), *late((16, 22), (4, 26))])
def test_entries_come_once_and_after_what_they_read(lanes, depth, tmp_path):
    """And there is one at least every 6 cycles, the time in which a result comes."""
    proof, free = entries(lanes)
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


def test_reads_never_ask_for_more_than_there_is_space_for(tmp_path):
    """For ever: one request for each LOAD, held until it is accepted, behind its fence, and in 4 cycles if it may."""
    proof, free = reads()
    prove(proof, tmp_path, free=free, depth=7, mode="prove")


@pytest.mark.parametrize(("loads", "depth"), [(True, 14), *late((True, 26), (False, 20))])
def test_steps_stay_within_the_job_and_go_on(loads, depth, tmp_path):
    """An offer stays; of the loads there is one at least every ``3 * (LEFT_OUT + 1) + 1`` cycles."""
    proof, free = counter(loads, 3 * (LEFT_OUT + 1) + 1 if loads else depth)
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


class Early(EntrySequencer):
    """Seeded bug: results are expected a cycle too early."""

    def __init__(self, config, depth):
        super().__init__(config, depth - 1)


class DoesNotPace(EntrySequencer):
    """Seeded bug: the next group of a FOLD does not wait for the partial sums."""

    def _folds(self):
        return super()._folds() & 0


class ForgetsFence(VectorReads):
    """Seeded bug: x is read although the job before it is still at work."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.fenced.eq(0)
        return m


class ReleasesTwice(VectorReads):
    """Seeded bug: all that is released counts as a word more."""

    def elaborate(self, platform):
        released = self.released
        self.released = released + 1
        m = super().elaborate(platform)
        self.released = released
        return m


class Withdraws(ProgramCounter):
    """Seeded bug: an offer that waits is withdrawn."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(~self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


@pytest.mark.parametrize("cls", [Early, DoesNotPace])
def test_finds_entries_that_come_too_early(cls, tmp_path):
    proof, free = entries(cls=cls)
    fails(proof, free, tmp_path, 12, "rules")


@pytest.mark.parametrize("cls", [ForgetsFence, ReleasesTwice])
def test_finds_reads_that_ask_too_early(cls, tmp_path):
    proof, free = reads(cls=cls)
    fails(proof, free, tmp_path, 10, "rules")


def test_finds_an_instruction_that_is_withdrawn(tmp_path):
    proof, free = counter(True, 13, cls=Withdraws)
    fails(proof, free, tmp_path, 10, "held")


def test_finds_instructions_that_come_too_late(tmp_path):
    proof, free = counter(True, 2)
    fails(proof, free, tmp_path, 10, "moves")
