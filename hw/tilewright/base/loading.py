"""Configurations from presets, TOML files and settings on the command line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tilewright.errors import TilewrightError

from .config import Config
from .documents import parse_value, read_toml

__all__ = ["load_config", "load_values"]

ConfigT = TypeVar("ConfigT", bound=Config)


def load_config(
    cls: type[ConfigT], preset: str | None = None, path: Path | None = None, settings: Iterable[str] = ()
) -> ConfigT:
    """Return the configuration with the values of `load_values`."""
    return cls(**load_values(cls, preset, path, settings))


def load_values(
    cls: type[Config], preset: str | None = None, path: Path | None = None, settings: Iterable[str] = ()
) -> dict[str, Any]:
    """Combine a preset, then a TOML file, then ``field=value`` settings; the later wins. The values are not checked.

    Parameters
    ----------
    cls : type
        Of the `Config`; the file's values are in its table ``[cls.TABLE]``.
    preset : str or None
        Where to start.
    path : Path or None
        A TOML file.
    settings : iterable of str
        ``field=value`` as on the command line; the value is read as TOML, or as a string if it is none.
    """
    values = {} if preset is None else cls.preset_values(preset)
    if path is not None:
        values |= _read_table(cls, path)
    for setting in settings:
        field, equals, text = setting.partition("=")
        if not equals:
            raise TilewrightError(f"--set {setting}: write it as FIELD=VALUE, for example --set rows=8")
        values[field.strip()] = parse_value(text.strip())
    return values


def _read_table(cls: type[Config], path: Path) -> Mapping[str, Any]:
    tables = read_toml(path, cls.TABLE)
    for name in tables:
        if name != cls.TABLE:
            raise TilewrightError(f"{path}: unknown key {name!r}; the fields belong in a table [{cls.TABLE}]")
    table = tables.get(cls.TABLE)
    if not isinstance(table, Mapping):
        raise TilewrightError(f"{path}: has no table [{cls.TABLE}]; put the fields there")
    return table
