"""For each rule of the DMA engines a seeded bug that its proof finds."""

import pytest
from amaranth.hdl import Cat, Signal
from formal.dma.proofs import FAULTS, QUIET, SINGLE, WIDE, planner, reader, reader_rules, tiny, writer, writer_rules
from support.formal.prove import ABC, fails

from tilewright.dma import DmaConfig, DmaReader, DmaWriter, read_aligner, write_aligner
from tilewright.dma import reader as dma_reader
from tilewright.dma import writer as dma_writer
from tilewright.dma.request_status import RequestStatus
from tilewright.storage import SmallFifo


class LongBursts(DmaConfig):
    """Seeded bug: the longest burst is not cut to 4 KiB."""

    burst_words = property(lambda self: self.max_burst)


def test_finds_a_burst_past_4_kib(tmp_path):
    proof, free = planner(LongBursts.model_construct(**tiny(**WIDE).model_dump()))
    fails(proof, free, tmp_path, 6, "bursts")


class WithdrawsAddress(DmaReader):
    """Seeded bug: `abort` withdraws an address on offer."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.abort):
            m.d.comb += self.m_axi.arvalid.eq(0)
        return m


class WithdrawsData(DmaWriter):
    """Seeded bug: `abort` withdraws data on offer."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.abort):
            m.d.comb += self.m_axi.wvalid.eq(0)
        return m


@pytest.mark.parametrize(
    ("engine", "cls", "rule"), [(reader_rules, WithdrawsAddress, "ar"), (writer_rules, WithdrawsData, "w")]
)
def test_finds_an_offer_withdrawn(engine, cls, rule, tmp_path):
    proof, free = engine(tiny(), cls=cls)
    fails(proof, free, tmp_path, 12, rule)


class Deaf(DmaWriter):
    """Seeded bug: responses are never accepted."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += [self.m_axi.bready.eq(0), m.submodules.responses.bvalid.eq(0)]
        return m


class Forgetful(DmaReader):
    """Seeded bug: a request is taken, and lost, while another is on its way."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += self.requests.ready.eq(1)
        return m


@pytest.mark.parametrize(
    ("engine", "cls", "depth", "rule"),
    [pytest.param(writer, Deaf, 24, "moving", marks=pytest.mark.long), (reader, Forgetful, 16, "statuses")],
)
def test_finds_a_hang_and_a_lost_request(engine, cls, depth, rule, tmp_path):
    proof, free = engine(tiny(), cls=cls, **FAULTS, fair=QUIET[engine])
    fails(proof, free, tmp_path, depth, rule)


@pytest.mark.parametrize(("engine", "module"), [(reader, dma_reader), (writer, dma_writer)], ids=["read", "write"])
def test_finds_too_much_outstanding(engine, module, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SmallFifo", lambda shape, depth: SmallFifo(shape, depth + 2))
    proof, free = engine(tiny(length_bits=4), data=False)
    fails(proof, free, tmp_path, 18, "memory")


def test_finds_bytes_beyond_the_row_read(tmp_path, monkeypatch):
    monkeypatch.setattr(read_aligner, "clear_tail", lambda config, value, *_: value)
    proof, free = reader(tiny())
    fails(proof, free, tmp_path, 10, "bytes")


def test_finds_bytes_beyond_the_row_written(tmp_path, monkeypatch):
    monkeypatch.setattr(write_aligner, "up_to", lambda config, *_: (1 << config.word_bytes) - 1)
    proof, free = writer(tiny())
    fails(proof, free, tmp_path, 10, "bytes")


class SwapsBytesRead(DmaReader):
    """Seeded bug: the bytes of a word are in the wrong order."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        word = m.submodules.aligner.o.payload.data
        m.d.comb += self.o.payload.data.eq(Cat(word[8:], word[:8]))
        return m


class SwapsBytesWritten(DmaWriter):
    """Seeded bug: the bytes of a beat are in the wrong order."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        word = m.submodules.aligner.o.payload.data
        m.d.comb += self.m_axi.wdata.eq(Cat(word[8:], word[:8]))
        return m


class RepeatsWord(DmaReader):
    """Seeded bug: the first word stays when it is taken, and leaves twice."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        repeat_first(m, self.o.valid & self.o.ready, m.submodules.aligner.o.ready)
        return m


class RepeatsBeat(DmaWriter):
    """Seeded bug: the first beat stays when it is taken, and is written twice."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        repeat_first(m, self.m_axi.wvalid & self.m_axi.wready, m.submodules.aligner.o.ready)
        return m


@pytest.mark.parametrize(
    ("engine", "cls"),
    [(reader, SwapsBytesRead), (writer, SwapsBytesWritten), (reader, RepeatsWord), (writer, RepeatsBeat)],
)
def test_finds_bytes_out_of_order_or_moved_twice(engine, cls, tmp_path):
    proof, free = engine(tiny(), cls=cls)
    fails(proof, free, tmp_path, 12, "bytes")


class KeepsBeat(DmaReader):
    """Seeded bug: an abort leaves one beat more in the buffer than will be taken off, and the next request gets it."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.abort & self.busy & ~self.m_axi.rvalid):
            m.d.comb += m.submodules.buffer.i.valid.eq(1)
        return m


class KeepsWord(DmaWriter):
    """Seeded bug: a word is left in the buffer by an abort, and the next request gets it."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        buffer, cleared = m.submodules.buffer, Signal()
        m.d.sync += cleared.eq(buffer.clear)
        with m.If(cleared):
            m.d.comb += buffer.i.valid.eq(1)
        return m


class KeepsCredits(DmaWriter):
    """Seeded bug: words that an abort has thrown away still count as there."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += m.submodules.word_credits.clear.eq(0)
        return m


class KeepsDropped(DmaWriter):
    """Seeded bug: the words that a failed request does not write are not taken, and the next request gets them."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(m.submodules.forming.i.payload.dropped):
            m.d.comb += m.submodules.forming.i.valid.eq(0)
        return m


class LosesBeats(DmaReader):
    """Seeded bug: an abort empties the buffer of beats that are still waited for."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        m.d.comb += m.submodules.buffer.clear.eq(self.abort)
        return m


class LosesWords(DmaWriter):
    """Seeded bug: an abort empties the buffer of words that bursts on their way need."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.abort):
            m.d.comb += m.submodules.buffer.clear.eq(1)
        return m


@pytest.mark.parametrize(
    ("engine", "fields", "cls", "depth"),
    [(reader, {}, KeepsBeat, 18), (writer, SINGLE, KeepsWord, 14), (writer, SINGLE, KeepsCredits, 12)],
)
def test_finds_data_left_over_from_an_abort(engine, fields, cls, depth, tmp_path):
    proof, free = engine(tiny(**fields), abort=True, cls=cls, brisk=cls is KeepsBeat)
    fails(proof, free, tmp_path, depth, "bytes")


@pytest.mark.parametrize(
    ("engine", "cls"), [(reader, LosesBeats), pytest.param(writer, LosesWords, marks=pytest.mark.long)]
)
def test_finds_a_hang_after_an_abort(engine, cls, tmp_path):
    proof, free = engine(tiny(), data=False, abort=True, fair=QUIET[engine], cls=cls)
    fails(proof, free, tmp_path, 24, "moving", engine=ABC)


class StaysFailing(RequestStatus):
    """Seeded bug: a request that failed makes those after it fail."""

    def elaborate(self, platform):
        m = super().elaborate(platform)
        with m.If(self.failing):
            m.d.sync += self.failing.eq(1)
        return m


@pytest.mark.long
def test_finds_a_request_hurt_by_an_earlier_error(tmp_path, monkeypatch):
    monkeypatch.setattr(dma_reader, "RequestStatus", StaysFailing)
    proof, free = reader(tiny(), errors=True, brisk=True)
    fails(proof, free, tmp_path, 20, "bytes")


@pytest.mark.long
def test_finds_words_left_over_from_an_error(tmp_path):
    proof, free = writer(tiny(**SINGLE), errors=True, brisk=True, cls=KeepsDropped)
    fails(proof, free, tmp_path, 20, "bytes")


def repeat_first(m, leaves, ready):
    """Hide from the aligner that its first word leaves."""
    once = Signal()
    with m.If(leaves):
        m.d.sync += once.eq(1)
        with m.If(~once):
            m.d.comb += ready.eq(0)
