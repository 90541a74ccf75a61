"""Drive and watch the streams of a design under cocotb, cycle by cycle.

Everything here acts after a rising edge of the clock: it reads the values from before the edge and writes the values
that hold after it. Cycles are numbered. A word that is accepted or seen at an edge belongs to the cycle that ends
there, so the difference of two cycle numbers is a latency.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotb.types import LogicArray
from cocotb.utils import get_sim_time
from numpy.typing import NDArray

from tilewright_sim.testbench import PERIOD_NS

__all__ = [
    "Beat",
    "Sink",
    "Source",
    "Stall",
    "cycle",
    "cycles",
    "never",
    "randomly",
    "reset",
    "spread",
    "start",
    "written_word",
]

Stall = Callable[[], bool]


def never() -> bool:
    """Never stall."""
    return False


def randomly(percent: int) -> Stall:
    """Stall with a probability of ``percent`` in each cycle."""
    return lambda: random.randrange(100) < percent


def spread(shape: Sequence[int], bits: int) -> NDArray[np.int64]:
    """Return signed integers of ``bits`` bits spread over all magnitudes, a quarter of them min, max, -1 or 0."""
    rng = np.random.default_rng(random.getrandbits(64))
    magnitudes = rng.integers(0, 1 << rng.integers(0, bits, shape))
    values = magnitudes * rng.choice([-1, 1], shape)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    corners = rng.choice([low, high, -1, 0], shape)
    return np.where(rng.integers(0, 4, shape) == 0, corners, values)


def cycle() -> int:
    """Return the number of the cycle that ended with the last rising edge."""
    return int(get_sim_time("ns")) // PERIOD_NS


async def cycles(dut, count: int) -> None:
    """Wait for ``count`` rising edges."""
    for _ in range(count):
        await RisingEdge(dut.clk)


async def start(dut) -> None:
    """Start the clock, set every ``tvalid`` input to 0, and reset the design if it has a reset."""
    Clock(dut.clk, PERIOD_NS, unit="ns").start(start_high=False)
    for port in dut:
        if port._name.startswith("s_") and port._name.endswith("valid"):
            port.value = 0
    await reset(dut)


async def reset(dut) -> None:
    """Reset the design for exactly one cycle, which must be enough."""
    if hasattr(dut, "rst"):
        dut.rst.value = 1
    await RisingEdge(dut.clk)
    if hasattr(dut, "rst"):
        dut.rst.value = 0


@dataclass(frozen=True)
class Beat:
    """One word transferred at a port.

    Parameters
    ----------
    data : LogicArray
        ``tdata``; in a four-state simulator bits may be X.
    last : bool
    cycle : int
        The cycle of the transfer.
    """

    data: LogicArray
    last: bool
    cycle: int


class Source:
    """Offer words on an AXI-Stream input, in order, and hold each until it is accepted.

    Checks in every cycle out of reset that ``tready`` is 0 or 1. Between words ``tdata``, ``tlast`` and ``tuser`` are
    random.

    Parameters
    ----------
    dut
        The design.
    prefix : str
        Start of the names of the ports: ``s_axis_act`` drives ``s_axis_act_tvalid``.
    stall : callable
        Called in every cycle in which a new word could be offered; none is offered while it returns True.

    Attributes
    ----------
    accepted : list of int
        The cycle in which each word was accepted.
    """

    def __init__(self, dut, prefix: str, stall: Stall = never):
        self._dut = dut
        self._name = prefix
        self._valid, self._ready = (getattr(dut, f"{prefix}_{part}") for part in ("tvalid", "tready"))
        # A stream may lack what follows the data.
        parts = (f"{prefix}_{part}" for part in ("tdata", "tlast", "tuser"))
        self._payload = [getattr(dut, part) for part in parts if hasattr(dut, part)]
        self._stall = stall
        self._queue: deque[Sequence[int]] = deque()
        self.accepted: list[int] = []
        self._offers = False
        self._task = cocotb.start_soon(self._run())

    def send(self, words: Iterable[Sequence[int]]) -> None:
        """Queue words of ``tdata``, ``tlast`` and ``tuser``, as far as the stream has them."""
        self._queue.extend(words)

    def stop(self) -> None:
        """Drop all queued and offered words and offer no more; a reset must follow."""
        self._task.cancel()
        self._valid.value = 0

    async def _run(self) -> None:
        while True:
            if not self._offers:
                word: Sequence[int]
                if self._queue and not self._stall():
                    word = self._queue.popleft()
                    self._offers = True
                else:
                    word = [random.getrandbits(len(port)) for port in self._payload]
                self._valid.value = int(self._offers)
                for port, value in zip(self._payload, word, strict=True):
                    port.value = int(value)
            await RisingEdge(self._dut.clk)
            ready = self._ready.value
            assert ready.is_resolvable, f"{self._name}_tready is {ready} in cycle {cycle()}"
            if self._offers and ready == 1:
                self.accepted.append(cycle())
                self._offers = False


class Sink:
    """Collect the words of an AXI-Stream output, with or without ``tready``.

    Checks in every cycle out of reset that ``tvalid`` is 0 or 1, that ``tlast`` is 0 or 1 while ``tvalid`` is 1, and,
    if there is a ``tready``, that an offer holds unchanged until it is accepted.

    Parameters
    ----------
    dut
        The design.
    prefix : str
        Start of the names of the ports.
    stall : callable
        Called in every cycle; ``tready`` is 0 while it returns True. Not called if there is no ``tready``.

    Attributes
    ----------
    beats : list of Beat
        The words received so far.
    """

    def __init__(self, dut, prefix: str, stall: Stall = never):
        self._dut = dut
        self._name = prefix
        self._valid, self._data, self._last = (
            getattr(dut, f"{prefix}_{part}") for part in ("tvalid", "tdata", "tlast")
        )
        self._ready = getattr(dut, f"{prefix}_tready", None)
        self._stall = stall
        self.beats: list[Beat] = []
        self._task = cocotb.start_soon(self._run())

    def stop(self) -> None:
        """Stop watching."""
        self._task.cancel()

    async def collect(self, count: int, limit: int) -> list[Beat]:
        """Wait until there are ``count`` words and return all words; raise AssertionError after ``limit`` cycles."""
        for _ in range(limit):
            if len(self.beats) >= count:
                return self.beats
            await RisingEdge(self._dut.clk)
        raise AssertionError(f"{self._name}: received {len(self.beats)} of {count} words in {limit} cycles")

    async def _run(self) -> None:
        waiting: Beat | None = None
        while True:
            accepts = True
            if self._ready is not None:
                accepts = not self._stall()
                self._ready.value = int(accepts)
            await RisingEdge(self._dut.clk)
            if hasattr(self._dut, "rst") and self._dut.rst.value == 1:
                waiting = None
                continue
            valid = self._valid.value
            assert valid.is_resolvable, f"{self._name}_tvalid is {valid} in cycle {cycle()}"
            if waiting:
                assert valid == 1, f"{self._name} withdraws its offer of cycle {waiting.cycle} in cycle {cycle()}"
            if valid == 0:
                continue
            last = self._last.value
            assert last.is_resolvable, f"{self._name}_tlast is {last} in cycle {cycle()}"
            beat = Beat(self._data.value, last == 1, cycle())
            if waiting:
                held = (waiting.last, str(waiting.data)) == (beat.last, str(beat.data))
                assert held, f"{self._name} changes its offer of cycle {waiting.cycle} in cycle {cycle()}"
            waiting = None if accepts else beat
            if accepts:
                self.beats.append(beat)


def written_word(value: LogicArray, strobes: int) -> int:
    """Return a written word as an integer; bytes without a strobe may be X and count as 0 then."""
    if value.is_resolvable:
        return int(value)
    text = str(value)
    lanes = [text[len(text) - 8 * lane - 8 : len(text) - 8 * lane] for lane in range(len(text) // 8)]
    for lane, bits in enumerate(lanes):
        assert not strobes >> lane & 1 or set(bits) <= {"0", "1"}, f"WDATA is {text} with strobes {strobes:b}"
    return sum(int(bits, 2) << 8 * lane for lane, bits in enumerate(lanes) if strobes >> lane & 1)
