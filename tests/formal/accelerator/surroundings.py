"""What stands around a part of the accelerator in a proof: jobs, a reader, wires."""

from amaranth.hdl import Array, Assert, Assume, Elaboratable, Module, Mux, Signal
from amaranth.lib.wiring import connect
from formal.dma.proofs import Fair

from tilewright.accelerator.contract import AcceleratorConfig

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
