"""A job of the vector engine as the cycle model sees it: its sizes and types, and its instructions."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from tilewright.accelerator.contract import (
    DESCRIPTOR_BYTES,
    ONE_RESULT,
    ONE_TYPE,
    PARTIALS,
    ROTATIONS,
    TYPE_BYTES,
    AcceleratorConfig,
    ElementType,
    Operation,
)
from tilewright.accelerator.vector import (
    CONDITIONS,
    REGISTER_ENTRIES,
    Extent,
    Kind,
    Operand,
    RecordFormat,
    stored_programs,
)
from tilewright.base import TilewrightError

__all__ = ["Step", "VectorJob", "VectorShape"]


@dataclass(frozen=True, kw_only=True)
class VectorJob:
    """One job of the vector engine: m rows of n elements.

    With `shared_y`, all rows have the same row of y. With `fenced` (`fenced_y`), x (y) is read only when all earlier
    descriptors are complete: the flags FENCE_A and FENCE_B. `operation` is an `Operation`, types are of `ElementType`.
    """

    operation: Any
    m: int
    n: int
    x_type: Any = ElementType.FLOAT32
    y_type: Any = ElementType.FLOAT32
    c_type: Any = ElementType.FLOAT32
    shared_y: bool = False
    fenced: bool = False
    fenced_y: bool = False

    macs = 0
    """Multiply-accumulates of the tile."""

    def check(self, config: AcceleratorConfig) -> None:
        """Raise TilewrightError unless the accelerator can do it with one descriptor."""
        if not config.vector_lanes:
            raise TilewrightError("vector_lanes = 0: this configuration has no vector engine")
        for name in ("m", "n"):
            size = getattr(self, name)
            if not isinstance(size, int) or not 1 <= size <= config.size_limit:
                raise TilewrightError(f"{name.upper()} = {size}: must be 1 to {config.size_limit} with one descriptor")
        longest = PARTIALS * config.vector_lanes
        if self.rotates and (self.n % 2 or self.n > longest):
            raise TilewrightError(f"N = {self.n}: a rotation needs an even number of at most {longest}")
        if self.operation is Operation.ROTATE_HALVES and self.n & (self.n - 1):
            raise TilewrightError(f"N = {self.n}: ROTATE_HALVES needs a power of 2")
        if self.y_type is ElementType.INT32:
            raise TilewrightError("y_type = INT32: must be FLOAT32 or BF16")
        only = ONE_TYPE.get(self.operation)
        if only is not None and self.c_type is not only:
            raise TilewrightError(f"c_type = {self.c_type.name}: must be {only.name} with {self.operation.name}")
        if only is None and self.c_type in (ElementType.INT32, ElementType.INT8_COLUMNS):
            raise TilewrightError(f"c_type = {self.c_type.name}: {self.operation.name} makes none")
        if self.columns and not config.unaligned:
            raise TilewrightError("QUANTIZE writes bytes at any address: set unaligned")
        if self.c_type is ElementType.RECORDS and not RecordFormat.of(config.a):
            raise TilewrightError(f"c_type = RECORDS: the vector engine makes none of A's format, {config.a_format}")

    @property
    def rotates(self) -> bool:
        """Whether a row of y has two parts of n elements."""
        return self.operation in ROTATIONS

    @property
    def results(self) -> int:
        """Elements of a row of the result."""
        return 1 if self.operation in ONE_RESULT else self.n

    @property
    def columns(self) -> bool:
        """Whether each element of the result is a row of its own in memory."""
        return self.operation is Operation.QUANTIZE


class Step(NamedTuple):
    """An instruction and what it is for, as `ProgramCounter` offers it; ``instruction`` is None if it is left out."""

    instruction: dict | None
    row: int
    rows: int
    element: int
    elements: int


class _Phase(NamedTuple):
    instructions: list[dict]
    strips: bool


@cache
def _phases(form: RecordFormat | None, operation: Operation, loads: bool) -> list[_Phase]:
    """The stored program of an operation, phase by phase."""
    program = stored_programs(form, loads)
    phases: list[_Phase] = []
    instructions: list[dict] = []
    number = program.starts[operation]
    while True:
        line = program.lines[number]
        instructions.append(program.instructions[line.instruction])
        if line.phase_last:
            phases.append(_Phase(instructions, line.strips))
            instructions = []
        if line.program_last:
            return phases
        number = program.store if line.before_store else number + 1


class VectorShape:
    """How a job goes through the registers, in batches of rows and strips of elements, and what it moves."""

    def __init__(self, config: AcceleratorConfig, job: VectorJob):
        self.config, self.job = config, job
        form = RecordFormat.of(config.a)
        self.phases = _phases(form, job.operation, False)
        self.loads = _phases(form, job.operation, True)
        lanes = config.vector_lanes
        self.strip = REGISTER_ENTRIES * lanes
        groups = math.ceil(job.n / PARTIALS)
        self.batch = 1 if job.columns else max(1, lanes >> (groups - 1).bit_length())
        self.records = job.c_type is ElementType.RECORDS
        holds = {
            "again": groups > lanes,
            "int32": job.x_type is ElementType.INT32,
            "bf16": job.c_type is ElementType.BF16,
            "records": self.records,
            "weighted": job.operation is Operation.WEIGHTED_SOFTMAX,
        }
        self.left_out = sum(1 << place for place, name in enumerate(CONDITIONS) if not holds[name])

    def steps(self, loads: bool = False) -> Iterator[Step]:
        """Go through the instructions; with ``loads``, through the LOADs alone."""
        job = self.job
        phases = self.loads if loads else self.phases
        for row in range(0, job.m, self.batch):
            rows = min(self.batch, job.m - row)
            for phase in phases:
                for element in range(0, job.n if phase.strips else 1, self.strip):
                    elements = min(self.strip, job.n - element)
                    for one in phase.instructions:
                        yield Step(None if one["when"] & self.left_out else one, row, rows, element, elements)

    @property
    def instructions(self) -> int:
        """Number of instructions, with those that are left out."""
        strips = math.ceil(self.job.n / self.strip)
        each = sum(len(phase.instructions) * (strips if phase.strips else 1) for phase in self.phases)
        return math.ceil(self.job.m / self.batch) * each

    @property
    def lane_cycles(self) -> int:
        """Cycles in which an entry goes into the lanes."""
        partials = PARTIALS // self.config.vector_lanes
        of_elements = math.ceil(self.job.n / PARTIALS) * partials
        entries = {Extent.ELEMENTS: of_elements, Extent.FOLD: of_elements, Extent.PARTIALS: partials, Extent.ROWS: 1}
        return self.job.m * sum(
            entries[one["extent"]] for phase in self.phases for one in phase.instructions if self._computes(one)
        )

    def _computes(self, instruction: dict) -> bool:
        return instruction["kind"] == Kind.COMPUTE and not instruction["when"] & self.left_out

    def operand(self, operand: Operand) -> tuple[int, int, int]:
        """Return the bytes of an element of x or y, the bus words from row to row, and the element of a row's start."""
        job = self.job
        if operand == Operand.X:
            size = TYPE_BYTES[job.x_type]
            return size, self.words(job.n, size), 0
        size = TYPE_BYTES[job.y_type]
        row = self.words(job.n * (2 if job.rotates else 1), size)
        return size, 0 if job.shared_y else row, job.n if operand == Operand.Y_SECOND else 0

    def words(self, elements: int, size: int) -> int:
        """Bus words of so many elements."""
        return math.ceil(elements * size / self.config.word_bytes)

    def traffic(self) -> tuple[int, int]:
        """Return the number of bus words that the job reads, including its descriptor, and that it writes."""
        read = DESCRIPTOR_BYTES // self.config.word_bytes
        for phase in self.loads:
            for one in phase.instructions:
                if not one["when"] & self.left_out:
                    size, _, _ = self.operand(one["operand"])
                    whole, rest = divmod(self.job.n, self.strip)
                    read += self.job.m * (whole * self.words(self.strip, size) + self.words(rest, size))
        each = self.job.n if self.job.columns else self.result_words(self.job.results)
        return read, self.job.m * each

    def result_words(self, elements: int) -> int:
        """Bus words of so many elements of a row of the result."""
        return math.ceil(self.result_bytes(elements) / self.config.word_bytes)

    def result_bytes(self, elements: int) -> int:
        """Bytes of so many elements of a row of the result."""
        if self.records:
            return self.config.a.row_bytes(elements)
        return elements * TYPE_BYTES[self.job.c_type]
