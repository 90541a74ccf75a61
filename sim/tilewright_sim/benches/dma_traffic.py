"""Traffic for the benches of the DMA engines: requests, and streams with pauses."""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from tilewright_sim.models import AxiRules
from tilewright_sim.testbench import PERIOD_NS, Timing
from tilewright_sim.testbench.cocotb import AxiMemory

from .dma_requests import errors, memory_size

TIMINGS = {
    "prompt": Timing(),
    "late": Timing(latency=200, answer=200),
    "uneven": Timing(stall=0.5, port_stall=0.5, latency=30, answer=30, uneven=True),
    "slow_bus": Timing(stall=0.8, latency=3, answer=3),
    "slow_ports": Timing(port_stall=0.8, latency=3, answer=3),
}

HANG_CYCLES = 3000
"""Cycles without a word, a request or a status after which the engine is considered to hang."""

REQUEST_CYCLES = 5000
"""Average cycles of a request above which the engine is considered to move words without end."""


class Traffic:
    """One process for all ports except the clock: it acts at every rising edge and checks the rules of every port.

    ``asked`` is the list of requests to offer; a test may append more. Events are recorded in lists.
    """

    INPUTS: tuple[str, ...] = ()
    OUTPUTS: tuple[str, ...] = ()

    def __init__(self, dut, config, timing, seed, *, failing=False):
        self.dut, self.config, self.timing = dut, config, timing
        self.chance = random.Random(seed)
        self.memory = AxiMemory(dut, config, timing, self.chance, memory_size(config))
        self.failing = failing
        self.memory.errors += errors(config) if failing else ()
        self.asked, self.accepted, self.statuses = [], 0, []
        self.cycles = 0
        self.reset = False
        self.held = AxiRules(config.word_bytes)
        self.driven = {}
        self.marks = {}  # words and bursts transferred before each request was accepted
        self.forget()

    async def start(self):
        """Reset the engine and start the traffic."""
        dut = self.dut
        Clock(dut.clk, PERIOD_NS, unit="ns").start(start_high=False)
        for name in ("request_valid", "abort", "clear_counters", "status_ready", *self.INPUTS):
            getattr(dut, name).value = 0
        dut.rst.value = 1
        for _ in range(3):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        self.task = cocotb.start_soon(self.run())

    def progress(self):
        """Return the number to record with a status: words accepted, or bursts answered."""
        raise NotImplementedError

    def moved(self):
        """Return the numbers of words and bursts so far."""
        raise NotImplementedError

    def begin_round(self):
        """Clear the recorded events."""
        self.statuses.clear()
        self.memory.reads.clear()
        self.memory.writes.clear()

    def skip_dropped_words(self):
        """Start the next request after the words that an abort dropped, if no request was accepted before it."""

    def stream(self, aborting):
        """Check and drive the stream in one cycle."""
        raise NotImplementedError

    async def run(self):
        while True:
            await RisingEdge(self.dut.clk)
            if int(self.dut.rst.value):
                self.forget()
                self.reset = True
                continue
            if self.reset:
                self.reset = False
                for name in ("status_valid", "busy", *self.OUTPUTS):
                    assert not self.get(name), f"{name} is 1 after a reset"
            self.cycle()
            self.cycles += 1

    def forget(self):
        """Reset the state of the bus and of the streams."""
        self.held.forget()
        self.memory.forget()
        self.accepted = len(self.asked)
        self.drive("request_valid", 0)
        for name in self.INPUTS:
            self.drive(name, 0)

    def get(self, name):
        return int(getattr(self.dut, name).value)

    def drive(self, name, value):
        if self.driven.get(name) != value:
            getattr(self.dut, name).value = value
            self.driven[name] = value

    def now(self, name):
        """Return the value that the bench drives on an input in the cycle that ends."""
        return self.driven.get(name, 0)

    def go(self):
        """Return False if a port pauses in this cycle."""
        return not self.timing.port_stall or self.chance.random() >= self.timing.port_stall

    def cycle(self):
        aborting = self.get("abort")
        ready = self.get("request_ready")
        assert not (aborting and ready), "a request is accepted during an abort"
        offered = self.now("request_valid")
        if offered and ready:
            self.marks[self.accepted] = self.moved()
            self.accepted += 1
            offered = 0
        if not offered and self.accepted < len(self.asked) and self.go():
            request = self.asked[self.accepted]
            for name in ("address", "bytes", "rows", "stride"):
                self.drive(f"request_{name}", getattr(request, name))
            offered = 1
        self.drive("request_valid", offered)

        valid = self.get("status_valid")
        status = (self.get("status_cause"), self.get("status_address")) if valid else ()
        if self.held.transfer("status", valid, self.now("status_ready"), status):
            self.statuses.append((*status, self.progress()))
        self.drive("status_ready", int(self.go()))
        self.stream(aborting)
        self.memory.step()

    async def wait(self, condition):
        state, since, began = None, self.cycles, self.cycles
        while not condition():
            await RisingEdge(self.dut.clk)
            if self.task.done():
                self.task.result()
            now = (self.accepted, len(self.statuses), self.moved())
            if now != state:
                state, since = now, self.cycles
            assert self.cycles < since + HANG_CYCLES, f"the engine hangs; busy is {self.get('busy')}"
            assert self.cycles < began + (len(self.asked) + 1) * REQUEST_CYCLES, "words move, but requests do not end"

    async def all_done(self, count):
        """Wait for ``count`` statuses, then check that the engine is idle and sends no more."""
        await self.wait(lambda: len(self.statuses) >= count)
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        assert not self.get("busy")
        for _ in range(40):
            await RisingEdge(self.dut.clk)
        await self.wait(lambda: True)
        assert len(self.statuses) == count, "more statuses than requests"
        assert not self.memory.in_flight, "idle with bursts in flight"

    async def clear_counters(self):
        """Clear the counters of the engine and of the bench."""
        self.dut.clear_counters.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.clear_counters.value = 0
        await RisingEdge(self.dut.clk)
        self.cycles = self.memory.read_words = self.memory.written_words = self.memory.issued = 0
        self.counted_from = [self.get(f"counter_{name}") for name in COUNTERS]

    def check_counters(self):
        """Check that each cycle since `clear_counters` has one cause, and that beats and bursts match the bus."""
        modulo = 1 << self.config.counter_bits
        now = [self.get(f"counter_{name}") for name in COUNTERS]
        beats, bursts, *others = (a - b for a, b in zip(now, self.counted_from, strict=True))
        moved = self.memory.read_words + self.memory.written_words
        assert (bursts % modulo, beats % modulo) == (self.memory.issued % modulo, moved % modulo)
        assert (beats + sum(others) - self.cycles + 1) % modulo <= 2


COUNTERS = ("beats", "bursts", "waiting_memory", "waiting_stream", "idle")


class ReadTraffic(Traffic):
    """A memory and a consumer for the reader; ``words`` are the words accepted."""

    INPUTS = ("m_axis_tready",)
    OUTPUTS = ("m_axi_arvalid", "m_axis_tvalid")

    def forget(self):
        super().forget()
        self.words = []

    def begin_round(self):
        super().begin_round()
        self.words.clear()

    def progress(self):
        return len(self.words)

    def moved(self):
        return len(self.words), len(self.memory.reads)

    def stream(self, aborting):
        assert self.get("m_axi_rready"), "the read data channel is stalled"
        taken = None
        if valid := self.get("m_axis_tvalid"):
            taken = (self.get("m_axis_tdata"), bool(self.get("m_axis_tuser")), bool(self.get("m_axis_tlast")))
        if self.held.transfer("words", valid, self.now("m_axis_tready"), taken):
            self.words.append(taken)
        self.drive("m_axis_tready", int(self.go()))


class WriteTraffic(Traffic):
    """A memory and an endless producer for the writer; ``words`` are the words sent."""

    INPUTS = ("s_axis_tvalid",)
    OUTPUTS = ("m_axi_awvalid", "m_axi_wvalid")

    def forget(self):
        super().forget()
        self.words = []
        self.next_word = self.words_lost = 0  # index of the next request's first word; words sent before the last abort
        self.answered_before = 0

    def begin_round(self):
        super().begin_round()
        self.answered_before = self.memory.answered

    def skip_dropped_words(self):
        self.next_word = max(self.next_word, self.words_lost)

    def progress(self):
        return self.memory.answered

    def moved(self):
        return len(self.words), len(self.memory.writes)

    def stream(self, aborting):
        ready = self.get("s_axis_tready")
        assert not (aborting and ready), "a word is accepted during an abort"
        if aborting:
            self.words_lost = len(self.words)
        offered = self.now("s_axis_tvalid")
        if offered and ready:
            self.words.append(self.now("s_axis_tdata"))
            offered = 0
        if not offered and self.go():
            self.drive("s_axis_tdata", self.chance.getrandbits(self.config.data_bits))
            offered = 1
        self.drive("s_axis_tvalid", offered)
