"""The cycles of a job of the vector engine, worked out instruction by instruction."""

import math
from collections import deque
from collections.abc import Callable

from tilewright.accelerator.contract import PARTIALS, AcceleratorConfig, ElementType
from tilewright.accelerator.vector import Extent, Kind, Operand, VectorCompute

from .bursts import NEVER, Bursts
from .vector_job import Step, VectorJob, VectorShape

__all__ = ["VectorModel"]

# Cycles of the hardware, see its docstrings.
START = 3  # from a job's taking to the first cycle of its program counters
FETCH = 3  # from a line of a program to the next, of an instruction that is left out
OFFER = 1  # more of one that is not
GRANT = 2  # from a request's decoding to the arbiter's taking it
PASS = 1  # from there to the reader's taking it
ADDRESS = 2  # from there to its first address, of a reader and a writer
ARRIVE = 7  # from a word on the bus to the load that takes it
LIMITS = 3  # from the offer of a load to its first words
READ = 4  # from the reading of a chunk in the registers to its word
ON_WAY = 8  # words between the registers and the writer
BLOCK = 32  # elements of a block of records
COLUMN = 5  # more for a byte of a column
LEAVE = 5  # from a word's taking by the writer to the bus


class VectorModel:
    """Runs the program of a job.

    Parameters
    ----------
    config : AcceleratorConfig
    reads, writes : Bursts
        The bus.
    accepted : deque of float
        When the last requests reached their last rows.
    before_read : function
        Called with the cycle of each request for words, before that is put on the bus.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        reads: Bursts,
        writes: Bursts,
        accepted: deque[float],
        before_read: Callable[[float], None],
    ):
        self.config = config
        self.reads, self.writes = reads, writes
        self.accepted = accepted
        self.before_read = before_read
        self.width = config.data_bits // 32
        self.passed = 0.0  # when the reader took the last request

    def run(self, job: VectorJob, taken: float, first: float) -> float:
        """Return the cycle of the job's last response.

        Parameters
        ----------
        job : VectorJob
        taken : float
            The cycle in which the engine takes the job.
        first : float
            The cycle from which all earlier descriptors are complete, as the engine knows it.
        """
        self.job, self.shape, self.first = job, VectorShape(self.config, job), first
        self.ahead = self.shape.steps(loads=True)
        self.ahead_used = self.used = self.ahead_done = self.decoded = taken + START
        self.ahead_used -= 1
        self.used -= 1
        self.load_row = self.store_row = 0
        self.free = 2 * self.shape.strip // self.width
        self.released: deque[tuple[float, int]] = deque()
        self.done = self.used  # when the last instruction was accepted
        self.first_entry = self.last_entry = -NEVER
        self.in_order = False
        self.room = deque([-NEVER] * ON_WAY, maxlen=ON_WAY)
        depth = self.config.dma.write_buffer_words
        self.buffered = deque([-NEVER] * depth, maxlen=depth)
        actions = {Kind.LOAD: self._load, Kind.COMPUTE: self._compute, Kind.STORE: self._store}
        for step in self.shape.steps():
            self.used += FETCH
            if step.instruction is not None:
                self.used = max(self.used, self.done)
                self.done = actions[step.instruction["kind"]](step, self.used + 1)
                self.used += OFFER
        return self.writes.flights[-1]

    def _compute(self, step: Step, offered: float) -> float:
        """Return the cycle of an instruction's last entry."""
        instruction, depth = step.instruction, VectorCompute.DEPTH
        assert instruction is not None
        extent = instruction["extent"]
        elements = extent in (Extent.ELEMENTS, Extent.FOLD)
        groups = math.ceil(step.elements / PARTIALS) if elements else 1
        entries = step.rows * (1 if extent == Extent.ROWS else PARTIALS // self.config.vector_lanes)
        follows = elements and self.in_order and not instruction["exchange"]
        begin = max(offered, (self.first_entry if follows else self.last_entry) + depth)
        self.first_entry = begin
        if extent == Extent.FOLD:
            self.first_entry += (groups - 1) * max(entries, depth)
            self.last_entry = self.first_entry + entries - 1
        else:
            self.last_entry = begin + groups * entries - 1
        self.in_order = extent == Extent.ELEMENTS
        return self.last_entry

    def _drained(self, offered: float) -> float:
        return max(offered, self.last_entry + VectorCompute.DEPTH)

    def _load(self, step: Step, offered: float) -> float:
        """Return the cycle in which the register is written."""
        assert step.instruction is not None
        words, claimed = self._request()
        size, _, _ = self.shape.operand(step.instruction["operand"])
        chunks = math.ceil(step.elements / self.width)
        more = math.ceil(step.elements / BLOCK) * BLOCK // self.width - chunks if self.shape.records else 0
        cycle = self._drained(offered) + LIMITS - 1
        for row in range(step.rows):
            if size == 4:
                for word in words[row]:
                    cycle = max(cycle + 1, word)
            else:
                for number, word in enumerate(words[row]):
                    cycle = max(cycle + 1, word) + (2 * number + 1 < chunks)
            cycle += more
        self.released.append((cycle + 1, claimed))
        return cycle + 1

    def _request(self) -> tuple[list[list[float]], int]:
        """Request the words of the next load; return when each can be used, row by row, and the number claimed."""
        while True:
            step = next(self.ahead)
            self.ahead_used += FETCH
            if step.instruction is not None:
                break
        self.ahead_used = max(self.ahead_used, self.ahead_done)
        operand = step.instruction["operand"]
        size, stride, part = self.shape.operand(operand)
        words = self.shape.words(step.elements, size)
        claimed = words * self.shape.batch
        claim = max(self.ahead_used + 1, self.decoded) + 1
        self.ahead_used += OFFER
        if step.row != self.load_row:
            self.load_row = step.row
            claim += 1
        while self.free < claimed:
            cycle, released = self.released.popleft()
            self.free += released
            claim = max(claim, cycle + 1)
        self.free -= claimed
        if self.job.fenced if operand == Operand.X else self.job.fenced_y:
            claim = max(claim, self.first)
        self.before_read(claim)
        granted = max(claim + GRANT, self.passed + 1)
        self.ahead_done = granted
        self.decoded = granted + 1
        self.passed = max(granted + PASS, self.accepted[-1] + 1)
        start = (step.element + part) * size // self.config.word_bytes
        return self._read(start + step.row * stride, step.rows, words, stride), claimed

    def _read(self, start: int, rows: int, words: int, stride: int) -> list[list[float]]:
        come: list[list[float]] = []
        beat = self.reads.beat
        for row in range(rows):
            last_row = max(self.passed + rows, self.reads.address)
            come.append([
                math.ceil(first + number * beat) + ARRIVE
                for first, size in self.reads.parts(start + row * stride, words, self.passed + ADDRESS)
                for number in range(size)
            ])
        self.accepted.append(last_row)
        return come

    def _store(self, step: Step, offered: float) -> float:
        """Return the cycle in which the registers may be written again."""
        shape, word = self.shape, self.config.word_bytes
        cycle = self._drained(offered)
        if step.row != self.store_row:
            self.store_row = step.row
            cycle += 1
        cycle = max(cycle, self.first) + 1  # the writer takes the request
        if self.job.columns:
            return self._store_column(step.elements, cycle)
        elements = 1 if self.job.results == 1 else step.elements
        parts = self._parts(elements)
        stride, offset = shape.result_words(self.job.results), shape.result_bytes(step.element) // word
        for row in range(step.rows):
            start, gathered, rest = (step.row + row) * stride + offset, 0, 0
            for number, part in enumerate(parts):
                cycle = max(cycle + 1, self.room[0] + 1)
                rest += part
                while rest >= word or (rest and number == len(parts) - 1):
                    rest = max(rest - word, 0)
                    gathered += 1
                    taken = max(cycle + READ + shape.records, self.room[-1] + 1, self.buffered[0])
                    self.room.append(taken)
                    if (start + gathered) % self.writes.max_burst == 0:
                        self._write(start, gathered, taken)
                        start, gathered = start + gathered, 0
            if gathered:
                self._write(start, gathered, taken)
            cycle += shape.records
        return cycle + READ

    def _store_column(self, elements: int, cycle: float) -> float:
        """Store elements as rows of a byte, the writer having taken the request in this cycle; return as `_store`.

        With memories of a few cycles, where the bus does not limit the writes, a column takes up to a sixth less.
        """
        for row in range(elements):
            cycle = max(cycle + 1, self.room[0] + 1)
            taken = max(cycle + READ, self.room[-1] + 1, self.buffered[0])
            self.room.append(taken)
            self._write(row, 1, taken + COLUMN)
        return cycle + READ

    def _parts(self, elements: int) -> list[int]:
        """Return the bytes of a row of the result that are read in each cycle."""
        width, word = self.width, self.config.word_bytes
        if self.shape.records:
            return [self.config.a.scale.bytes, *[width] * (BLOCK // width)] * math.ceil(elements / BLOCK)
        return [word // 2 if self.job.c_type is ElementType.BF16 else word] * math.ceil(elements / width)

    def _write(self, start: int, words: int, taken: float) -> None:
        """Write words, of which the writer takes the last one in this cycle."""
        sent = self.writes.write(start, words, taken + LEAVE)
        self.buffered.extend(sent - before * self.writes.beat for before in reversed(range(words)))
