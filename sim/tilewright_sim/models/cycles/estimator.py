"""Estimates of the accelerator's cycles, computed chunk by chunk and not cycle by cycle.

`QueueModel` runs the loop nest of the hardware (M-block, N-tile, K-chunk) once, and the programs of vector jobs. Of a
long loop only some rounds are run; the time of the others is extrapolated linearly.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig
from tilewright.base import TilewrightError

from .compact import compact_cycles
from .queue_model import QueueModel
from .shape import Bus, Gemm, Shape
from .vector_job import VectorJob, VectorShape

__all__ = ["Bus", "Estimate", "Gemm", "bus_cycles", "estimate", "traffic"]

_MODELLED_BLOCKS = 6
_MODELLED_TILES = 24
_MODELLED_STEPS = 100_000

Job = Gemm | VectorJob


@dataclass(frozen=True)
class Estimate:
    """Estimated cycles, and three lower bounds of them.

    Parameters
    ----------
    cycles : int
        From the doorbell to the interrupt.
    multiplier_cycles : float
        Cycles if all multipliers were busy in each: ``m * n * k / (rows * cols)``.
    bus_cycles : float
        Cycles if the busier of the read and the write channel had a beat in each.
    utilisation : float
        Average share of the multipliers that work, from 0 to 1.
    vector_cycles : float
        Cycles in which the lanes of the vector engine begin something.
    """

    cycles: int
    multiplier_cycles: float
    bus_cycles: float
    utilisation: float
    vector_cycles: float = 0.0

    @property
    def bound(self) -> str:
        """The resource with the largest lower bound: ``"multipliers"``, ``"bus"`` or ``"vector lanes"``."""
        bounds = {"multipliers": self.multiplier_cycles, "bus": self.bus_cycles, "vector lanes": self.vector_cycles}
        return max(bounds, key=lambda name: bounds[name])

    @property
    def lower_bound(self) -> float:
        """The largest lower bound, in cycles."""
        return max(self.multiplier_cycles, self.bus_cycles, self.vector_cycles)


def estimate(config: AcceleratorConfig, jobs: Iterable[Job], bus: Bus = Bus()) -> Estimate:  # noqa: B008  # frozen
    """Estimate the cycles of products and vector jobs that are queued together.

    Raises
    ------
    TilewrightError
        If a size is outside the limits of a descriptor, or the configuration cannot do it.
    """
    queue = list(jobs)
    if not queue:
        raise TilewrightError("nothing to estimate")
    moved = bus_cycles(config, queue, bus)
    products = [job for job in queue if isinstance(job, Gemm)]  # a compact accelerator has no vector engine
    cycles = compact_cycles(config, products, bus) if config.compact else _queue_cycles(config, queue, bus)
    macs = sum(job.macs for job in queue)
    cells = config.tile.rows * config.tile.cols
    lanes = sum(VectorShape(config, job).lane_cycles for job in queue if isinstance(job, VectorJob))
    return Estimate(cycles, macs / cells, moved, macs / (cells * cycles), lanes)


def bus_cycles(config: AcceleratorConfig, jobs: Iterable[Job], bus: Bus) -> float:
    """Return the `Estimate.bus_cycles` of jobs that are queued together, without modelling their cycles.

    Raises
    ------
    TilewrightError
        If a size is outside the limits of a descriptor.
    """
    words = [traffic(config, job) for job in jobs]
    reads, writes = sum(read for read, _ in words), sum(written for _, written in words)
    return (reads + writes if bus.shared else max(reads, writes)) / bus.bandwidth


def _check(config: AcceleratorConfig, gemm: Gemm) -> None:
    for name, limit in (("m", config.size_limit), ("n", config.size_limit), ("k", config.k_limit)):
        if not isinstance(getattr(gemm, name), int) or not 1 <= getattr(gemm, name) <= limit:
            raise TilewrightError(f"{name.upper()} = {getattr(gemm, name)}: must be 1 to {limit} with one descriptor")
    if gemm.b_format >= len(config.b_formats):
        raise TilewrightError(f"b_format = {gemm.b_format}: this configuration has {len(config.b_formats)}")
    if config.makes_floats(gemm.b_format) and (gemm.requant or gemm.bias or gemm.accumulate):
        raise TilewrightError("C is float32 with these formats: nothing is requantized or added")


def _steps(config: AcceleratorConfig, job: Job) -> int:
    """Steps of the model."""
    return VectorShape(config, job).instructions if isinstance(job, VectorJob) else Shape(config, job).steps


def _size(job: Job) -> int:
    """What the time of a job of the same kind is about proportional to."""
    return job.m * job.n if isinstance(job, VectorJob) else job.macs


def _queue_cycles(config: AcceleratorConfig, queue: list[Job], bus: Bus) -> int:
    """Model the queue; extrapolate the cycles of a long queue from shorter ones of the same kind."""
    if sum(_steps(config, job) for job in queue) <= _MODELLED_STEPS:
        return round(QueueModel(config, bus, queue).run())
    if len(queue) > 16:
        few = _queue_cycles(config, queue[:8], bus)
        more = _queue_cycles(config, queue[:16], bus)
        share = sum(_size(job) for job in queue[16:]) / sum(_size(job) for job in queue[8:16])
        return round(more + (more - few) * share)
    short = [_shortened(config, job) for job in queue]
    long = [place for place, job in enumerate(queue) if job != short[place]]
    if not long:
        return round(QueueModel(config, bus, queue).run())
    if len(long) == 1:
        return _lengthened(config, queue, long[0], bus)
    # Each by itself among short ones: all together would take 4 runs to the power of their number.
    base = _queue_cycles(config, short, bus)
    extra: dict[tuple[Job, bool], int] = {}
    for place in long:
        key = (queue[place], place == 0)  # the first product has no predecessor
        if key not in extra:
            one = [*short[:place], queue[place], *short[place + 1 :]]
            extra[key] = _queue_cycles(config, one, bus) - base
    return base + sum(extra[queue[place], place == 0] for place in long)


def _rounds(config: AcceleratorConfig, job: Job) -> list[tuple[str, int, int, int]]:
    """The loops over M and N that are worth cutting short: field, length of a round, rounds, and rounds to model."""
    if isinstance(job, VectorJob):
        vector = VectorShape(config, job)
        rows, columns = vector.batch, vector.strip
    else:
        rows, columns = Shape(config, job).block_rows, config.tile.cols
    loops = (("m", rows, _MODELLED_BLOCKS), ("n", columns, _MODELLED_TILES))
    counted = [(field, unit, math.ceil(getattr(job, field) / unit), modelled) for field, unit, modelled in loops]
    whole = isinstance(job, Gemm) and job.image  # its m is not cut: it is the image's
    return [loop for loop in counted if loop[2] > 2 * loop[3] and not (whole and loop[0] == "m")]


def _cut(job: Job, field: str, unit: int, rounds: int, kept: int) -> Job:
    """Leave out whole rounds in the middle, so that the first and the last keep their sizes."""
    size = getattr(job, field) - (rounds - kept) * unit
    return replace(job, m=size) if field == "m" else replace(job, n=size)


def _shortened(config: AcceleratorConfig, job: Job) -> Job:
    for field, unit, rounds, modelled in _rounds(config, job):
        job = _cut(job, field, unit, rounds, 2 * modelled)
    return job


def _lengthened(config: AcceleratorConfig, queue: list[Job], place: int, bus: Bus) -> int:
    field, unit, rounds, modelled = _rounds(config, queue[place])[0]
    fewer, more = (
        _queue_cycles(config, [*queue[:place], _cut(queue[place], field, unit, rounds, kept), *queue[place + 1 :]], bus)
        for kept in (modelled, 2 * modelled)
    )
    return round(more + (rounds - 2 * modelled) * (more - fewer) / modelled)


def _read_beats(config: AcceleratorConfig, gemm: Gemm) -> int:
    shape, word = Shape(config, gemm), config.word_bytes
    a_beats = gemm.m * shape.a.stride
    if shape.layout is not None:
        rows = sum(shape.image_rows(block) for block in range(len(shape.blocks)))
        a_beats = rows * math.ceil(shape.image_row_bytes / word) + DESCRIPTOR_BYTES // word
    parameters = gemm.parameter_rows * math.ceil(4 * gemm.n / word)
    old = gemm.m * math.ceil(4 * gemm.n / word) if gemm.accumulate else 0
    blocks = len(shape.blocks)
    return a_beats + blocks * (gemm.n * shape.b.stride + parameters) + old + DESCRIPTOR_BYTES // word


def _write_beats(config: AcceleratorConfig, gemm: Gemm) -> int:
    return gemm.m * math.ceil((1 if gemm.requant else 4) * gemm.n / config.word_bytes)


def traffic(config: AcceleratorConfig, job: Job) -> tuple[int, int]:
    """Return the number of bus words that a job reads, including its descriptor, and that it writes."""
    if isinstance(job, VectorJob):
        job.check(config)
        return VectorShape(config, job).traffic()
    _check(config, job)
    return _read_beats(config, job), _write_beats(config, job)
