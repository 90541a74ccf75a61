"""Memories at AXI ports for proofs: free in what they may do, watching what they are asked for."""

from amaranth.hdl import Array, Assert, Assume, Cat, Const, Elaboratable, Module, Mux, Signal

__all__ = ["AxiReadMemory", "AxiWriteMemory", "contents"]


class AxiReadMemory(Elaboratable):
    """A memory that answers AR in order, whose words are `contents` of their numbers; it may err and pause.

    It takes at most `limit` bursts at once, and asserts that no more are asked for. With ``prompt``, pauses
    on AR and before a beat last at most two cycles.
    """

    def __init__(self, config, axi, *, errors=False, prompt=False):
        self.config, self.axi, self.errors, self.prompt = config, axi, errors, prompt
        self.free = [axi.arready, axi.rvalid, axi.rdata, axi.rresp, axi.rlast]
        self.due = Signal()  # a beat can come
        # The bursts asked for and unfinished, their lengths, and the beats that the first has had.
        self.level, self.beat = Signal(range(config.outstanding + 2)), Signal(8)
        self.lengths = Array(Signal(8, name=f"length_{n}") for n in range(config.outstanding + 1))

    def elaborate(self, platform):
        m = Module()
        axi, config, limit = self.axi, self.config, self.config.outstanding
        word = config.word_log2
        addresses = Array(Signal(len(axi.araddr), name=f"address_{n}") for n in range(limit + 1))
        level, beat, lengths = self.level, self.beat, self.lengths
        m.d.comb += self.due.eq(level != 0)
        m.d.comb += Assert(level <= limit)
        m.d.comb += Assert(axi.rready)
        taken = axi.rvalid & axi.rready
        done = taken & axi.rlast
        with m.If(taken):
            m.d.sync += beat.eq(Mux(axi.rlast, 0, beat + 1))
        with m.If(done):
            for n in range(limit):
                m.d.sync += [addresses[n].eq(addresses[n + 1]), lengths[n].eq(lengths[n + 1])]
        asked = axi.arvalid & axi.arready
        place = level - done
        with m.If(asked):
            m.d.sync += [addresses[place].eq(axi.araddr), lengths[place].eq(axi.arlen)]
        m.d.sync += level.eq(level + asked - done)

        with m.If(axi.rvalid):
            m.d.comb += Assume(level != 0)
            m.d.comb += Assume(axi.rlast == (beat == lengths[0]))
            number = ((addresses[0] >> word) + beat)[: len(axi.araddr) - word]
            m.d.comb += Assume(axi.rdata == contents(number, config))
            if not self.errors:
                m.d.comb += Assume(axi.rresp == 0)
        if self.prompt:
            m.d.comb += prompt(m, "ar", axi.arvalid, axi.arready)
            m.d.comb += prompt(m, "r", self.due, axi.rvalid)
        return m


class AxiWriteMemory(Elaboratable):
    """A memory that answers writes in order, maybe with errors and pauses, and counts what is outstanding.

    `bvalid` comes only for a burst whose address and data have been accepted.
    """

    def __init__(self, config, axi, *, errors=False, prompt=False):
        self.config, self.axi, self.errors, self.prompt = config, axi, errors, prompt
        self.free = [axi.awready, axi.wready, axi.bvalid, axi.bresp]
        self.due = Signal()  # a response can come
        self.level = Signal(4)  # bursts asked for and unanswered
        self.written = Signal(4)  # bursts whose data have come, and unanswered

    def elaborate(self, platform):
        m = Module()
        axi, limit = self.axi, self.config.outstanding
        asked, written, answered = axi.awvalid & axi.awready, axi.wvalid & axi.wready & axi.wlast, Signal()
        m.d.comb += answered.eq(axi.bvalid & axi.bready)
        level = self.level
        m.d.sync += [level.eq(level + asked - answered), self.written.eq(self.written + written - answered)]
        m.d.comb += [self.due.eq((level != 0) & (self.written != 0)), Assert(level <= limit)]
        with m.If(axi.bvalid):
            m.d.comb += Assume(self.due)
            if not self.errors:
                m.d.comb += Assume(axi.bresp == 0)
        if self.prompt:
            m.d.comb += prompt(m, "aw", axi.awvalid, axi.awready)
            m.d.comb += prompt(m, "w", axi.wvalid, axi.wready)
            m.d.comb += prompt(m, "b", self.due, axi.bvalid)
        return m


def contents(number, config):
    """A word whose bytes are all different from each other and from those of words near it."""
    low = (number | Const(0, 8))[:8]
    return Cat(low ^ (0xA5 * n & 0xFF) for n in range(config.word_bytes))


def prompt(m, name, waiting, comes):
    """The assumption that what is waited for comes in the third cycle at the latest."""
    waits = Signal(2, name=f"{name}_waits")
    m.d.sync += waits.eq(Mux(waiting & ~comes, waits + 1, 0))
    return Assume((waits < 2) | ~waiting | comes)
