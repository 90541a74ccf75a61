"""Proofs of the accelerator's credits, buffers, pointers and progress, with seeded bugs; see docs/verification.md."""

import pytest
from amaranth.hdl import Signal
from formal.accelerator.buffers import panel, ring
from formal.accelerator.dispatching import queued_jobs
from formal.accelerator.frontend import pointers, ranges, serial_ranges
from formal.accelerator.proofs import accumulators, whole_path, writes
from formal.accelerator.surroundings import tiny
from support.formal.prove import fails, prove
from support.long_cases import late

from tilewright.accelerator.execute import Accumulators
from tilewright.accelerator.execute.activation_feeder import ActivationFeeder
from tilewright.accelerator.execute.weight_feeder import WeightFeeder
from tilewright.accelerator.frontend import queued_dispatcher
from tilewright.accelerator.frontend.dispatcher import Dispatcher
from tilewright.accelerator.frontend.range_check import RangeCheck
from tilewright.accelerator.frontend.ring import CommandRing
from tilewright.accelerator.frontend.serial_range_check import SerialRangeCheck
from tilewright.accelerator.load import LoadA, LoadB, read_arbiter
from tilewright.accelerator.store import write_requests as store_writes
from tilewright.storage import SmallFifo


@pytest.mark.parametrize("depth", [13, *late((18,))])
def test_panel_is_read_after_it_is_written_and_before_it_is_overwritten(depth, tmp_path):
    """And halves, chunks and banks never over- or underflow, and packets have no gaps."""
    proof, free = panel(tiny())
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


@pytest.mark.parametrize("depth", [15, *late((22,))])
def test_ring_is_read_after_it_is_written_and_before_it_is_overwritten(depth, tmp_path):
    """And slots and chunks never over- or underflow."""
    proof, free = ring(tiny())
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


@pytest.mark.parametrize("depth", [18, *late((30,))])
def test_sums_are_read_when_complete_and_kept_until_released(depth, tmp_path):
    """And `complete` is never more than the tiles of sums that have come."""
    proof, free = accumulators(tiny())
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


def test_pointers_keep_their_order_and_each_job_goes_to_each_engine_once(tmp_path):
    """For ever, with flushes, skips, direct descriptors and a host that moves the tail."""
    proof, free = pointers(tiny())
    prove(proof, tmp_path, free=free, depth=3, mode="prove")


@pytest.mark.parametrize("depth", [11, *late((16,))])
def test_queued_jobs_go_to_the_engines_of_their_kind_once_and_in_order(depth, tmp_path):
    """And to store when no vector job before is incomplete, and at most 6 are."""
    proof, free = queued_jobs(tiny(vector_lanes=1))
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


@pytest.mark.parametrize("depth", [12, *late((20,))])
def test_nothing_is_written_before_the_jobs_before_are_complete(depth, tmp_path):
    """And each request is held until it is taken, and never are more than 16 due."""
    proof, free = writes(tiny())
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


@pytest.mark.parametrize("depth", [16, *late((24,))])
def test_loading_and_feeding_never_stand_still(depth, tmp_path):
    """Something moves at least every 6 cycles, and every word and status has an owner."""
    proof, free = whole_path(tiny())
    prove(proof, tmp_path, free=free, depth=depth, timeout=900)


@pytest.mark.parametrize(("widths", "depth"), [((6, 2, 3, 4), 16), *late(((8, 3, 5, 5), 11))])
def test_a_range_past_the_last_address_is_found_and_no_other(widths, depth, tmp_path):
    """Any address, rows, stride and bytes of a row, and a check after another."""
    proof, free = ranges(widths)
    prove(proof, tmp_path, free=free, depth=depth, timeout=600)


@pytest.mark.parametrize(("widths", "depth"), [((6, 2, 3, 4), 15), *late(((8, 3, 5, 5), 11))])
def test_a_range_whose_bits_come_one_by_one_is_found_likewise(widths, depth, tmp_path):
    proof, free = serial_ranges(widths)
    prove(proof, tmp_path, free=free, depth=depth, timeout=600)


class FreesHalfTwice(ActivationFeeder):
    """Seeded bug: the half is given back again when the last words of a tile of sums leave."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.o.valid & self.o.ready & self.final & self.o.payload.last):
            m.d.comb += self.panel.free_half.eq(1)
        return m


class AnnouncesEarlyA(LoadA):
    """Seeded bug: a chunk is announced when it is asked for."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.panel.chunk_loaded.eq(self.requests.valid & self.requests.ready)
        return m


class AnnouncesEarlyB(LoadB):
    """Seeded bug: a chunk is announced when it is asked for."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.ring.chunk_loaded.eq(self.requests.valid & self.requests.ready)
        return m


class FreesTooMuch(WeightFeeder):
    """Seeded bug: every chunk is given back as a long one."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.ring.free_long.eq(1)
        return m


class AnnouncesNothing(LoadB):
    """Seeded bug: no chunk is ever announced, and the feeder waits for ever."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.sync += self.ring.chunk_loaded.eq(0)
        return m


class ReadyEarly(Accumulators):
    """Seeded bug: sums can be read as soon as results come."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.results.coming):
            m.d.comb += self.sums.ready.eq(1)
        return m


class DispatchesAgain(Dispatcher):
    """Seeded bug: the first engine is offered a job until the next."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(~self.take):
            m.d.sync += self.job_valid[0].eq(self.job_valid[0])
        return m


class CountsTwice(CommandRing):
    """Seeded bug: a descriptor that is completed counts as two."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.completed):
            m.d.sync += self.head.eq(self.head + 2)
        return m


class ForgetsTheRow(RangeCheck):
    """Seeded bug: a carry out of the last bit alone says nothing."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        last, ends = Signal(), Signal()
        m.d.sync += [last.eq((self.step == len(self.address)) & self.rows[0]), ends.eq(last)]
        with m.If(ends):
            m.d.comb += self.beyond.eq(0)
        return m


class ForgetsOneRow(SerialRangeCheck):
    """Seeded bug: a single row never goes past the last address."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        works = Signal()
        m.d.sync += works.eq(self.work)
        with m.If(works & ~self.work & ~self.rows[1:].any()):
            m.d.comb += self.beyond.eq(0)
        return m


class Overflows(SmallFifo):
    """Seeded bug: it takes entries that it has no space for."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.i.ready.eq(1)
        return m


@pytest.mark.parametrize(
    ("design", "options", "depth", "rule"),
    [
        (panel, {"feeder": FreesHalfTwice}, 20, "credits"),
        (panel, {"loader": AnnouncesEarlyA}, 16, "memory"),
        (ring, {"loader": AnnouncesEarlyB}, 16, "memory"),
        (ring, {"feeder": FreesTooMuch}, 18, "credits"),
        (accumulators, {"cls": ReadyEarly}, 16, "rules"),
        (pointers, {"dispatcher_cls": DispatchesAgain}, 12, "rules"),
        (pointers, {"ring_cls": CountsTwice}, 12, "rules"),
        pytest.param(whole_path, {"loader": AnnouncesNothing}, 24, "moving", marks=pytest.mark.long),
    ],
    ids=["half", "panel-chunk", "ring-chunk", "slots", "sums", "job", "head", "hang"],
)
def test_finds_the_bug(design, options, depth, rule, tmp_path):
    proof, free = design(tiny(), **options)
    fails(proof, free, tmp_path, depth, rule)


def test_finds_a_write_before_the_jobs_before_are_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(store_writes, "NUMBER_BITS", 0)
    proof, free = writes(tiny())
    fails(proof, free, tmp_path, 12, "rules")


@pytest.mark.parametrize(("name", "value", "depth"), [("STORE", None, 16), ("VECTOR", 3, 12)])
def test_finds_a_queue_that_forgets_a_rule(name, value, depth, tmp_path, monkeypatch):
    monkeypatch.setattr(queued_dispatcher, name, value)
    proof, free = queued_jobs(tiny(vector_lanes=1))
    fails(proof, free, tmp_path, depth, "rules")


def test_finds_a_range_that_is_not_added_up_to_its_end(tmp_path):
    proof, free = ranges((6, 2, 3, 4), cls=ForgetsTheRow)
    fails(proof, free, tmp_path, 16, "rules")


def test_finds_a_single_row_that_is_forgotten(tmp_path):
    proof, free = serial_ranges((6, 2, 3, 4), cls=ForgetsOneRow)
    fails(proof, free, tmp_path, 12, "rules")


def test_finds_words_that_nobody_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(read_arbiter, "SmallFifo", Overflows)
    proof, free = whole_path(tiny())
    fails(proof, free, tmp_path, 20, "owners")
