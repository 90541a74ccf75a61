"""Proofs of fences and of how the accelerator stops, with seeded bugs; see docs/verification.md."""

import pytest
from amaranth.hdl import Signal
from formal.accelerator.stopping import fences, stops
from formal.accelerator.surroundings import tiny
from support.formal.prove import fails, prove

from tilewright.accelerator.frontend.supervisor import Supervisor
from tilewright.accelerator.load import LoadA, LoadB


@pytest.mark.parametrize("loader", [LoadA, LoadB])
def test_a_fenced_job_asks_for_nothing_before_the_jobs_ahead_of_it_are_complete(loader, tmp_path):
    proof, free = fences(tiny(), loader)
    prove(proof, tmp_path, free=free, depth=16)


def test_an_abort_a_failure_and_a_soft_reset_end_with_a_flush_of_8_cycles(tmp_path):
    """Once the DMA engines have no work, with `abort` throughout, and nothing is counted until the resume."""
    proof, free = stops(tiny())
    prove(proof, tmp_path, free=free, depth=40)


class AsksTooEarlyA(LoadA):
    """Seeded bug: the first request is offered with the half of the panel."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.panel.half_free & ~self.job.ready):
            m.d.comb += self.requests.valid.eq(1)
        return m


class AsksTooEarlyB(LoadB):
    """Seeded bug: a request is offered as soon as the ring has space."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        room = Signal()
        m.d.sync += room.eq(self.ring.room & ~self.job.ready)
        with m.If(room & ~self.job.ready):
            m.d.comb += self.requests.valid.eq(1)
        return m


@pytest.mark.parametrize("loader", [AsksTooEarlyA, AsksTooEarlyB])
def test_finds_a_request_before_its_fence(loader, tmp_path):
    proof, free = fences(tiny(), loader)
    fails(proof, free, tmp_path, 16, "rules")


class CountsOn(Supervisor):
    """Seeded bug: what completes while an abort is on its way is counted."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        completed = Signal()
        m.d.sync += completed.eq(self.completed)
        m.d.comb += self.count.eq(completed & ~self.flush)
        return m


class FlushesWithWork(Supervisor):
    """Seeded bug: a flush does not wait for what is on the bus."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        waited = Signal(4)
        m.d.sync += waited.eq(waited + (self.abort & ~waited.all()))
        with m.If(waited.all()):
            m.d.comb += self.flush.eq(1)
        return m


class NeverAborts(Supervisor):
    """Seeded bug: the DMA engines are not told."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.abort.eq(0)
        return m


@pytest.mark.parametrize("cls", [CountsOn, FlushesWithWork, NeverAborts])
def test_finds_a_stop_that_breaks_a_rule(cls, tmp_path):
    proof, free = stops(tiny(), cls=cls)
    fails(proof, free, tmp_path, 24, "rules")
