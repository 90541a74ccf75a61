"""The accelerator's accumulators, write requests and whole path from jobs to the tile, in their smallest shapes."""

from amaranth.hdl import Assert, Assume, Elaboratable, Module, Mux, Signal, Value
from formal.accelerator.buffers import PanelCounts, RingCounts
from formal.accelerator.surroundings import Connections, Jobs, Supply, Wires
from formal.dma.proofs import Fair
from support.formal.invariants import opened
from support.formal.prove import Proof
from support.formal.watchers import KeepsMoving

from tilewright.accelerator.contract import QUEUED_JOBS
from tilewright.accelerator.execute import Accumulators
from tilewright.accelerator.execute.activation_feeder import ActivationFeeder
from tilewright.accelerator.execute.weight_feeder import WeightFeeder
from tilewright.accelerator.load import LoadA, LoadB, ReadArbiter
from tilewright.accelerator.store.write_requests import StoreWrites
from tilewright.tile.feeder import TileFeeder


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
        m.d.comb += Assume((index - head)[:16] <= QUEUED_JOBS)
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
