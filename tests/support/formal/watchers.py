"""Rules of the DMA engines and of their buses, as components that only watch."""

from amaranth.hdl import Array, Assert, Assume, Cat, Const, Elaboratable, Module, Mux, Signal, Value

from tilewright.dma import Cause

__all__ = [
    "AlternatingRequests",
    "AxiReadMemory",
    "AxiWriteMemory",
    "Brisk",
    "HoldsOffer",
    "KeepsMoving",
    "LegalBursts",
    "OneStatusEach",
    "ReadsEveryByte",
    "WritesEveryByte",
]


class HoldsOffer(Elaboratable):
    """An offer stays, unchanged, until it is accepted."""

    def __init__(self, valid, payload, ready, rule=Assert):
        self.valid, self.payload, self.ready, self.rule = valid, Value.cast(payload), ready, rule

    def elaborate(self, platform):
        m = Module()
        held = Signal()
        before = Signal(len(self.payload))
        m.d.sync += [held.eq(self.valid & ~self.ready), before.eq(self.payload)]
        with m.If(held):
            m.d.comb += self.rule(self.valid & (self.payload == before))
        return m


class LegalBursts(Elaboratable):
    """Every burst is INCR, of whole aligned words, of at most ``longest`` beats, and within 4 KiB."""

    def __init__(self, config, valid, address, length, size, burst):
        self.config = config
        self.signals = valid, address, length, size, burst

    def elaborate(self, platform):
        m = Module()
        valid, address, length, size, burst = self.signals
        word = self.config.word_log2
        with m.If(valid):
            m.d.comb += Assert((size == word) & (burst == 1))
            m.d.comb += Assert(address[:word] == 0)
            m.d.comb += Assert(length < min(self.config.max_burst, 256))
            m.d.comb += Assert((address[:12] + ((length + 1) << word)) <= 4096)
        return m


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


class Brisk(Elaboratable):
    """Assume that nothing is waited for: what one side wants, the other gives at once."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def elaborate(self, platform):
        m = Module()
        for waiting, comes in self.pairs:
            m.d.comb += Assume(~waiting | comes)
        return m


class AlternatingRequests(Elaboratable):
    """Two constant requests, free at the start, offered in turn; `row` conditions keep them sound.

    With ``faulty``, they may be empty, misaligned or wrap.
    """

    def __init__(self, config, dut, *, faulty=False):
        self.config, self.dut, self.faulty = config, dut, faulty
        self.choice = [Signal(config.request_shape, name=f"request_{n}") for n in range(2)]
        self.turn = Signal()
        self.free = [dut.requests.valid, *(Value.cast(c) for c in self.choice)]

    def elaborate(self, platform):
        m = Module()
        config, requests = self.config, self.dut.requests
        started = Signal()
        m.d.sync += started.eq(1)
        for choice in self.choice:
            before = Signal(len(Value.cast(choice)))
            m.d.sync += before.eq(choice)
            m.d.comb += Assume(~started | (before == Value.cast(choice)))
            if not self.faulty:
                m.d.comb += Assume((choice.rows != 0) & (choice.bytes != 0))
                end = choice.address + (choice.rows - 1) * choice.stride + choice.bytes
                m.d.comb += Assume(end < 1 << config.addr_bits)
                if not config.unaligned:
                    word = config.word_log2
                    m.d.comb += Assume((choice.address[:word] == 0) & (choice.stride[:word] == 0))
        m.d.comb += requests.payload.eq(Mux(self.turn, self.choice[1], self.choice[0]))
        with m.If(requests.valid & requests.ready):
            m.d.sync += self.turn.eq(~self.turn)
        return m


class ReadsEveryByte(Elaboratable):
    """The words are those of the requests in turn: every byte, once, in order, zero beyond the row's end.

    From an error response until the engine is idle, words may be zero, but their number stays the same.
    """

    def __init__(self, config, dut, requests):
        self.config, self.dut, self.requests = config, dut, requests

    def elaborate(self, platform):
        m = Module()
        config, o = self.config, self.dut.o
        size = config.word_bytes
        turn, row, offset = Signal(), Signal(config.rows_bits), Signal(config.length_bits + 1)
        request = Signal(config.request_shape)
        m.d.comb += request.eq(Mux(turn, self.requests.choice[1], self.requests.choice[0]))
        start = Signal(config.addr_bits)
        m.d.comb += start.eq(request.address + row * request.stride + offset)
        row_last, last = offset + size >= request.bytes, row == request.rows - 1
        memory = [((start + n) >> config.word_log2, (start + n)[: config.word_log2]) for n in range(size)]
        want = Cat(
            Mux(offset + n < request.bytes, (contents(word, config) >> (lane << 3))[:8], 0)
            for n, (word, lane) in enumerate(memory)
        )
        axi, erred = self.dut.m_axi, Signal()
        m.d.sync += erred.eq((erred | axi.rvalid & axi.rresp[1]) & self.dut.busy)
        with m.If(o.valid):
            m.d.comb += Assert((o.payload.data == want) | (erred & (o.payload.data == 0)))
            m.d.comb += Assert((o.payload.row_last == row_last) & (o.payload.last == (row_last & last)))
        with m.If(o.valid & o.ready):
            m.d.sync += offset.eq(Mux(row_last, 0, offset + size))
            with m.If(row_last):
                m.d.sync += row.eq(Mux(last, 0, row + 1))
                m.d.sync += turn.eq(turn ^ last)
        # One status for each request, after its last word.
        open_ = Signal(3)
        ended = Signal()
        m.d.comb += ended.eq(o.valid & o.ready & o.payload.last)
        status, aborted = self.dut.status, Signal()
        cause = status.payload.cause
        fine = (cause.as_value() == 0) | erred & ((cause == Cause.SLVERR) | (cause == Cause.DECERR))
        m.d.sync += [
            open_.eq(open_ + ended - (status.valid & status.ready & fine)),
            aborted.eq(aborted | self.dut.abort),
        ]
        with m.If(status.valid):
            m.d.comb += Assert((open_ != 0) & fine | aborted & (cause == Cause.ABORTED))
        # An abort cuts its requests short; after that all begins anew.
        with m.If(~self.dut.busy):
            m.d.comb += Assert(~o.valid & (open_ == 0))
            m.d.sync += [turn.eq(self.requests.turn), row.eq(0), offset.eq(0)]
        return m


class WritesEveryByte(Elaboratable):
    """The beats are those of the requests in turn: strobes for the rows' bytes only, in order.

    The words on the stream are the `contents` of their running numbers. From an error response until the engine
    is idle, beats and addresses may be any; then the next request has its own words again. After an abort it
    has the first word taken since.
    """

    def __init__(self, config, dut, requests):
        self.config, self.dut, self.requests = config, dut, requests
        self.free = [dut.i.valid]

    def elaborate(self, platform):
        m = Module()
        config, axi, i = self.config, self.dut.m_axi, self.dut.i
        size, word = config.word_bytes, config.word_log2
        number = Signal(config.data_bits)
        m.d.comb += i.payload.eq(contents(number, config))
        with m.If(i.valid & i.ready):
            m.d.sync += number.eq(number + 1)

        # The beat that must come next: word `place` of the bus, from the row's first word `base` on.
        turn, row, base = Signal(), Signal(config.rows_bits), Signal(config.data_bits)
        beat = Signal(config.length_bits + 1)
        request = Signal(config.request_shape)
        m.d.comb += request.eq(Mux(turn, self.requests.choice[1], self.requests.choice[0]))
        start = Signal(config.addr_bits)
        m.d.comb += start.eq(request.address + row * request.stride)
        shift = start[:word]
        lanes = [(beat << word) + n for n in range(size)]
        strobes = Cat((lane >= shift) & (lane < shift + request.bytes) for lane in lanes)
        # The byte of the row that lies in a lane, as a byte of the stream.
        places = [(lane - shift)[: len(beat) + word] for lane in lanes]
        values = [(contents(base + (p >> word), config) >> (p[:word] << 3))[:8] for p in places]
        final = ((beat + 1) << word) >= shift + request.bytes
        moved = Signal()
        m.d.comb += moved.eq(axi.wvalid & axi.wready)
        erred = Signal()
        m.d.sync += erred.eq((erred | axi.bvalid & axi.bready & axi.bresp[1]) & self.dut.busy)
        with m.If(axi.wvalid & ~erred):
            m.d.comb += Assert(axi.wstrb == strobes)
            for n in range(size):
                m.d.comb += Assert(~strobes[n] | (axi.wdata[8 * n : 8 * n + 8] == values[n]))
        with m.If(moved):
            m.d.sync += beat.eq(Mux(final, 0, beat + 1))
            with m.If(final):
                m.d.sync += base.eq(base + ((request.bytes + size - 1) >> word))
                m.d.sync += row.eq(Mux(row == request.rows - 1, 0, row + 1))
                m.d.sync += turn.eq(turn ^ (row == request.rows - 1))

        asked = Signal.like(base)  # the words before those of the next burst
        # Addresses, likewise: each is that of the beat after the bursts before it.
        a_turn, a_row, a_beat = Signal(), Signal(config.rows_bits), Signal(config.length_bits + 1)
        a_request = Signal(config.request_shape)
        m.d.comb += a_request.eq(Mux(a_turn, self.requests.choice[1], self.requests.choice[0]))
        a_start = Signal(config.addr_bits)
        m.d.comb += a_start.eq(a_request.address + a_row * a_request.stride)
        a_beats = (a_start[:word] + a_request.bytes + size - 1) >> word
        with m.If(axi.awvalid & ~erred):
            m.d.comb += Assert(axi.awaddr == (((a_start >> word) + a_beat) << word)[: config.addr_bits])
            m.d.comb += Assert(a_beat + axi.awlen + 1 <= a_beats)
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += a_beat.eq(a_beat + axi.awlen + 1)
            with m.If(a_beat + axi.awlen + 1 == a_beats):
                m.d.sync += [a_beat.eq(0), a_row.eq(Mux(a_row == a_request.rows - 1, 0, a_row + 1))]
                m.d.sync += a_turn.eq(a_turn ^ (a_row == a_request.rows - 1))
            m.d.sync += asked.eq(asked + axi.awlen + 1)
        # A burst is asked for when its words have been taken; an unaligned row may have one beat more than words.
        if not config.unaligned:
            with m.If(axi.awvalid & ~erred):
                m.d.comb += Assert(asked + axi.awlen + 1 <= number)
        # `wlast` ends the beats of each burst: beats and lengths agree burst by burst.
        ahead = Signal(8)
        w_beat = Signal(8)
        queue = Array(Signal(8, name=f"length_{n}") for n in range(4))
        head, tail = Signal(2), Signal(2)
        m.d.comb += ahead.eq((tail - head)[:2])
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += [queue[tail].eq(axi.awlen), tail.eq(tail + 1)]
        with m.If(moved):
            m.d.sync += w_beat.eq(Mux(axi.wlast, 0, w_beat + 1))
            m.d.sync += head.eq(head + axi.wlast)
            with m.If(ahead != 0):
                m.d.comb += Assert(axi.wlast == (w_beat == queue[head]))
        # Idle, all words of the requests that ended are gone: written, or dropped after an error.
        status, ended, used = self.dut.status, Signal(), Signal.like(base)
        of = Signal(config.request_shape)
        m.d.comb += of.eq(Mux(ended, self.requests.choice[1], self.requests.choice[0]))
        with m.If(status.valid & status.ready):
            m.d.sync += [ended.eq(~ended), used.eq(used + of.rows * ((of.bytes + size - 1) >> word))]
        cut = Signal()
        with m.If(self.dut.abort):
            m.d.sync += cut.eq(1)
        with m.Elif(~self.dut.busy & i.ready):
            m.d.sync += cut.eq(0)
        whole = (base == used) & (beat == 0) & (a_beat == 0) & (row == 0) & (a_row == 0)
        with m.If(~self.dut.busy):
            m.d.comb += Assert(~axi.awvalid & ~axi.wvalid & (ahead == 0))
            m.d.comb += Assert(erred | cut | whole)
            m.d.sync += [turn.eq(ended), row.eq(0), beat.eq(0), a_turn.eq(ended), a_row.eq(0), a_beat.eq(0)]
            m.d.sync += [base.eq(Mux(cut, number, used)), asked.eq(Mux(cut, number, used))]
            with m.If(cut):
                m.d.sync += used.eq(number)
        return m


class OneStatusEach(Elaboratable):
    """Every request accepted gets one status, before the engine is idle."""

    def __init__(self, dut):
        self.dut = dut
        self.open = Signal(4)  # requests without a status

    def elaborate(self, platform):
        m = Module()
        requests, status = self.dut.requests, self.dut.status
        open_ = self.open
        m.d.sync += open_.eq(open_ + (requests.valid & requests.ready) - (status.valid & status.ready))
        m.d.comb += Assert(self.dut.busy == (open_ != 0))
        with m.If(status.valid):
            m.d.comb += Assert(open_ != 0)
        return m


class KeepsMoving(Elaboratable):
    """While `busy`, something is accepted at least every ``cycles`` cycles."""

    def __init__(self, busy, events, cycles):
        self.busy, self.events, self.cycles = busy, events, cycles

    def elaborate(self, platform):
        m = Module()
        still = Signal(range(self.cycles + 2))
        moving = Cat(*self.events).any() | ~self.busy
        m.d.sync += still.eq(Mux(moving, 0, still + 1))
        m.d.comb += Assert(still <= self.cycles)
        return m
