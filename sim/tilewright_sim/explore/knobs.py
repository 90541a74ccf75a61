"""The bottleneck of a product: the knob (a field of the configuration, or a resource) that must grow to save time.

The bottleneck is determined by the first of these rules that applies:

1. ``clock``, if a clock was requested that place and route did not reach.
2. A resource that works in at least 95 % of the cycles. If there are several, the busiest; of those within 1 % of it,
   the first of: multipliers, bus, requant_lanes, rows. (``rows``: weights enter the tile one word of ``rows`` per
   cycle, which limits products with M less than ``cols``.)
3. The knob that saves most cycles when it alone is doubled in the cycle model, if it saves at least 5 %. Of those
   within 1 % of the best, the first in the same order, followed by acc_rows, panel_words, ring_words, outstanding,
   max_burst, chunk_words. ``multipliers`` doubles ``cols``, with the buffers that the wider tile requires; ``bus``
   doubles the bandwidth; the others are fields of the configuration, also beyond the valid range. ``rows`` is tried
   only if M is less than ``cols``: otherwise it is another way to double the multipliers.
4. ``latency``: of the memory and of the pipelines.
"""

from dataclasses import dataclass, replace

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.tile import TileConfig, tile_of
from tilewright_sim.models.cycles import Bus

from .cycles import Use, Workload, use

__all__ = ["BUSY", "CLOCK", "LATENCY", "WORTH", "Binding", "binding"]

BUSY = 0.95
"""Minimum share of busy cycles at which a resource is the bottleneck."""
WORTH = 0.05
"""Minimum share of the cycles that a doubled knob must save."""
_TIE = 0.01
CLOCK, LATENCY = "clock", "latency"
_FIELDS = ("requant_lanes", "rows", "acc_rows", "panel_words", "ring_words", "outstanding", "max_burst")


@dataclass(frozen=True)
class Binding:
    """The bottleneck, and the reason as text."""

    knob: str
    reason: str


def binding(
    config: TileConfig | AcceleratorConfig,
    shape: Workload,
    bus: Bus,
    found: Use,
    missed_mhz: tuple[float, float] | None = None,
) -> Binding:
    """Return the bottleneck of a product by the rules of this module.

    Parameters
    ----------
    config : TileConfig
        Configuration of a tile, or an `AcceleratorConfig`.
    shape : tuple of int
    bus : Bus
    found : Use
        The result of `use` for these.
    missed_mhz : tuple of float or None
        The clock reached and the clock requested; None if it was reached.
    """
    if missed_mhz:
        return Binding(CLOCK, f"{missed_mhz[0]:.1f} MHz reached, {missed_mhz[1]:.1f} MHz requested")
    shares = {
        "multipliers": found.multiplier_cycles / found.cycles,
        "bus": found.bus_cycles / found.cycles,
        "requant_lanes": found.requant_cycles / found.cycles,
        "rows": found.weight_cycles / found.cycles,
    }
    knob, share = _first_best(shares)
    if share >= BUSY:
        return Binding(knob, f"busy in {share:.1%} of the cycles")
    savings = {
        knob: 1 - use(grown, shape, wider).cycles / found.cycles
        for knob, (grown, wider) in _doubled(config, bus)
        if knob != "rows" or shape[0] < tile_of(config).cols
    }
    knob, saved = _first_best(savings)
    if saved >= WORTH:
        return Binding(knob, f"twice as much would save {saved:.0%} of the cycles")
    return Binding(LATENCY, f"no knob, doubled, saves {WORTH:.0%} of the cycles")


def _first_best(values: dict[str, float]) -> tuple[str, float]:
    """Return the first name whose value is within `_TIE` of the largest."""
    largest = max(values.values())
    return next((knob, value) for knob, value in values.items() if value >= largest - _TIE)


def _doubled(config: TileConfig | AcceleratorConfig, bus: Bus):
    """Yield each knob, with the configuration and the bus in which it is doubled."""
    if not isinstance(config, AcceleratorConfig):
        yield "multipliers", (config.model_copy(update={"cols": 2 * config.cols}), bus)
        yield "rows", (config.model_copy(update={"rows": 2 * config.rows}), bus)
        return
    fields, cols, chunk = config.model_dump(), 2 * config.tile.cols, config.long_chunk_words
    wider = {
        "cols": cols,
        "ring_words": max(config.ring_words, 2 * cols * chunk),
        "panel_words": max(config.panel_words, 2 * cols * config.chunk_words),
        "acc_rows": max(config.acc_rows, cols),
    }
    yield "multipliers", (config.model_copy(update=wider), bus)
    yield "bus", (config, replace(bus, bandwidth=2 * bus.bandwidth))
    for field in _FIELDS:
        yield field, (config.model_copy(update={field: 2 * fields[field]}), bus)
    longer = {
        "chunk_words": 2 * config.chunk_words,
        "long_chunk_words": 2 * chunk,
        "ring_words": max(config.ring_words, 2 * cols * chunk),
        "panel_words": max(config.panel_words, 4 * chunk, 2 * cols * config.chunk_words),
    }
    yield "chunk_words", (config.model_copy(update=longer), bus)
