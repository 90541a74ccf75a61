"""Panel and ring between their loaders and feeders, in their smallest shapes."""

from amaranth.hdl import Assert, Assume, Elaboratable, Module, Mux, Signal
from amaranth.lib.data import View
from formal.accelerator.surroundings import BEATS_LATE, Connections, Jobs, LoadFlags, Supply
from support.formal.invariants import opened
from support.formal.prove import Proof

from tilewright.accelerator.contract import job_shape
from tilewright.accelerator.execute import Panel, Ring
from tilewright.accelerator.execute.activation_feeder import ActivationFeeder
from tilewright.accelerator.execute.weight_feeder import WeightFeeder
from tilewright.accelerator.load import LoadA, LoadB


class ReadsWhatWasWritten(Elaboratable):
    """Of any one row of a memory: what a feeder gives was written before it was read; nothing is written over it.

    ``freed`` says that the row may be written again.
    """

    def __init__(self, writer, reader, o, rows, freed):
        self.writer, self.reader, self.o, self.freed = writer, reader, o, freed
        self.watched = Signal(range(rows))
        self.free = [self.watched]

    def elaborate(self, platform):
        m = Module()
        writer, reader, watched = self.writer, self.reader, self.watched
        before, begun, full = Signal.like(watched), Signal(), Signal()
        m.d.sync += [before.eq(watched), begun.eq(1)]
        m.d.comb += Assume(~begun | (watched == before))
        wrote = Signal()
        m.d.comb += wrote.eq(writer.write & (writer.write_row == watched))
        m.d.comb += Assert(~wrote | ~full)
        m.d.sync += full.eq((full | wrote) & ~self.freed(m, watched))
        fetched, q = Signal(), Signal()  # of this row, and it is not what was written
        with m.If(reader.fetch):
            m.d.sync += fetched.eq((reader.row == watched) & ~full)
        with m.If(reader.take):
            m.d.sync += q.eq(fetched)
        m.d.comb += Assert(~self.o.valid | ~q)
        return m


class PanelCounts(Panel):
    """The panel without its memory, which `ReadsWhatWasWritten` stands for."""

    def _place_memory(self, m, platform, words):
        pass


class RingCounts(Ring):
    """The ring without its memory, which `ReadsWhatWasWritten` stands for."""

    def _place_memory(self, m, platform, words):
        pass


def panel(config, *, most=3, loader=LoadA, feeder=ActivationFeeder):
    """Load A and its feeder: the panel, its credits, and packets without gaps."""
    load, feed, buffer = loader(config), feeder(config), PanelCounts(config)
    jobs = Jobs(config, [load, feed], most=most)
    supply = Supply(config, load.requests, load.requests.payload.transfer.request, load.words)
    oldest = Signal()

    def freed(m, watched):
        m.d.sync += oldest.eq(oldest ^ feed.panel.free_half)
        return feed.panel.free_half & (watched[-1] == oldest)

    memory = ReadsWhatWasWritten(load.panel, feed.panel, feed.o, config.panel_words, freed)
    load_part, load_inside = opened(load)
    buffer_part, counts = opened(buffer)
    modules = {
        "load": load_part,
        "feed": feed,
        "buffer": buffer_part,
        "jobs": jobs,
        "supply": supply,
        "flags": LoadFlags(load, supply),
        "wires": Connections([(load.panel, buffer.writer), (feed.panel, buffer.reader)]),
        "memory": memory,
        "credits": PanelCredits(config, load, load_inside, feed, counts),
        "packets": PacketsWithoutGaps(feed),
    }
    return Proof(**modules), [*jobs.free, *supply.free, *memory.free, feed.o.ready, feed.has_bank]


class PanelCredits(Elaboratable):
    """Halves, chunks and banks: none is freed that is not in use, none is used that is not there."""

    def __init__(self, config, load, load_inside, feed, counts):
        self.config, self.load, self.inside, self.feed, self.counts = config, load, load_inside, feed, counts

    def elaborate(self, platform):
        m = Module()
        halves, chunks, due = self.counts["halves"], self.counts["chunks"], self.inside["due"]
        writer, reader = self.load.panel, self.feed.panel
        m.d.comb += Assert((halves <= 2) & ((halves < 2) | ~reader.free_half))
        m.d.comb += Assert((halves > 0) | ~writer.take_half)
        # `due` falls a few cycles after the reader has answered.
        m.d.comb += Assert(due <= BEATS_LATE + 2)
        most = 2 * self.config.half_words // self.config.chunk_words
        m.d.comb += Assert((chunks <= most) & ((chunks < most) | ~writer.chunk_loaded))
        m.d.comb += Assert((chunks > 0) | ~reader.take_chunk)
        m.d.comb += Assert(self.feed.has_bank | ~self.feed.take_bank)
        return m


class PacketsWithoutGaps(Elaboratable):
    """Within a packet there is a word in every cycle, so the rows of sums become complete one a cycle.

    The tile accepts all words of a packet whose first it has accepted.
    """

    def __init__(self, feed):
        self.feed = feed

    def elaborate(self, platform):
        m = Module()
        within = Signal()
        with m.If(self.feed.o.valid & self.feed.o.ready):
            m.d.sync += within.eq(~self.feed.o.payload.last)
        m.d.comb += [Assume(~within | self.feed.o.ready), Assert(~within | self.feed.o.valid)]
        return m


def ring(config, *, most=4, whole=True, loader=LoadB, feeder=WeightFeeder):
    """Load B and its feeder: the ring and its credits."""
    load, feed, buffer = loader(config), feeder(config), RingCounts(config)
    jobs = Jobs(config, [load, feed], most=most, whole=whole)
    supply = Supply(config, load.requests, load.requests.payload.transfer.request, load.words)
    oldest = Signal(range(config.ring_words))
    chunk = Mux(feed.ring.free_long, config.long_chunk_words, config.chunk_words) * config.tile.cols

    def freed(m, watched):
        with m.If(feed.ring.free_chunk):
            m.d.sync += oldest.eq(oldest + chunk)
        return feed.ring.free_chunk & ((watched - oldest)[: len(oldest)] < chunk)

    memory = ReadsWhatWasWritten(load.ring, feed.ring, feed.o, config.ring_words, freed)
    load_part, load_inside = opened(load)
    buffer_part, counts = opened(buffer)
    modules = {
        "load": load_part,
        "feed": feed,
        "buffer": buffer_part,
        "jobs": jobs,
        "supply": supply,
        "flags": LoadFlags(load, supply),
        "wires": Connections([(load.ring, buffer.writer), (feed.ring, buffer.reader)]),
        "memory": memory,
        "credits": RingCredits(config, load, load_inside, feed, counts),
    }
    return Proof(**modules), [*jobs.free, *supply.free, *memory.free, feed.o.ready]


class RingCredits(Elaboratable):
    """Slots and chunks: none is freed that is not in use, none is used that is not there."""

    def __init__(self, config, load, load_inside, feed, counts):
        self.config, self.load, self.inside, self.feed, self.counts = config, load, load_inside, feed, counts

    def elaborate(self, platform):
        m = Module()
        config = self.config
        slots, chunks = self.counts["slots"], self.counts["chunks"]
        writer, reader = self.load.ring, self.feed.ring
        most = config.ring_words // config.tile.cols
        given = Mux(reader.free_long, config.long_chunk_words, config.chunk_words)
        words = Mux(View(job_shape(config), self.inside["job"]).long, config.long_chunk_words, config.chunk_words)
        m.d.comb += Assert((slots <= most) & (~reader.free_chunk | (slots + given <= most)))
        m.d.comb += Assert(~self.inside["asked"] | (slots >= words))
        m.d.comb += Assert(self.inside["due"] <= BEATS_LATE + 2)
        most //= config.chunk_words
        m.d.comb += Assert((chunks <= most) & ((chunks < most) | ~writer.chunk_loaded))
        m.d.comb += Assert((chunks > 0) | ~reader.take_chunk)
        return m
