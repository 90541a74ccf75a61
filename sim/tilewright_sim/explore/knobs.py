"""Which knob binds: what would have to grow for a product to take less time.

The rule, in this order:

1. A resource that works in at least 95 % of the cycles binds; if several do, the one that works most, and among those
   within 1 % of it the first of: multipliers, bus, requant_lanes, rows. (``rows``: weights enter the tile one word of
   ``rows`` a cycle, which binds where M is less than ``cols``.)
2. Otherwise each knob is doubled by itself in the cycle model, and the one that saves most cycles binds, if it saves at
   least 5 %; within 1 % of the best, the first of the same order, then acc_rows, panel_words, ring_words, outstanding,
   max_burst, chunk_words. ``multipliers`` doubles ``cols``, with the buffers that the wider tile cannot do without;
   ``bus`` doubles the bandwidth; the others are fields of the configuration, also beyond what can be built. ``rows``
   is among them only where M is less than ``cols``: elsewhere it is one more way to double the multipliers.
3. Otherwise nothing binds but ``latency``: of the memory, and of the pipelines.

Before all that, ``clock`` binds where timing was asked for a clock that place and route did not reach.
"""

from dataclasses import dataclass, replace

from tilewright.accelerator.contract import AcceleratorConfig
from tilewright.tile import TileConfig
from tilewright_sim.models.cycles import Bus

from .cycles import Use, Workload, use

__all__ = ["BUSY", "CLOCK", "LATENCY", "WORTH", "Binding", "binding"]

BUSY = 0.95
"""Share of the cycles from which on a resource is said to bind."""
WORTH = 0.05
"""Share of the cycles that a doubled knob has to save."""
_TIE = 0.01
CLOCK, LATENCY = "clock", "latency"
_FIELDS = ("requant_lanes", "rows", "acc_rows", "panel_words", "ring_words", "outstanding", "max_burst")


@dataclass(frozen=True)
class Binding:
    """The knob that binds, and why in words."""

    knob: str
    reason: str


def binding(
    config: TileConfig, shape: Workload, bus: Bus, found: Use, missed_mhz: tuple[float, float] | None = None
) -> Binding:
    """Return what binds for a product by the rule of this module.

    Parameters
    ----------
    config : TileConfig
        Of a tile, or an `AcceleratorConfig`.
    shape : tuple of int
    bus : Bus
    found : Use
        What `use` returned for these.
    missed_mhz : tuple of float or None
        The clock reached and the clock asked for, if it was not reached.
    """
    if missed_mhz:
        return Binding(CLOCK, f"{missed_mhz[0]:.1f} MHz reached of {missed_mhz[1]:.1f} MHz")
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
        if knob != "rows" or shape[0] < config.cols
    }
    knob, saved = _first_best(savings)
    if saved >= WORTH:
        return Binding(knob, f"twice as much would save {saved:.0%} of the cycles")
    return Binding(LATENCY, f"no knob, doubled, saves {WORTH:.0%} of the cycles")


def _first_best(values: dict[str, float]) -> tuple[str, float]:
    """The first of those that come within `_TIE` of the largest."""
    largest = max(values.values())
    return next((knob, value) for knob, value in values.items() if value >= largest - _TIE)


def _doubled(config: TileConfig, bus: Bus):
    """Each knob, and the configuration and the bus with twice as much of it."""
    if not isinstance(config, AcceleratorConfig):
        yield "multipliers", (config.model_copy(update={"cols": 2 * config.cols}), bus)
        yield "rows", (config.model_copy(update={"rows": 2 * config.rows}), bus)
        return
    cols, chunk = 2 * config.cols, config.long_chunk_words
    wider = {
        "cols": cols,
        "ring_words": max(config.ring_words, 2 * cols * chunk),
        "panel_words": max(config.panel_words, 2 * cols * config.chunk_words),
        "acc_rows": max(config.acc_rows, cols),
    }
    yield "multipliers", (config.model_copy(update=wider), bus)
    yield "bus", (config, replace(bus, bandwidth=2 * bus.bandwidth))
    for field in _FIELDS:
        yield field, (config.model_copy(update={field: 2 * getattr(config, field)}), bus)
    longer = {
        "chunk_words": 2 * config.chunk_words,
        "long_chunk_words": 2 * chunk,
        "ring_words": max(config.ring_words, 4 * config.cols * chunk),
        "panel_words": max(config.panel_words, 4 * chunk, 4 * config.chunk_words * config.cols),
    }
    yield "chunk_words", (config.model_copy(update=longer), bus)
