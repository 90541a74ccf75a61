"""Traffic for the benches of the DMA engines: an AXI memory that checks, streams with pauses, and the model."""

import random
from collections import deque
from dataclasses import dataclass, field

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from tilewright_sim.models import Request
from tilewright_sim.models import dma as dma_model
from tilewright_sim.testbench.cocotb_streams import written_word

SIZE = 1 << 16
SLVERR, DECERR = 2, 3
CAUSES = {"NONE": 0, "MISALIGNED": 1, "SLVERR": 2, "DECERR": 3, "WRAPPED": 4, "EMPTY": 6, "ABORTED": 7}
ABORTED = CAUSES["ABORTED"]
ERRORS = ((0x2800, 0x2840, SLVERR), (0x5FC0, 0x6000, DECERR), (0x9000, 0x9040, SLVERR))
"""Ranges of addresses and the response to whatever touches them."""


@dataclass(frozen=True)
class Manners:
    """How the bench's side of each channel behaves.

    ``stall`` is the chance of a pause on each bus channel in each cycle, ``stall_stream`` that on the others.
    ``latency`` is the number of cycles from an address to its data or response; where ``uneven``, the longest.
    """

    stall: float = 0.0
    stall_stream: float = 0.0
    latency: int = 0
    uneven: bool = False
    errors: tuple = ()


MANNERS = {
    "prompt": Manners(),
    "late": Manners(latency=200),
    "uneven": Manners(stall=0.5, stall_stream=0.5, latency=30, uneven=True),
    "slow_bus": Manners(stall=0.8, latency=3),
    "slow_streams": Manners(stall_stream=0.8, latency=3),
}


@dataclass(frozen=True)
class Moved:
    """What a request should do: its bursts, the words or bytes of each, its cause, and the address it reports."""

    bursts: list = field(repr=False)
    words: list = field(repr=False)
    cause: int
    address: int
    alive: int
    """Bursts up to the one that fails, with it if it goes to the bus."""


def random_request(chance, config, *, faulty=False, where=None):
    """A request with sizes spread over magnitudes, often at an edge of a 4 KiB block, sometimes faulty."""
    word = config.word_bytes
    grain = 1 if config.unaligned else word
    span = config.burst_words * word
    longest = min(3 * span, 160 * word)
    rows = chance.choice([1, 1, 2, 5])
    length = chance.choice([1, word, span, span + 1, longest, *(1 << n for n in range(longest.bit_length()))])
    length = max(1, min(length + chance.choice([0, 0, -1, 1, -word, word]), longest) // (rows if rows > 2 else 1))
    base = 0x1000 * chance.randrange(14) if where is None else where
    address = max(0, base + (chance.randrange(-16, 16) if chance.random() < 0.7 else 64) * grain)
    if chance.random() < 0.2:
        address = base + (-length) % 0x1000 // grain * grain  # ends at an edge, or just before
    stride = chance.choice([0, 1, chance.randrange(1024 // grain), 1024 // grain]) * grain
    if faulty and chance.random() < 0.4:
        match chance.choice(["bytes", "rows", "wrap", "start", "stride"]):
            case "bytes":
                length = 0
            case "rows":
                rows = 0
            case "wrap":
                address = (1 << config.addr_bits) - chance.randrange(1, 12) * max(grain, word // 2 * config.unaligned)
                rows, stride = chance.choice([(1, 0), (3, 5 * word)])
            case "start":
                address |= 1
            case "stride":
                stride |= 1
    return Request(address, length, rows, stride)


def response(errors, address, size):
    """The response to ``size`` bytes at ``address``."""
    return next((r for low, high, r in errors if low < address % SIZE + size and address % SIZE < high), 0)


def expected_read(request, config, contents, errors=()):
    """What the reader makes of a request."""
    word, end = config.word_bytes, 1 << config.addr_bits
    cause = dma_model.failure(request, word_bytes=word, addr_bits=config.addr_bits, unaligned=config.unaligned)
    if cause == "EMPTY":
        return Moved([], [], CAUSES[cause], request.address, 0)
    bursts = list(dma_model.bursts(request, word_bytes=word, burst_words=config.burst_words))
    failed, place = (CAUSES[cause], request.address) if cause == "MISALIGNED" else (0, bursts[-1][0] // word * word)
    alive, data, words = (0 if failed else None), bytearray(), []
    for number, (address, size, row_last) in enumerate(bursts):
        for byte in range(address, address + size):
            start = byte // word * word
            if not failed:
                failed = CAUSES["WRAPPED"] if start >= end else response(errors, start, word)
                if failed:
                    place = address % end if start >= end else address // word * word
                    alive = number + (start < end)
            data.append(0 if failed else contents[byte % SIZE])
        if row_last:
            row = [data[n : n + word] for n in range(0, len(data), word)]
            words += [(int.from_bytes(part, "little"), n == len(row) - 1, False) for n, part in enumerate(row)]
            data.clear()
    words[-1] = (*words[-1][:2], True)
    return Moved(bursts, words, failed, place, len(bursts) if alive is None else alive)


def expected_write(request, config, words, errors=()):
    """What the writer makes of a request and of the stream's words that belong to it.

    Its ``bursts`` are of an address, and the address and value of each byte.
    """
    word, end = config.word_bytes, 1 << config.addr_bits
    cause = dma_model.failure(request, word_bytes=word, addr_bits=config.addr_bits, unaligned=config.unaligned)
    if cause == "EMPTY":
        return Moved([], [], CAUSES[cause], request.address, 0)
    data = iter(dma_model.write_bytes(request, words, word_bytes=word))
    spans = list(dma_model.bursts(request, word_bytes=word, burst_words=config.burst_words))
    bursts = [(address // word * word, [next(data) for _ in range(size)]) for address, size, _ in spans]
    if cause == "MISALIGNED":
        return Moved(bursts, words, CAUSES[cause], request.address, 0)
    for number, (address, size, _) in enumerate(spans):
        start = address // word * word
        failed = (
            CAUSES["WRAPPED"] if start >= end else response(errors, start, -(-(address + size) // word) * word - start)
        )
        if failed:
            return Moved(bursts, words, failed, start if start < end else address % end, number + (start < end))
    return Moved(bursts, words, 0, spans[-1][0] // word * word, len(bursts))


class Traffic:
    """One process for all ports but the clock: it acts at every rising edge, and checks every rule it can see.

    ``asked`` is the list of requests to offer; more can be appended. Events are noted in lists.
    """

    ADDRESS = "ar"

    def __init__(self, dut, config, manners, seed):
        self.dut, self.config, self.manners = dut, config, manners
        self.chance = random.Random(seed)
        self.contents = bytearray(self.chance.randbytes(SIZE))
        self.asked, self.accepted, self.statuses = [], 0, []
        self.cycles = self.beats = self.issued = 0
        self.reset = False
        self.held = {}
        self.driven = {}
        self.marks = {}  # how much of each kind had moved when a request was accepted
        self.forget()

    async def start(self):
        """Reset the engine, and begin."""
        dut = self.dut
        cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
        for name in ("request_valid", "abort", "clear_counters", "status_ready", *self.INPUTS):
            getattr(dut, name).value = 0
        dut.rst.value = 1
        for _ in range(3):
            await RisingEdge(dut.clk)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        self.task = cocotb.start_soon(self.run())

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
        """What a reset makes of the bus and of the streams."""
        self.held.clear()
        self.accepted = len(self.asked)
        self.due = deque()
        self.in_flight = 0
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
        """What the bench drives on an input in the cycle that ends."""
        return self.driven.get(name, 0)

    def hold(self, channel, valid, ready, payload):
        """Check that an offer that was not accepted is still there; return whether it is accepted now."""
        if channel in self.held:
            assert valid, f"{channel}: an offer was withdrawn"
            assert self.held.pop(channel) == payload, f"{channel}: an offer was changed"
        if valid and not ready:
            self.held[channel] = payload
        return valid and ready

    def go(self, stall):
        return not stall or self.chance.random() >= stall

    def latency(self):
        return self.chance.randint(0, self.manners.latency) if self.manners.uneven else self.manners.latency

    def cycle(self):
        aborting = self.get("abort")
        ready = self.get("request_ready")
        assert not (aborting and ready), "a request is accepted during an abort"
        offered = self.now("request_valid")
        if offered and ready:
            self.marks[self.accepted] = self.moved()
            self.accepted += 1
            offered = 0
        if not offered and self.accepted < len(self.asked) and self.go(self.manners.stall_stream):
            request = self.asked[self.accepted]
            for name in ("address", "bytes", "rows", "stride"):
                self.drive(f"request_{name}", getattr(request, name))
            offered = 1
        self.drive("request_valid", offered)

        status = (self.get("status_cause"), self.get("status_address")) if (valid := self.get("status_valid")) else None
        if self.hold("status", valid, self.now("status_ready"), status):
            self.statuses.append((*status, self.progress()))
        self.drive("status_ready", int(self.go(self.manners.stall_stream)))
        self.move(aborting)

    def take_address(self, name):
        """Check an address channel by the rules; return address and beats if it is accepted."""
        payload = None
        if valid := self.get(f"m_axi_{name}valid"):
            fields = ("addr", "len", "size", "burst", "id", "lock", "cache", "prot", "qos")
            payload = tuple(self.get(f"m_axi_{name}{field_}") for field_ in fields)
        if not self.hold(name.upper(), valid, self.now(f"m_axi_{name}ready"), payload):
            return None
        address, length, size, burst, id_, *_ = payload
        word = self.config.word_bytes
        assert (1 << size, burst, id_) == (word, 1, 0), "not an INCR burst of whole words with identifier 0"
        assert length < self.config.max_burst, f"a burst of {length + 1} beats"
        assert address % word == 0, f"address {address:#x} is not a word's"
        last = address + (length + 1) * word - 1
        assert address // 4096 == last // 4096, f"the burst at {address:#x} passes 4 KiB"
        assert last < 1 << self.config.addr_bits, f"the burst at {address:#x} wraps"
        self.issued += 1
        self.in_flight += 1
        assert self.in_flight <= self.config.outstanding, f"{self.in_flight} bursts are outstanding"
        return address, length + 1

    async def wait(self, condition):
        while not condition():
            await RisingEdge(self.dut.clk)
            if self.task.done():
                self.task.result()

    async def all_done(self, count):
        """Wait for ``count`` statuses, then check that the engine is idle, and its counters."""
        await self.wait(lambda: len(self.statuses) >= count)
        for _ in range(3):
            await RisingEdge(self.dut.clk)
        assert not self.get("busy")
        for _ in range(40):
            await RisingEdge(self.dut.clk)
        await self.wait(lambda: True)
        assert len(self.statuses) == count, "more statuses than requests"
        assert not self.in_flight, "idle with bursts in flight"

    async def clear_counters(self):
        """Set the counters to zero, and the bench's own too."""
        self.dut.clear_counters.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.clear_counters.value = 0
        await RisingEdge(self.dut.clk)
        self.cycles = self.beats = self.issued = 0
        self.counted_from = [self.get(f"counter_{name}") for name in COUNTERS]

    def check_counters(self):
        """Every cycle since `clear_counters` has one cause; beats and bursts are those of the bus."""
        now = [self.get(f"counter_{name}") for name in COUNTERS]
        beats, bursts, *others = (a - b for a, b in zip(now, self.counted_from, strict=True))
        assert (bursts, beats) == (self.issued, self.beats)
        assert abs(beats + sum(others) - self.cycles) <= 1


def consumed(log, parts):
    """Whether ``log`` is, for each part, a beginning of it whose length lies between the part's two bounds."""
    positions = {0}
    for wanted, least, most in parts:
        reached = set()
        for start in positions:
            count = 0
            while count < min(most, len(wanted)) and log[start + count : start + count + 1] == [wanted[count]]:
                count += 1
            reached |= {start + n for n in range(least, count + 1)}
        positions = reached
    return len(log) in positions


COUNTERS = ("beats", "bursts", "waiting_memory", "waiting_stream", "idle")


class ReadTraffic(Traffic):
    """A memory and a consumer for the reader; ``words`` are those taken, ``addresses`` those of its bursts."""

    INPUTS = ("m_axi_arready", "m_axi_rvalid", "m_axis_tready")
    OUTPUTS = ("m_axi_arvalid", "m_axis_tvalid")

    def forget(self):
        super().forget()
        self.words, self.addresses = [], []

    def progress(self):
        return len(self.words)

    def moved(self):
        return len(self.words), len(self.addresses)

    def move(self, aborting):
        word, manners = self.config.word_bytes, self.manners
        taken = None
        if valid := self.get("m_axis_tvalid"):
            taken = (self.get("m_axis_tdata"), bool(self.get("m_axis_tuser")), bool(self.get("m_axis_tlast")))
        if self.hold("words", valid, self.now("m_axis_tready"), taken):
            self.words.append(taken)
        self.drive("m_axis_tready", int(self.go(manners.stall_stream)))

        assert self.get("m_axi_rready"), "the read channel is blocked"
        if self.now("m_axi_rvalid"):
            self.beats += 1
            self.in_flight -= self.due.popleft()[2]
        if burst := self.take_address("ar"):
            address, beats = burst
            self.addresses.append(address)
            when = self.cycles + self.latency()
            self.due.extend((when, address + n * word, n == beats - 1) for n in range(beats))
        self.drive("m_axi_arready", int(self.go(manners.stall)))
        serves = bool(self.due) and self.due[0][0] <= self.cycles and self.go(manners.stall)
        self.drive("m_axi_rvalid", int(serves))
        if serves:
            _, address, last = self.due[0]
            place = address % SIZE
            failed = response(manners.errors, address, word)
            # With an error, data are anything.
            value = self.chance.getrandbits(8 * word) if failed else self.contents[place : place + word]
            self.drive("m_axi_rdata", value if failed else int.from_bytes(value, "little"))
            self.drive("m_axi_rresp", failed)
            self.drive("m_axi_rlast", int(last))


class WriteTraffic(Traffic):
    """A memory and an endless producer for the writer.

    ``words`` are those it gave, ``bursts`` those answered: address, and the address and value of each byte. A
    burst with an error response leaves the memory as it was.
    """

    INPUTS = ("m_axi_awready", "m_axi_wready", "m_axi_bvalid", "s_axis_tvalid")
    OUTPUTS = ("m_axi_awvalid", "m_axi_wvalid")

    def forget(self):
        super().forget()
        self.words, self.bursts = [], []
        self.next_word = self.words_lost = 0  # the first word of the next request; those lost by the last abort
        self.addresses, self.data = deque(), deque()
        self.data_bursts = self.answered = self.answered_before = 0

    def progress(self):
        return self.answered

    def moved(self):
        return len(self.words), len(self.bursts)

    def move(self, aborting):
        manners, word = self.manners, self.config.word_bytes
        ready = self.get("s_axis_tready")
        assert not (aborting and ready), "a word is accepted during an abort"
        if aborting:
            self.words_lost = len(self.words)
        offered = self.now("s_axis_tvalid")
        if offered and ready:
            self.words.append(self.now("s_axis_tdata"))
            offered = 0
        if not offered and self.go(manners.stall_stream):
            self.drive("s_axis_tdata", self.chance.getrandbits(8 * word))
            offered = 1
        self.drive("s_axis_tvalid", offered)

        if self.now("m_axi_bvalid") and self.get("m_axi_bready"):
            self.due.popleft()
            self.in_flight -= 1
            self.answered += 1
            self.drive("m_axi_bvalid", 0)
        if burst := self.take_address("aw"):
            self.addresses.append(burst)
        beat = None
        if valid := self.get("m_axi_wvalid"):
            strobes = self.get("m_axi_wstrb")
            beat = (written_word(self.dut.m_axi_wdata.value, strobes), strobes, self.get("m_axi_wlast"))
        if self.hold("W", valid, self.now("m_axi_wready"), beat):
            self.beats += 1
            self.data.append(beat)
            self.data_bursts += beat[2]
        while self.data_bursts and self.addresses:
            self.store(*self.addresses.popleft())
            self.data_bursts -= 1
        self.drive("m_axi_awready", int(self.go(manners.stall)))
        self.drive("m_axi_wready", int(self.go(manners.stall)))
        if not self.now("m_axi_bvalid") and self.due and self.due[0][0] <= self.cycles and self.go(manners.stall):
            self.drive("m_axi_bresp", self.due[0][1])
            self.drive("m_axi_bvalid", 1)

    def store(self, address, beats):
        word = self.config.word_bytes
        written = []
        for n in range(beats):
            value, strobes, last = self.data.popleft()
            assert last == (n == beats - 1), f"WLAST is wrong at beat {n} of {beats}"
            lanes = value.to_bytes(word, "little")
            written += [(address + n * word + k, lanes[k]) for k in range(word) if strobes >> k & 1]
        failed = response(self.manners.errors, address, beats * word)
        if not failed:
            for place, byte in written:
                self.contents[place % SIZE] = byte
        self.bursts.append((address, written))
        self.due.append((self.cycles + self.latency(), failed))
