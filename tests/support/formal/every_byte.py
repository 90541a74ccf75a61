"""The rule of the DMA engines for data: every byte is moved once, in order, to its place."""

from amaranth.hdl import Array, Assert, Cat, Elaboratable, Module, Mux, Signal
from support.formal.axi_memories import contents

from tilewright.dma import Cause

__all__ = ["ReadsEveryByte", "WritesEveryByte"]


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
