"""Random configurations out of all that are accepted."""

import math
import random
from collections.abc import Mapping
from typing import Any

from tilewright.accelerator.contract import MOST_FORMATS, AcceleratorConfig
from tilewright.base import ConfigError, ConfigField, TilewrightError
from tilewright.formats import FORMATS

__all__ = ["draw"]

AFFORDABLE = 128
"""Arrays of more multipliers are drawn more rarely, so that all sizes together take about the same time to compile."""
LANE = 16
"""Multipliers that take about as long to compile as a lane of the vector engine."""
_TRIES = 300
_REPAIRS = 60


def draw(chance: random.Random, held: Mapping[str, Any]) -> AcceleratorConfig:
    """Return a random configuration.

    Each field is drawn from all its values, numbers on a logarithmic scale, 0 where it can be in half of the
    draws; operands are int8 in half of the draws, and of block formats that go together otherwise, in about half of
    those with int8 beside them. What does not fit together is mended with the nearest value that works, as the error
    names it. An array of more than `AFFORDABLE` multipliers, with `LANE` for each lane of the vector engine, is kept
    with the probability ``AFFORDABLE / multipliers``.

    Parameters
    ----------
    chance : Random
    held : dict
        Fields that are not drawn.

    Raises
    ------
    TilewrightError
        If nothing is found that has these values.
    """
    fields = AcceleratorConfig.field_table()
    rare = not {"rows", "cols"} <= held.keys()
    said = None
    for _ in range(_TRIES):
        try:
            config = _mended(
                {field.name: _value(field, chance) for field in fields} | _formats(chance) | dict(held), held
            )
        except ConfigError as error:
            if error.field not in AcceleratorConfig.fields():
                raise
            said = error
            continue
        if not rare or chance.random() * (config.tile.multipliers + LANE * config.vector_lanes) < AFFORDABLE:
            return config
    told = ", ".join(f"{name} = {value}" for name, value in held.items())
    raise TilewrightError(f"no configuration was found with {told}; the last that was tried has {said}")


def _formats(chance: random.Random) -> dict[str, Any]:
    """Formats of A and B, of which those of B go together."""
    if chance.random() < 0.5:
        return {"a_format": "int8", "b_formats": ("int8",)}
    one = chance.choice(list(FORMATS.values()))
    family = [name for name, form in FORMATS.items()
              if (form.scale, form.element.fraction_bits) == (one.scale, one.element.fraction_bits)]  # fmt: skip
    count = chance.randint(1, min(len(family), MOST_FORMATS))
    chosen = chance.sample(family, count)
    if "int8" not in chosen and count < MOST_FORMATS and chance.random() < 0.5:
        chosen.insert(chance.randint(0, count), "int8")
    return {"b_formats": tuple(chosen)}


def _value(field: ConfigField, chance: random.Random) -> Any:
    if field.choices:
        text = chance.choice(field.choices)
        return {"true": True, "false": False}.get(text, text)
    low, high = field.limits.start, field.limits[-1]
    if not low and chance.random() < 0.5:
        return 0
    low = max(1, low)
    return min(high, max(low, round(math.exp(chance.uniform(math.log(low), math.log(high))))))


def _mended(values: dict[str, Any], held: Mapping[str, Any]) -> AcceleratorConfig:
    """The configuration with other values for what cannot be; ConfigError if it is a value that is held."""
    for _ in range(_REPAIRS):
        try:
            return AcceleratorConfig(**values)
        except ConfigError as error:
            if error.field in held or error.nearest is None:
                raise
            values[error.field] = error.nearest
    return AcceleratorConfig(**values)
