"""The parts of the accelerator that are proven, in their smallest shapes, with what is around them."""

from amaranth.hdl import Array, Assert, Assume, Cat, Elaboratable, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib.data import View
from amaranth.lib.wiring import connect
from formal.dma.proofs import Fair
from support.formal.invariants import opened
from support.formal.prove import Proof
from support.formal.watchers import KeepsMoving

from tilewright.accelerator.contract import AcceleratorConfig, job_shape
from tilewright.accelerator.execute import Accumulators, Panel, Ring
from tilewright.accelerator.execute.activation_feeder import ActivationFeeder
from tilewright.accelerator.execute.weight_feeder import WeightFeeder
from tilewright.accelerator.frontend.dispatcher import INCOMPLETE, Dispatcher
from tilewright.accelerator.frontend.range_check import RangeCheck
from tilewright.accelerator.frontend.ring import CommandRing
from tilewright.accelerator.frontend.serial_range_check import SerialRangeCheck
from tilewright.accelerator.load import LoadA, LoadB, ReadArbiter
from tilewright.accelerator.store.write_requests import StoreWrites
from tilewright.tile.feeder import TileFeeder

BEATS_LATE = 2
"""Requests that the reader has taken and not answered, at most."""


def tiny(**fields):
    """Panel halves and ring of 8 words, chunks of 1 and 2 words, 2 columns, M-blocks of 2 rows.

    This is below the limits of `AcceleratorConfig`, which are there for users.
    """
    small = {
        "cols": 2, "panel_words": 8, "ring_words": 8, "acc_rows": 2, "chunk_words": 1, "long_chunk_words": 2,
        "outstanding": 2, "max_burst": 2, "requant_lanes": 1,
    }  # fmt: skip
    return AcceleratorConfig.preset("nano").model_copy(update=small | fields)


class Jobs(Elaboratable):
    """Two jobs of free sizes, offered in turn: the next when all engines have taken the one before, as by `Dispatcher`.

    M and N are 1 to ``most``, N a multiple of the columns if ``whole``.
    """

    def __init__(self, config, engines, *, most=3, whole=True):
        self.config, self.engines, self.most, self.whole = config, engines, most, whole
        self.sizes = [[Signal(5, name=f"{size}_{turn}") for size in "mnk"] for turn in range(2)]
        self.start = Signal()
        self.free = [self.start, *(size for sizes in self.sizes for size in sizes)]

    def elaborate(self, platform):
        m = Module()
        config = self.config
        begun, turn = Signal(), Signal()
        waiting = Signal(len(self.engines))
        m.d.sync += begun.eq(1)
        for sizes in self.sizes:
            for size, most in zip(sizes, (self.most, self.most, config.half_words * config.tile.rows), strict=True):
                before = Signal.like(size, name=f"{size.name}_before")
                m.d.sync += before.eq(size)
                m.d.comb += Assume((size >= 1) & (size <= most) & (~begun | (size == before)))
            if self.whole:
                m.d.comb += Assume((sizes[1] & config.tile.cols - 1) == 0)
        rows, columns, depth = (Mux(turn, second, first) for first, second in zip(*self.sizes, strict=True))
        k_words, pitch, block_rows = Signal(5), Signal(5), Signal(5)
        long = Signal()
        less = Mux(long, config.long_chunk_words, config.chunk_words) - 1
        m.d.comb += [long.eq(rows < config.tile.cols), k_words.eq((depth + config.tile.rows - 1) // config.tile.rows)]
        m.d.comb += pitch.eq((k_words + less) & ~less)
        with m.Switch(pitch):
            for value in range(1, config.half_words + 1):
                with m.Case(value):
                    m.d.comb += block_rows.eq(min(config.acc_rows, config.half_words // value))
        taken = Signal(len(self.engines))
        for number, engine in enumerate(self.engines):
            job = engine.job
            m.d.comb += [job.valid.eq(waiting[number]), taken[number].eq(job.ready)]
            m.d.comb += [job.payload.m.eq(rows), job.payload.n.eq(columns), job.payload.k.eq(depth)]
            m.d.comb += [job.payload.k_words.eq(k_words), job.payload.long.eq(long)]
            m.d.comb += job.payload.block_rows.eq(block_rows)
        m.d.sync += waiting.eq(waiting & ~taken)
        with m.If(~waiting.any() & self.start):
            m.d.sync += [waiting.eq(-1), turn.eq(turn ^ begun)]
        return m


class Supply(Elaboratable):
    """A reader: it takes up to two requests, at any time, and answers with all of their words, in order."""

    def __init__(self, config, requests, payload, words, *, fair=False):
        self.config, self.requests, self.payload, self.words, self.fair = config, requests, payload, words, fair
        self.free = [requests.ready, words.valid]
        self.level = Signal(range(BEATS_LATE + 1))
        self.whole = Signal()  # a request is complete

    def elaborate(self, platform):
        m = Module()
        requests, words, level = self.requests, self.words, self.level
        request = self.payload
        queue = [Array(Signal(8, name=f"{name}_{n}") for n in range(BEATS_LATE)) for name in ("rows", "beats")]
        asked, done = requests.valid & requests.ready, self.whole
        beats = (request.bytes + self.config.word_bytes - 1) // self.config.word_bytes
        row, beat = Signal(8), Signal(8)
        m.d.comb += [Assume(~requests.ready | (level < BEATS_LATE)), Assume(~words.valid | (level > 0))]
        m.d.comb += [words.payload.row_last.eq(beat == queue[1][0] - 1)]
        m.d.comb += [words.payload.last.eq(words.payload.row_last & (row == queue[0][0] - 1))]
        m.d.comb += done.eq(words.valid & words.payload.last)
        m.d.sync += level.eq(level + asked - done)
        with m.If(words.valid):
            m.d.sync += beat.eq(Mux(words.payload.row_last, 0, beat + 1))
            with m.If(words.payload.row_last):
                m.d.sync += row.eq(Mux(words.payload.last, 0, row + 1))
        with m.If(done):
            m.d.sync += [entries[0].eq(entries[1]) for entries in queue]
        with m.If(asked):
            m.d.comb += Assert((request.rows > 0) & (beats > 0))
            m.d.sync += [queue[0][level - done].eq(request.rows), queue[1][level - done].eq(beats)]
        if self.fair:
            m.submodules.fair_requests = Fair(requests.valid & (level < BEATS_LATE), requests.ready)
            m.submodules.fair_words = Fair(level > 0, words.valid)
        return m


class LoadFlags(Elaboratable):
    """What a arbiter adds to the words of one loader: `block_last` and `long` of the request they answer."""

    def __init__(self, loader, supply):
        self.loader, self.supply = loader, supply

    def elaborate(self, platform):
        m = Module()
        loader, supply = self.loader, self.supply
        entries = Array(Signal(2, name=f"flags_{n}") for n in range(BEATS_LATE))
        payload = loader.requests.payload
        with m.If(supply.whole):
            m.d.sync += entries[0].eq(entries[1])
        with m.If(loader.requests.valid & loader.requests.ready):
            m.d.sync += entries[supply.level - supply.whole].eq(payload.block_last | payload.long << 1)
        m.d.comb += loader.words.payload.block_last.eq(entries[0][0])
        m.d.comb += loader.words.payload.long.eq(entries[0][1])
        return m


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


class Wires(Elaboratable):
    """Connections."""

    def __init__(self, pairs):
        self.pairs = pairs

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [to.eq(source) for to, source in self.pairs]
        return m


class Connections(Elaboratable):
    """Interfaces of one signature, connected."""

    def __init__(self, pairs):
        self.pairs = pairs

    def elaborate(self, platform):
        m = Module()
        for first, second in self.pairs:
            connect(m, first, second)
        return m


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


def accumulators(config, cls=Accumulators):
    """The accumulators between packets without gaps and a store that reads as fast as it may."""
    dut = cls(config)
    part, inside = opened(dut)
    rules = AccumulatorRules(config, dut, inside)
    results, sums = dut.results, dut.sums
    free = [results.coming, results.take_bank, rules.rows, rules.packets, rules.watched]
    free += [sums.fetch, sums.row, sums.release]
    return Proof(dut=part, rules=rules), free


class AccumulatorRules(Elaboratable):
    """Tiles of sums of 1 or 2 rows and 1 to 3 packets come; each row read is the last of its tile, and not yet lost.

    Rows are read from `ready` on, at least one cycle apart; the last with, or before, `release`. A packet starts 4
    cycles or more after the one before. A bank is taken for each tile before it comes.
    """

    def __init__(self, config, dut, inside):
        self.config, self.dut, self.inside = config, dut, inside
        self.rows, self.packets = Signal(2), Signal(2)  # of the coming tile
        self.watched = Signal(range(2 * config.acc_rows))

    def elaborate(self, platform):
        m = Module()
        results, sums, inside = self.dut.results, self.dut.sums, self.inside
        # What comes.
        row, packet, pause, begun, opened_tiles = Signal(2), Signal(2), Signal(3), Signal(), Signal(2)
        rows, packets = Signal(2), Signal(2)
        before, started = Signal.like(self.watched), Signal()
        m.d.sync += [before.eq(self.watched), started.eq(1)]
        m.d.comb += Assume(~started | (self.watched == before))
        start = results.coming & (row == 0) & (packet == 0)
        rows_begun, packets_begun = Signal(2), Signal(2)
        m.d.comb += [rows.eq(Mux(begun, rows_begun, self.rows)), packets.eq(Mux(begun, packets_begun, self.packets))]
        m.d.comb += Assume((self.rows >= 1) & (self.rows <= self.config.acc_rows) & (self.packets >= 1))
        last, final = row == rows - 1, packet == packets - 1
        m.d.comb += [results.last.eq(last), results.first.eq(packet == 0), results.final.eq(final)]
        m.d.comb += [Assume((row == 0) | results.coming), Assume(~results.coming | (row != 0) | (pause == 0))]
        # Banks that are taken and whose tile of sums has not come yet.
        ahead = Signal(2)
        m.d.comb += Assume(~results.take_bank | results.has_bank)
        m.d.comb += Assume(~start | (ahead > 0))
        m.d.sync += ahead.eq(ahead + results.take_bank - start)
        m.d.comb += Assert(inside["banks"] + ahead + opened_tiles == 2)
        m.d.sync += [pause.eq(Mux(results.coming & (row == 0), 3, pause - pause.any()))]
        with m.If(results.coming):
            m.d.sync += [begun.eq(~(last & final)), rows_begun.eq(rows), packets_begun.eq(packets)]
            m.d.sync += [row.eq(Mux(last, 0, row + 1))]
            with m.If(last):
                m.d.sync += packet.eq(Mux(final, 0, packet + 1))
        m.d.sync += opened_tiles.eq(opened_tiles + start - sums.release)

        # What is read: each row once, in order; the rows of the two tiles that there may be.
        sizes = [Signal(2, name=f"size_{n}") for n in range(2)]
        come, gone, fetched = Signal(), Signal(), Signal(2)
        with m.If(start):
            m.d.sync += come.eq(~come)
            for n, size in enumerate(sizes):
                with m.If(come == n):
                    m.d.sync += size.eq(rows)
        size = Mux(gone, sizes[1], sizes[0])
        m.d.comb += Assume(~sums.fetch | (sums.ready & (sums.row == fetched) & (fetched < size)))
        m.d.comb += Assume(~sums.release | (sums.ready & (fetched + sums.fetch == size)))
        m.d.sync += fetched.eq(Mux(sums.release, 0, fetched + sums.fetch))
        m.d.sync += gone.eq(gone ^ sums.release)

        # What is promised.
        complete, full = inside["complete"], Signal()
        m.d.comb += Assert((complete <= opened_tiles) & ~(sums.release & (complete == 0)))
        m.d.comb += Assert(opened_tiles <= 2)
        # A result is written 3 cycles after it was announced.
        finals = Signal(3)
        m.d.sync += finals.eq(finals << 1 | results.coming & final)
        wrote = inside["write"] & (inside["write_row"] == self.watched)
        m.d.comb += Assert(~wrote | ~full)
        read = sums.fetch & (inside["read_row"] == self.watched)
        m.d.comb += Assert(~read | full)
        frees = sums.release & (inside["drained"] == self.watched[-1])
        m.d.sync += full.eq((full | wrote & finals[-1]) & ~frees)
        return m


def pointers(config, *, ring_cls=CommandRing, dispatcher_cls=Dispatcher):
    """The ring of descriptors and the offer of jobs: pointers in order, each job to each engine once."""
    ring_, dispatcher = ring_cls(config), dispatcher_cls(config)
    ring_part, inside = opened(ring_)
    flush = Signal()
    rules = PointerRules(ring_, dispatcher, inside, flush)
    modules = {"ring": ring_part, "dispatcher": ResetInserter(flush)(dispatcher), "rules": rules}
    free = [flush, ring_.enable, ring_.base, ring_.log2, ring_.tail_write, ring_.tail_value, ring_.direct, ring_.hold]
    free += [
        ring_.skip,
        ring_.completed,
        ring_.fetch.ready,
        dispatcher.decoded,
        dispatcher.job_ready,
        dispatcher.interrupt,
    ]
    return Proof(**modules), free


class PointerRules(Elaboratable):
    """What comes from host, supervisor, decoder and store is as they promise; the pointers keep their order."""

    def __init__(self, ring_, dispatcher, inside, flush):
        self.ring, self.dispatcher, self.inside, self.flush = ring_, dispatcher, inside, flush

    def elaborate(self, platform):
        m = Module()
        dut, dispatcher, flush = self.ring, self.dispatcher, self.flush
        fetched, occupied = self.inside["fetched"], self.inside["occupied"]
        m.d.comb += [dut.forget.eq(flush), dut.taken.eq(dispatcher.take)]
        m.d.comb += [dispatcher.index.eq(dut.index), dispatcher.head.eq(dut.head)]
        waiting = Signal(16)
        incomplete = Signal(16)
        m.d.comb += [waiting.eq(dut.tail - fetched), incomplete.eq(fetched - dut.head)]
        # The host moves the tail on, by a ring at most; a direct descriptor comes when there is no other.
        moved = (dut.tail_value - fetched)[:16]
        m.d.comb += Assume(~dut.tail_write | (moved >= waiting) & (moved < 1 << 15) & ~(dut.direct | flush | dut.skip))
        m.d.comb += Assume(~dut.direct | dut.idle & dut.drained & ~occupied & ~dut.hold & ~flush)
        # The store completes what all engines have taken; nothing during a flush, which lasts until all is forgotten.
        held = dispatcher.job_valid.any()
        m.d.comb += Assume(~dut.completed | (incomplete > occupied) & ~(held & (incomplete == 1 + occupied)))
        m.d.comb += Assume(~dut.completed | ~flush & ~dut.skip)
        flushing = Signal(4)
        m.d.sync += flushing.eq(Mux(flush, Mux(flushing == 8, 8, flushing + 1), 0))
        m.d.comb += Assume(flush | (flushing == 0) | (flushing == 8))
        held_before = Signal()
        m.d.sync += held_before.eq(dut.hold)
        m.d.comb += Assume(~flush | dut.hold & held_before)
        m.d.comb += Assume(~dut.skip | dut.idle & (waiting > 0) & dut.hold & held_before & ~occupied & ~flush)
        # The decoder has a job from a descriptor that was fetched.
        m.d.comb += Assume(~dispatcher.decoded | occupied & ~dut.fetch.valid & ~flush)

        # head ≤ fetched ≤ tail: from each to the next are few, and from head to tail about half of all numbers at most.
        submitted = (dut.tail - dut.head)[:16]
        m.d.comb += Assert((incomplete <= INCOMPLETE + 1) & (incomplete <= submitted))
        m.d.comb += Assert(submitted <= (1 << 15) + INCOMPLETE + 1)
        m.d.comb += Assert((flushing == 0) | ~occupied & ~held & (incomplete <= Mux(flushing < 5, 5 - flushing, 0)))
        m.d.comb += Assert(~occupied | (incomplete > 0) & (dut.index == (fetched - 1)[:16]))
        m.d.comb += Assert((incomplete - occupied)[:16] <= INCOMPLETE)
        m.d.comb += Assert(~dut.fetch.valid | occupied)

        # Each job in turn, to each engine once.
        expected = Signal(16)
        m.d.comb += expected.eq(fetched - occupied)
        job = View(dispatcher.job.shape(), Value.cast(dispatcher.job))
        m.d.comb += Assert(~dispatcher.take | (dispatcher.index == expected) & ~held)
        m.d.comb += Assert(~held | (incomplete > occupied) & (job.index == (expected - 1)[:16]))
        for engine in range(4):
            had = Signal(init=1, name=f"had_{engine}")
            takes = dispatcher.job_valid[engine] & dispatcher.job_ready[engine]
            m.d.comb += [Assert(~takes | ~had), Assert(had == ~dispatcher.job_valid[engine])]
            m.d.sync += had.eq((had | takes) & ~dispatcher.take | flush)
        return m


def ranges(widths, *, cls=RangeCheck):
    """The check of any range: `beyond` is what the sum in the datasheet says."""
    dut = cls(*widths)
    return Proof(check=dut, rules=RangeRules(dut)), [dut.start, dut.address, dut.rows, dut.stride, dut.row_bytes]


class RangeRules(Elaboratable):
    """Checks follow each other at any time; operands stay from the cycle after a start on."""

    def __init__(self, check):
        self.check = check

    def elaborate(self, platform):
        m = Module()
        dut = self.check
        bits = len(dut.address)
        started = Signal()  # there has been a start
        since = Signal(range(bits + 3))  # cycles since the last, at most two more than an address has bits
        with m.If(dut.start):
            m.d.sync += [started.eq(1), since.eq(0)]
        with m.Elif(since <= bits + 1):
            m.d.sync += since.eq(since + 1)
        m.d.comb += dut.step.eq(Mux(started & (since < bits), since + 1, 0))
        operands = Cat(dut.address, dut.rows, dut.stride, dut.row_bytes)
        before = Signal.like(operands)
        m.d.sync += before.eq(operands)
        m.d.comb += Assume((dut.rows > 0) & (dut.row_bytes > 0))
        m.d.comb += Assume(~started | (since == 0) | (operands == before))
        end = dut.address + (dut.rows - 1) * dut.stride + dut.row_bytes
        m.d.comb += Assert(~started | (since <= bits) | (dut.beyond == (end > 1 << bits)))
        return m


def serial_ranges(widths, *, cls=SerialRangeCheck):
    """The same of the check that is given the operands bit by bit."""
    bits, size_bits, stride_bits, row_bits = widths
    dut = cls(size_bits)
    rules = SerialRangeRules(dut, bits, Signal(bits), Signal(stride_bits), Signal(row_bits))
    return Proof(check=dut, rules=rules), [dut.start, dut.rows, rules.address, rules.stride, rules.row_bytes]


class SerialRangeRules(Elaboratable):
    """Checks follow each other at any time; operands stay from the cycle after a start on, bits come one by one."""

    def __init__(self, check, bits, address, stride, row_bytes):
        self.check, self.bits = check, bits
        self.address, self.stride, self.row_bytes = address, stride, row_bytes

    def elaborate(self, platform):
        m = Module()
        dut, bits = self.check, self.bits
        started = Signal()
        since = Signal(range(bits + 1))  # cycles since the last start, at most as many as an address has bits
        with m.If(dut.start):
            m.d.sync += [started.eq(1), since.eq(0)]
        with m.Elif(dut.work):
            m.d.sync += since.eq(since + 1)
        m.d.comb += dut.work.eq(started & (since < bits))
        for port, operand in ((dut.address, self.address), (dut.stride, self.stride), (dut.row_bytes, self.row_bytes)):
            m.d.comb += port.eq((operand >> since)[0])
        operands = Cat(self.address, dut.rows, self.stride, self.row_bytes)
        before = Signal.like(operands)
        m.d.sync += before.eq(operands)
        m.d.comb += Assume((dut.rows > 0) & (self.row_bytes > 0))
        m.d.comb += Assume(~started | (since == 0) | (operands == before))
        end = self.address + (dut.rows - 1) * self.stride + self.row_bytes
        m.d.comb += Assert(~started | (since < bits) | (dut.beyond == (end > 1 << bits)))
        return m


def whole_path(config, *, loader=LoadB, limit=6, most=3):
    """Both loaders, arbiter, feeders and the tile's feeder: something moves as long as there is work."""
    a, b, arbiter = LoadA(config), loader(config), ReadArbiter(config)
    feed_a, feed_b, tile = ActivationFeeder(config), WeightFeeder(config), TileFeeder(config.tile)
    panel_, ring_ = PanelCounts(config), RingCounts(config)
    jobs = Jobs(config, [a, b, feed_a, feed_b], most=most, whole=False)
    supply = Supply(config, arbiter.requests, arbiter.requests.payload, arbiter.words, fair=True)
    wires = [(arbiter.b_first_tile, b.first_tile)]
    buffers = [(a.panel, panel_.writer), (feed_a.panel, panel_.reader)]
    buffers += [(b.ring, ring_.writer), (feed_b.ring, ring_.reader)]
    wires += [(arbiter.status.valid, supply.whole)]
    for load, requests, words in ((a, arbiter.a_requests, arbiter.a_words), (b, arbiter.b_requests, arbiter.b_words)):
        wires += [(requests.valid, load.requests.valid), (requests.payload, load.requests.payload)]
        wires += [(load.requests.ready, requests.ready)]
        wires += [(load.words.valid, words.valid), (load.words.payload, words.payload)]
    for feed, to in ((feed_a, tile.i), (feed_b, tile.i_weights)):
        wires += [(to.valid, feed.o.valid), (to.payload, feed.o.payload), (feed.o.ready, to.ready)]
    arbiter_part, inside = opened(arbiter)
    banks = Banks(feed_a)
    working = Signal()
    events = [load.job.valid & load.job.ready for load in jobs.engines]
    events += [arbiter.requests.valid & arbiter.requests.ready, arbiter.words.valid]
    events += [feed.o.valid & feed.o.ready for feed in (feed_a, feed_b)]
    wires += [(working, Value.cast(a.activity).any() | Value.cast(b.activity).any() | feed_a.active)]
    modules = {
        "a": a, "b": b, "arbiter": arbiter_part, "feed_a": feed_a, "feed_b": feed_b, "tile": tile, "jobs": jobs,
        "panel": panel_, "ring": ring_, "buffers": Connections(buffers),
        "supply": supply, "wires": Wires([(Value.cast(to), Value.cast(source)) for to, source in wires]),
        "owners": ArbiterRules(arbiter, inside), "banks": banks,
        "fair_banks": Fair(banks.count < 2, banks.freed),
        "moving": KeepsMoving(working, events, limit),
    }  # fmt: skip
    return Proof(**modules), [*jobs.free, *supply.free, banks.freed]


class Banks(Elaboratable):
    """The banks of `Accumulators`: one is given back only if one is in use."""

    def __init__(self, feed):
        self.feed, self.freed = feed, Signal()
        self.count = Signal(range(3), init=2)

    def elaborate(self, platform):
        m = Module()
        take = self.feed.take_bank
        m.d.comb += Assume((self.count < 2) | ~self.freed)
        m.d.sync += [
            self.count.eq(self.count + self.freed - take),
            self.feed.has_bank.eq(Mux(take, self.count[1], self.count.any())),
        ]
        return m


class ArbiterRules(Elaboratable):
    """Every word has one owner who asked for it, and every status."""

    def __init__(self, arbiter, inside):
        self.arbiter, self.inside = arbiter, inside

    def elaborate(self, platform):
        m = Module()
        arbiter = self.arbiter
        takers = [getattr(arbiter, f"{name}_words").valid for name in ("descriptor", "parameter", "c", "a", "b")]
        m.d.comb += Assert(~arbiter.words.valid | (sum(takers) == 1))
        m.d.comb += Assert(~arbiter.words.valid | self.inside["owners.valid"])
        m.d.comb += Assert(~arbiter.status.valid | self.inside["issues.valid"])
        return m


def writes(config, cls=StoreWrites):
    """The write requests: none before the jobs before are complete, each held until it is taken, one status each."""
    dut = cls(config)
    return Proof(dut=dut, rules=WriteRules(config, dut)), [
        dut.tiles.valid, Value.cast(dut.tiles.payload), dut.requests.ready, dut.status.valid, dut.head,
    ]  # fmt: skip


class WriteRules(Elaboratable):
    """Tiles come in the order of their jobs, the head follows `completed`; see `writes`."""

    def __init__(self, config, dut):
        self.config, self.dut = config, dut

    def elaborate(self, platform):
        m = Module()
        dut = self.dut
        requests, tile = dut.requests, dut.tiles.payload
        head, index = Signal(16), Signal(16)
        m.d.comb += [Assume(dut.head == head), Assume(tile.index == index)]
        m.d.sync += head.eq(head + dut.completed)
        with m.If(dut.tiles.valid & dut.tiles.ready):
            m.d.sync += index.eq(index + tile.last)
        m.d.comb += Assume((index - head)[:16] <= INCOMPLETE)
        due = Signal(6)
        taken = requests.valid & requests.ready
        m.d.sync += due.eq(due + taken - dut.status.valid)
        m.d.comb += [Assume(~dut.status.valid | (due > 0)), Assume(dut.status.payload.cause.as_value() == 0)]
        m.d.comb += Assert(due <= dut.TILES)
        m.d.comb += Assert(~requests.valid | (requests.payload.index == head))
        held, before = Signal(), Signal.like(Value.cast(requests.payload))
        m.d.sync += [held.eq(requests.valid & ~requests.ready), before.eq(requests.payload)]
        m.d.comb += Assert(~held | requests.valid & (Value.cast(requests.payload) == before))
        m.d.comb += Assert((index - head)[:16] < 1 << 15)
        return m
