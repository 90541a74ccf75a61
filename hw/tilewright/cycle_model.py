"""How many cycles the accelerator takes, worked out chunk by chunk without simulating a cycle.

The model walks the loop nest of the hardware (M-block, N-tile, K-chunk) once and keeps, for the read channel, the tile
and the drain of the accumulators, only the cycle in which each is free again. Where a loop is long, some of its rounds
are walked and the rest follow in a straight line.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .accelerator_config import DESCRIPTOR_BYTES, SIZE_BITS, AcceleratorConfig
from .errors import TilewrightError

__all__ = ["Bus", "Estimate", "Gemm", "estimate"]

# Cycles through parts of the hardware that a transfer or a sum passes once; they matter for small products only.
FETCH_CYCLES = 35  # from the doorbell to the first request, without the latency of the memory
REQUEST_CYCLES = 6  # from a request to its first beat at latency 0
DRAIN_CYCLES = 12  # from a word of activations through the tile to the accumulators
FINISH_CYCLES = 10  # from the last write to the interrupt, without the latency of the memory
BURST_CYCLES = 4  # that an outstanding burst takes besides the latency

_WALKED_BLOCKS = 6
_WALKED_TILES = 24
_WALKED_STEPS = 100_000


@dataclass(frozen=True, kw_only=True)
class Gemm:
    """One product ``C[m, n] = A[m, k] · B[n, k]ᵀ``: its sizes, and whether C is int8 (`requant`) or int32."""

    m: int
    n: int
    k: int
    requant: bool = True
    bias: bool = False
    accumulate: bool = False

    @property
    def macs(self) -> int:
        """Products of two elements."""
        return self.m * self.n * self.k


@dataclass(frozen=True, kw_only=True)
class Bus:
    """What the memory is capable of: latency in cycles, and beats per cycle, of reads and of writes each."""

    latency: int = 0
    bandwidth: float = 1.0
    shared: bool = False


@dataclass(frozen=True)
class Estimate:
    """Cycles from the doorbell to the interrupt, and what they would be if only one thing took time.

    Parameters
    ----------
    cycles : int
    multiplier_cycles : float
        With all multipliers busy in each: ``m * n * k / (rows * cols)``.
    bus_cycles : float
        With a beat in each, on the busier of the read and the write channel.
    utilisation : float
        Share of the cycles in which a multiplier works, of all multipliers.
    """

    cycles: int
    multiplier_cycles: float
    bus_cycles: float
    utilisation: float

    @property
    def bound(self) -> str:
        """Which of the two is the tighter: ``"multipliers"`` or ``"bus"``."""
        return "multipliers" if self.multiplier_cycles >= self.bus_cycles else "bus"


def estimate(config: AcceleratorConfig, gemms: Iterable[Gemm], bus: Bus = Bus()) -> Estimate:  # frozen
    """Estimate the cycles of products that are queued together.

    Raises
    ------
    TilewrightError
        If a size is not one that a descriptor takes.
    """
    queue = list(gemms)
    if not queue:
        raise TilewrightError("nothing to estimate")
    for gemm in queue:
        _check(config, gemm)
    cycles = _queue_cycles(config, queue, bus)
    macs = sum(gemm.macs for gemm in queue)
    cells = config.rows * config.cols
    reads = sum(_read_beats(config, gemm) for gemm in queue)
    writes = sum(_write_beats(config, gemm) for gemm in queue)
    beats = reads + writes if bus.shared else max(reads, writes)
    return Estimate(cycles, macs / cells, beats / bus.bandwidth, macs / (cells * cycles))


def _check(config: AcceleratorConfig, gemm: Gemm) -> None:
    for name, limit in (("m", (1 << SIZE_BITS) - 1), ("n", (1 << SIZE_BITS) - 1), ("k", config.k_limit)):
        if not 1 <= getattr(gemm, name) <= limit:
            raise TilewrightError(f"{name.upper()} = {getattr(gemm, name)}: must be 1 to {limit} with one descriptor")


def _queue_cycles(config: AcceleratorConfig, queue: list[Gemm], bus: Bus) -> int:
    """Walk the queue, or a shorter one of the same kind and lengthen the result."""
    steps = [_Shape(config, gemm).steps for gemm in queue]
    if sum(steps) <= _WALKED_STEPS:
        return _Walk(config, bus, queue).run()
    largest = max(range(len(queue)), key=steps.__getitem__)
    gemm, shape = queue[largest], _Shape(config, queue[largest])
    for field, size, unit, walked in (("m", gemm.m, shape.block_rows, _WALKED_BLOCKS),
                                      ("n", gemm.n, config.cols, _WALKED_TILES)):  # fmt: skip
        rounds = math.ceil(size / unit)
        if rounds <= 2 * walked:
            continue
        # The first and the last round keep their sizes: whole rounds are left out of the middle.
        fewer, more = ((size - (rounds - kept) * unit) for kept in (walked, 2 * walked))
        lengths = [
            _queue_cycles(config, [*queue[:largest], _resized(gemm, field, cut), *queue[largest + 1 :]], bus)
            for cut in (fewer, more)
        ]
        return round(lengths[1] + (rounds - 2 * walked) * (lengths[1] - lengths[0]) / walked)
    if len(queue) > 16:
        few = _queue_cycles(config, queue[:8], bus)
        more = _queue_cycles(config, queue[:16], bus)
        share = sum(gemm.macs for gemm in queue[16:]) / sum(gemm.macs for gemm in queue[8:16])
        return round(more + (more - few) * share)
    return _Walk(config, bus, queue).run()


def _resized(gemm: Gemm, field: str, size: int) -> Gemm:
    return replace(gemm, m=size) if field == "m" else replace(gemm, n=size)


class _Shape:
    """How the hardware cuts a product up; see `AcceleratorConfig.job_shape`."""

    def __init__(self, config: AcceleratorConfig, gemm: Gemm):
        self.chunk = config.long_chunk_words if gemm.m < config.cols else config.chunk_words
        self.k_words = math.ceil(gemm.k / config.rows)
        self.chunks = math.ceil(self.k_words / self.chunk)
        self.block_rows = min(config.acc_rows, config.half_words // (self.chunks * self.chunk))
        self.blocks = list(_cut(gemm.m, self.block_rows))
        self.tiles = list(_cut(gemm.n, config.cols))
        self.chunk_words = list(_cut(self.k_words, self.chunk))
        self.chunk_bytes = [words * config.rows for words in self.chunk_words]
        self.chunk_bytes[-1] -= self.k_words * config.rows - gemm.k
        self.steps = len(self.blocks) * len(self.tiles) * self.chunks


def _cut(size: int, part: int) -> Iterator[int]:
    for start in range(0, size, part):
        yield min(part, size - start)


def _read_beats(config: AcceleratorConfig, gemm: Gemm) -> int:
    shape, word = _Shape(config, gemm), config.word_bytes
    row = math.ceil(gemm.k / word)
    parameters = _parameter_rows(gemm) * math.ceil(4 * gemm.n / word)
    old = gemm.m * math.ceil(4 * gemm.n / word) if gemm.accumulate else 0
    blocks = len(shape.blocks)
    return gemm.m * row + blocks * (gemm.n * row + parameters) + old + DESCRIPTOR_BYTES // word


def _write_beats(config: AcceleratorConfig, gemm: Gemm) -> int:
    return gemm.m * math.ceil((1 if gemm.requant else 4) * gemm.n / config.word_bytes)


def _parameter_rows(gemm: Gemm) -> int:
    return 3 if gemm.requant else int(gemm.bias)


class _Block:
    """An M-block of a product: its rows, and when each chunk of its panel is there."""

    def __init__(self, gemm: Gemm, shape: _Shape, m: int, first: bool):
        self.gemm = gemm
        self.shape = shape
        self.m = m
        self.first = first
        self.panel: list[float] = []
        self.done = 0.0


class _Walk:
    """One walk through a queue; the members are cycles in which something is free, or complete."""

    def __init__(self, config: AcceleratorConfig, bus: Bus, queue: list[Gemm]):
        self.config = config
        self.bus = bus
        self.beat = 1 / bus.bandwidth
        self.round_trip = bus.latency + BURST_CYCLES
        self.read = float(FETCH_CYCLES + bus.latency)  # the read channel
        self.execute = 0.0
        self.drain = 0.0
        self.banks = deque([0.0, 0.0])
        self.stored = deque([0.0, 0.0], maxlen=2)  # the drains of the last two tiles
        self.ring: deque[tuple[float, int]] = deque()  # when words of B leave the ring, and how many
        self.ring_words = 0
        self.blocks = []
        for gemm in queue:
            shape = _Shape(config, gemm)
            self.blocks += [_Block(gemm, shape, m, not place) for place, m in enumerate(shape.blocks)]

    def run(self) -> int:
        """Return the cycles of the whole queue."""
        for place in range(len(self.blocks)):
            self._block(place)
        return round(self.drain + self.bus.latency + FINISH_CYCLES)

    def _block(self, place: int) -> None:
        block = self.blocks[place]
        gemm, shape = block.gemm, block.shape
        if block.first:
            self.read += DESCRIPTOR_BYTES / self.config.word_bytes * self.beat
        for tile, n in enumerate(shape.tiles):
            bank = self.banks.popleft()
            ready = self._load_ahead(_parameter_rows(gemm), 4 * n)
            for chunk, words in enumerate(shape.chunk_words):
                if len(block.panel) == chunk:
                    self._load_a(place)
                loaded = self._load_b(place, n, shape.chunk_bytes[chunk], words)
                pace = max(block.m, n)
                start = max(self.execute, block.panel[chunk], loaded + n, 0 if chunk else bank)
                self.execute = start + words * pace
                self.ring.append((self.execute - pace, words * self.config.cols))
            if gemm.accumulate:
                ready = self._load_ahead(block.m, 4 * n)
            self._drain(gemm, block.m, n, ready)
            if tile == len(shape.tiles) - 1:
                block.done = self.execute

    def _load(self, rows: int, row_bytes: int, free: float = 0.0) -> float:
        """Read so many rows into space that is free from then on; return when the last beat is there."""
        if not rows:
            return 0.0
        beats = math.ceil(row_bytes / self.config.word_bytes)
        bursts = math.ceil(beats / self.config.max_burst)
        pace = max(beats * self.beat, bursts * self.round_trip / self.config.outstanding)
        self.read = max(self.read, free + self.bus.latency + REQUEST_CYCLES) + rows * pace
        return self.read

    def _load_ahead(self, rows: int, row_bytes: int) -> float:
        """Read parameters or old C, asked for when the tile two before is stored; nobody waits behind them."""
        if not rows:
            return 0.0
        asked = self.stored[0]
        return max(self._load(rows, row_bytes), asked + self.bus.latency + REQUEST_CYCLES + rows)

    def _load_a(self, place: int) -> None:
        block = self.blocks[place]
        free = self.blocks[place - 2].done if place >= 2 else 0.0
        block.panel.append(self._load(block.m, block.shape.chunk_bytes[len(block.panel)], free))

    def _load_b(self, place: int, columns: int, row_bytes: int, words: int) -> float:
        need = words * self.config.cols
        self.ring_words += need
        space = 0.0
        while self.ring_words > self.config.ring_words:
            space, freed = self.ring.popleft()
            self.ring_words -= freed
        self._fill_gap(place + 1, space)
        return self._load(columns, row_bytes, space)

    def _fill_gap(self, place: int, until: float) -> None:
        """While the ring is full, the next block's panel is loaded."""
        while place < len(self.blocks) and self.read < until + self.bus.latency + REQUEST_CYCLES:
            block = self.blocks[place]
            if len(block.panel) == block.shape.chunks or (place >= 2 and self.blocks[place - 2].done > self.read):
                return
            self._load_a(place)

    def _drain(self, gemm: Gemm, m: int, n: int, ready: float) -> None:
        config = self.config
        size = n * (1 if gemm.requant else 4)
        beats = math.ceil(size / config.word_bytes)
        leave = math.ceil(n / config.requant_lanes) if gemm.requant else beats
        bursts = math.ceil(beats / config.max_burst)
        share = 2 if self.bus.shared else 1
        pace = max(leave, beats * self.beat * share, bursts * self.round_trip / config.outstanding)
        first = self.execute - max(m, n) + DRAIN_CYCLES
        self.drain = max(max(self.drain, first, ready) + m * pace, self.execute + DRAIN_CYCLES + pace)
        self.banks.append(self.drain)
        self.stored.append(self.drain)
