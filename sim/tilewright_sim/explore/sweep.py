"""The points of a sweep: every combination of the given values, separated into valid and invalid ones."""

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tilewright.base import Config, ConfigError, TilewrightError, closest_name, parse_value, read_toml

__all__ = ["MAX_POINTS", "Point", "Skipped", "Sweep", "load_sweep"]

MAX_POINTS = 20_000
"""Maximum number of points of a sweep: at a minute each they would take two weeks."""


@dataclass(frozen=True)
class Point:
    """A configuration to measure; ``number`` counts the combinations of its sweep from 1, also those skipped."""

    number: int
    config: Config


@dataclass(frozen=True)
class Skipped:
    """An invalid combination: its swept values, and the contents of its `ConfigError`."""

    number: int
    swept: dict[str, Any]
    field: str
    value: Any
    reason: str
    nearest: Any = None


@dataclass(frozen=True)
class Sweep:
    """A list of values for some fields of a configuration; all other fields are fixed.

    Parameters
    ----------
    config : type
        The `Config` of the core.
    fixed : dict
        Fields that are the same in every point.
    axes : dict of tuple
        Values by field; the last field changes fastest.
    """

    config: type[Config]
    fixed: Mapping[str, Any]
    axes: Mapping[str, tuple[Any, ...]]

    def points(self) -> tuple[list[Point], list[Skipped]]:
        """Return the valid and the invalid points, each in the order of the sweep."""
        points, skipped = [], []
        for number, values in enumerate(itertools.product(*self.axes.values()), start=1):
            swept = dict(zip(self.axes, values, strict=True))
            try:
                points.append(Point(number, self.config(**{**self.fixed, **swept})))
            except ConfigError as error:
                skipped.append(Skipped(number, swept, error.field, error.value, error.reason, error.nearest))
        return points, skipped


def load_sweep(
    cls: type[Config],
    preset: str | None = None,
    path: Path | None = None,
    settings: Iterable[str] = (),
    sweeps: Iterable[str] = (),
) -> Sweep:
    """Combine a preset, a TOML file, ``field=value`` settings and the swept values; later ones win.

    Parameters
    ----------
    cls : type
        The core's `Config`.
    preset : str or None
        The preset to start from; None for the defaults of the fields.
    path : Path or None
        A TOML file with a list for each swept field in its table ``[sweep]``, and single values in ``[cls.TABLE]``.
    settings, sweeps : iterable of str
        ``field=value`` and ``field=value,value,…`` as on the command line.

    Raises
    ------
    TilewrightError
        If the file or an option has another form, a field does not exist, or nothing is swept.
    """
    fixed = cls.preset_values(preset) if preset else {}
    axes: dict[str, tuple[Any, ...]] = {}
    if path:
        tables = read_toml(path, "sweep")
        for name, table in tables.items():
            if name not in ("sweep", cls.TABLE) or not isinstance(table, Mapping):
                raise TilewrightError(f"{path}: unknown key {name!r}; it takes the tables [sweep] and [{cls.TABLE}]")
        fixed |= tables.get(cls.TABLE, {})
        for field, values in tables.get("sweep", {}).items():
            axes[field] = _values(f"{path}: {field}", field, values if isinstance(values, list) else [values])
    for setting in settings:
        field, text = _split(setting, "--set", "--set rows=8")
        fixed[field] = parse_value(text)
    given = set()
    for sweep in sweeps:
        field, text = _split(sweep, "--sweep", "--sweep rows=4,8,16")
        if field in given:
            raise TilewrightError(f"--sweep {sweep}: {field} is swept twice; give all its values in one list")
        given.add(field)
        axes[field] = _values(f"--sweep {sweep}", field, [parse_value(value.strip()) for value in text.split(",")])
    for field in (*fixed, *axes):
        _check_field(cls, field)
    if not axes:
        raise TilewrightError("nothing to sweep: give --sweep FIELD=VALUE,VALUE,… or a --config with a table [sweep]")
    count = math.prod(map(len, axes.values()))
    if count > MAX_POINTS:
        raise TilewrightError(f"the sweep has {count:,} points, more than {MAX_POINTS:,}: sweep fewer values at once")
    return Sweep(cls, {field: value for field, value in fixed.items() if field not in axes}, axes)


def _split(text: str, option: str, example: str) -> tuple[str, str]:
    field, equals, values = text.partition("=")
    if not equals or not field.strip() or not values.strip():
        form = "FIELD=VALUE,VALUE,…" if option == "--sweep" else "FIELD=VALUE"
        raise TilewrightError(f"{option} {text}: write it as {form}, for example {example}")
    return field.strip(), values.strip()


def _values(where: str, field: str, values: list[Any]) -> tuple[Any, ...]:
    """Return the values without repetitions; 1, 1.0 and true are three different values."""
    if not values or any(isinstance(value, str) and not value for value in values):
        raise TilewrightError(f"{where}: a value of {field} is missing")
    return tuple({(type(value), str(value)): value for value in values}.values())


def _check_field(cls: type[Config], field: str) -> None:
    if field not in cls.fields():
        near = closest_name(field, cls.fields())
        hint = f"; nearest: {near}" if near else ""
        raise TilewrightError(f"there is no field {field}; the fields are {', '.join(cls.fields())}{hint}")
