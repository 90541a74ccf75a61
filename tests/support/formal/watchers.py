"""Rules of the DMA engines and of their buses, as components that only watch."""

from amaranth.hdl import Assert, Assume, Cat, Elaboratable, Module, Mux, Signal, Value

__all__ = ["AlternatingRequests", "Brisk", "HoldsOffer", "KeepsMoving", "LegalBursts", "OneStatusEach"]


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
