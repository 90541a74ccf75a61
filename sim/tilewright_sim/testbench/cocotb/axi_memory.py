"""An AXI4 memory for cocotb, on ``m_axi``, which checks that the manager follows the AXI rules."""

import random
from collections import deque
from typing import Any

from tilewright_sim.models import AxiRules
from tilewright_sim.testbench import Timing

from .streams import written_word

__all__ = ["AxiMemory"]

_ADDRESS_FIELDS = ("addr", "len", "size", "burst", "id", "lock", "cache", "prot", "qos")


class AxiMemory:
    """Serve the channels that the design has: AR and R, or AW, W and B, or all of them.

    To find missing waits, a read returns the contents at the time when its address is accepted, and a write takes
    effect when its response is offered: as early and as late as AXI allows. A burst with an error writes nothing and
    reads random data.

    Parameters
    ----------
    dut
        The design.
    config
        Has ``word_bytes``, ``max_burst``, ``outstanding`` and ``addr_bits`` of the design's bus.
    timing : Timing
        May be replaced at any time.
    chance : random.Random
    size : int
        Size of the memory in bytes, a power of two; addresses wrap at it.
    whole_bursts : bool
        All beats of a read burst with an error return the error, not only the beats that touch the range of `errors`.

    Attributes
    ----------
    contents : bytearray
    errors : list of (int, int, int)
        Start, end (exclusive) and response of each range of addresses with errors.
    failed : list of (int, int)
        Address and response of each burst that touched one of these ranges.
    reads : list of int
        The addresses of all read bursts.
    writes : list of (int, list of (int, int))
        Address of each write burst with complete data, and address and value of each of its bytes.
    read_words, written_words, answered, issued : int
        Counts of read beats, write beats, write responses and bursts since they were last set to 0.
    """

    INPUTS = ("arready", "rvalid", "rid", "awready", "wready", "bvalid", "bid")

    def __init__(
        self, dut: Any, config: Any, timing: Timing, chance: random.Random, size: int, *, whole_bursts: bool = False
    ):
        self.dut, self.timing, self.chance, self.size, self.whole_bursts = dut, timing, chance, size, whole_bursts
        self.word = config.word_bytes
        self.rules = AxiRules(
            self.word, max_burst=config.max_burst, outstanding=config.outstanding, addr_bits=config.addr_bits
        )
        self.contents = bytearray(chance.randbytes(size))
        self.errors: list[tuple[int, int, int]] = []
        self.failed: list[tuple[int, int]] = []
        self.read_words = self.written_words = self.issued = self.now = 0
        self._has_reads, self._has_writes = hasattr(dut, "m_axi_arvalid"), hasattr(dut, "m_axi_awvalid")
        self._driven: dict[str, int] = {}
        self.forget()

    @property
    def in_flight(self) -> int:
        """Number of incomplete bursts."""
        return sum(self.rules.in_flight.values())

    def forget(self) -> None:
        """Drop everything in flight, as a reset does, and set the inputs of the design to 0."""
        self.rules.forget()
        self.reads: list[int] = []
        self.writes: list[tuple[int, list[tuple[int, int]]]] = []
        self.answered = 0
        self._beats: deque[tuple[int, int, int, bool]] = deque()  # due cycle, data, response, last
        self._addresses: deque[tuple[int, int, int]] = deque()  # address, beats, response
        self._data: deque[tuple[int, int, int]] = deque()  # value, strobes, last
        self._data_bursts = 0
        self._answers: deque[tuple[int, int, list[tuple[int, int]]]] = deque()  # due cycle, response, bytes
        for name in self.INPUTS:
            self._drive(name, 0)

    def response(self, address: int, size: int) -> int:
        """Return the response to an access of ``size`` bytes at ``address``."""
        start = address % self.size
        return next((int(answer) for low, high, answer in self.errors if low < start + size and start < high), 0)

    def step(self) -> None:
        """Advance by one cycle; to be called after each rising edge out of reset."""
        if self._has_reads:
            self._read()
        if self._has_writes:
            self._write()
        self.now += 1

    def _read(self) -> None:
        if self._driven["rvalid"] and self._get("rready"):
            self.read_words += 1
            if self._beats.popleft()[3]:
                self.rules.end("AR")
            self._drive("rvalid", 0)
        if burst := self._take_address("ar"):
            address, beats, answer = burst
            self.reads.append(address)
            due = self.now + self._wait(self.timing.latency)
            for beat in range(beats):
                start = (address + beat * self.word) % self.size
                response = answer if self.whole_bursts else self.response(start, self.word)
                data = self.chance.randbytes(self.word) if response else self.contents[start : start + self.word]
                self._beats.append((due, int.from_bytes(data, "little"), response, beat == beats - 1))
        self._drive("arready", self._goes())
        if not self._driven["rvalid"] and self._beats and self._beats[0][0] <= self.now and self._goes():
            _, value, response, last = self._beats[0]
            self._drive("rdata", value)
            self._drive("rresp", response)
            self._drive("rlast", int(last))
            self._drive("rvalid", 1)

    def _write(self) -> None:
        if self._driven["bvalid"] and self._get("bready"):
            self._answers.popleft()
            self.rules.end("AW")
            self.answered += 1
            self._drive("bvalid", 0)
        if burst := self._take_address("aw"):
            self._addresses.append(burst)
        beat = None
        if valid := self._get("wvalid"):
            strobes = self._get("wstrb")
            beat = (written_word(self.dut.m_axi_wdata.value, strobes), strobes, self._get("wlast"))
        if self.rules.transfer("W", valid, self._driven["wready"], beat) and beat:
            self.written_words += 1
            self._data.append(beat)
            self._data_bursts += beat[2]
        while self._data_bursts and self._addresses:
            self._gather(*self._addresses.popleft())
            self._data_bursts -= 1
        self._drive("awready", self._goes())
        self._drive("wready", self._goes())
        if not self._driven["bvalid"] and self._answers and self._answers[0][0] <= self.now and self._goes():
            _, response, written = self._answers[0]
            for byte_address, byte in written if not response else ():
                self.contents[byte_address % self.size] = byte
            self._drive("bresp", response)
            self._drive("bvalid", 1)

    def _take_address(self, channel: str) -> tuple[int, int, int] | None:
        """Check an address channel; return address, beats and response if a burst is accepted."""
        payload = None
        if valid := self._get(f"{channel}valid"):
            payload = tuple(self._get(channel + field) for field in _ADDRESS_FIELDS)
        if not self.rules.transfer(channel.upper(), valid, self._driven[f"{channel}ready"], payload) or not payload:
            return None
        beats = self.rules.begin(channel.upper(), *payload[:5])
        self.issued += 1
        answer = self.response(payload[0], beats * self.word)
        if answer:
            self.failed.append((payload[0], answer))
        return payload[0], beats, answer

    def _gather(self, address: int, beats: int, answer: int) -> None:
        """Complete a write burst whose address and data have all been accepted."""
        written = []
        for beat in range(beats):
            value, strobes, last = self._data.popleft()
            assert last == (beat == beats - 1), f"WLAST is wrong at beat {beat} of {beats}"
            lanes, start = value.to_bytes(self.word, "little"), address + beat * self.word
            written += [(start + lane, lanes[lane]) for lane in range(self.word) if strobes >> lane & 1]
        self.writes.append((address, written))
        self._answers.append((self.now + self._wait(self.timing.answer), answer, written))

    def _goes(self) -> int:
        """Return 0 if a channel pauses in this cycle, otherwise 1."""
        return int(not self.timing.stall or self.chance.random() >= self.timing.stall)

    def _wait(self, cycles: int) -> int:
        return self.chance.randint(0, cycles) if self.timing.uneven else cycles

    def _get(self, name: str) -> int:
        return int(getattr(self.dut, f"m_axi_{name}").value)

    def _drive(self, name: str, value: int) -> None:
        """Set an input of the design, if it exists and its value changes."""
        if self._driven.get(name) != value:
            self._driven[name] = value
            if hasattr(self.dut, f"m_axi_{name}"):
                getattr(self.dut, f"m_axi_{name}").value = value
