"""Estimates of the accelerator's cycles, computed chunk by chunk and not cycle by cycle.

`QueueModel` runs the loop nest of the hardware (M-block, N-tile, K-chunk) once. Of a long loop only some rounds are
run; the time of the others is extrapolated linearly.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tilewright.accelerator.contract import DESCRIPTOR_BYTES, AcceleratorConfig
from tilewright.base import TilewrightError

from .compact import compact_cycles
from .queue_model import QueueModel
from .shape import Bus, Gemm, Shape

__all__ = ["Bus", "Estimate", "Gemm", "bus_cycles", "estimate", "traffic"]

_MODELLED_BLOCKS = 6
_MODELLED_TILES = 24
_MODELLED_STEPS = 100_000


@dataclass(frozen=True)
class Estimate:
    """Estimated cycles, and two lower bounds of them.

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
    """

    cycles: int
    multiplier_cycles: float
    bus_cycles: float
    utilisation: float

    @property
    def bound(self) -> str:
        """The resource with the larger lower bound: ``"multipliers"`` or ``"bus"``."""
        return "multipliers" if self.multiplier_cycles >= self.bus_cycles else "bus"


def estimate(config: AcceleratorConfig, gemms: Iterable[Gemm], bus: Bus = Bus()) -> Estimate:  # noqa: B008  # frozen
    """Estimate the cycles of products that are queued together.

    Raises
    ------
    TilewrightError
        If a size is outside the limits of a descriptor.
    """
    queue = list(gemms)
    if not queue:
        raise TilewrightError("nothing to estimate")
    moved = bus_cycles(config, queue, bus)
    cycles = compact_cycles(config, queue, bus) if config.compact else _queue_cycles(config, queue, bus)
    macs = sum(gemm.macs for gemm in queue)
    cells = config.tile.rows * config.tile.cols
    return Estimate(cycles, macs / cells, moved, macs / (cells * cycles))


def bus_cycles(config: AcceleratorConfig, gemms: Iterable[Gemm], bus: Bus) -> float:
    """Return the `Estimate.bus_cycles` of products that are queued together, without modelling their cycles.

    Raises
    ------
    TilewrightError
        If a size is outside the limits of a descriptor.
    """
    words = [traffic(config, gemm) for gemm in gemms]
    reads, writes = sum(read for read, _ in words), sum(written for _, written in words)
    return (reads + writes if bus.shared else max(reads, writes)) / bus.bandwidth


def _check(config: AcceleratorConfig, gemm: Gemm) -> None:
    for name, limit in (("m", config.size_limit), ("n", config.size_limit), ("k", config.k_limit)):
        if not isinstance(getattr(gemm, name), int) or not 1 <= getattr(gemm, name) <= limit:
            raise TilewrightError(f"{name.upper()} = {getattr(gemm, name)}: must be 1 to {limit} with one descriptor")
    if gemm.b_format >= len(config.b_formats):
        raise TilewrightError(f"b_format = {gemm.b_format}: this configuration has {len(config.b_formats)}")
    if config.scaled and (gemm.requant or gemm.bias or gemm.accumulate):
        raise TilewrightError("C is float32 with these formats: nothing is requantized or added")


def _queue_cycles(config: AcceleratorConfig, queue: list[Gemm], bus: Bus) -> int:
    """Model the queue; extrapolate the cycles of a long queue from shorter ones of the same kind."""
    if sum(Shape(config, gemm).steps for gemm in queue) <= _MODELLED_STEPS:
        return round(QueueModel(config, bus, queue).run())
    if len(queue) > 16:
        few = _queue_cycles(config, queue[:8], bus)
        more = _queue_cycles(config, queue[:16], bus)
        share = sum(gemm.macs for gemm in queue[16:]) / sum(gemm.macs for gemm in queue[8:16])
        return round(more + (more - few) * share)
    short = [_shortened(config, gemm) for gemm in queue]
    long = [place for place, gemm in enumerate(queue) if gemm != short[place]]
    if not long:
        return round(QueueModel(config, bus, queue).run())
    if len(long) == 1:
        return _lengthened(config, queue, long[0], bus)
    # Each by itself among short ones: all together would take 4 runs to the power of their number.
    base = _queue_cycles(config, short, bus)
    extra: dict[tuple[Gemm, bool], int] = {}
    for place in long:
        key = (queue[place], place == 0)  # the first product has no predecessor
        if key not in extra:
            one = [*short[:place], queue[place], *short[place + 1 :]]
            extra[key] = _queue_cycles(config, one, bus) - base
    return base + sum(extra[queue[place], place == 0] for place in long)


def _rounds(config: AcceleratorConfig, gemm: Gemm) -> list[tuple[str, int, int, int]]:
    """The loops over M and N that are worth cutting short: field, length of a round, rounds, and rounds to model."""
    loops = (("m", Shape(config, gemm).block_rows, _MODELLED_BLOCKS), ("n", config.tile.cols, _MODELLED_TILES))
    counted = [(field, unit, math.ceil(getattr(gemm, field) / unit), modelled) for field, unit, modelled in loops]
    # The m of an image is not cut: it is the image's.
    return [loop for loop in counted if loop[2] > 2 * loop[3] and not (gemm.image and loop[0] == "m")]


def _cut(gemm: Gemm, field: str, unit: int, rounds: int, kept: int) -> Gemm:
    """Leave out whole rounds in the middle, so that the first and the last keep their sizes."""
    size = getattr(gemm, field) - (rounds - kept) * unit
    return replace(gemm, m=size) if field == "m" else replace(gemm, n=size)


def _shortened(config: AcceleratorConfig, gemm: Gemm) -> Gemm:
    for field, unit, rounds, modelled in _rounds(config, gemm):
        gemm = _cut(gemm, field, unit, rounds, 2 * modelled)
    return gemm


def _lengthened(config: AcceleratorConfig, queue: list[Gemm], place: int, bus: Bus) -> int:
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


def traffic(config: AcceleratorConfig, gemm: Gemm) -> tuple[int, int]:
    """Return the number of bus words that a product reads, including its descriptor, and that it writes."""
    _check(config, gemm)
    return _read_beats(config, gemm), _write_beats(config, gemm)
