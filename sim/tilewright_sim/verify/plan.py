"""Which tests a bench has, and which of them are wanted."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

from cocotb.regression import TestGenerator

from tilewright.base import Config, TilewrightError
from tilewright.cores import Core
from tilewright_sim.benches import BENCHES, CONFIG_FILE

__all__ = ["matching"]


def matching(core: Core, config: Config, pattern: str | None) -> list[str]:
    """Return the names of a core's tests, in their order.

    Parameters
    ----------
    core : Core
    config : Config
    pattern : str or None
        A name, or else a part of one, in which ``*``, ``?`` and ``[…]`` have the meaning that they have in file names.

    Raises
    ------
    TilewrightError
        If none matches.
    """
    names = _names(core, config)
    if pattern is None:
        return names
    if pattern in names:
        return [pattern]
    found = [name for name in names if fnmatchcase(name, f"*{pattern}*")]
    if not found:
        known = ", ".join(dict.fromkeys(name.partition("/")[0] for name in names))
        raise TilewrightError(f"no test of {core.name} matches {pattern}; there are {known}")
    return found


def _names(core: Core, config: Config) -> list[str]:
    with _described(config):
        module = import_module(BENCHES[core.name])
    generators = [value for value in vars(module).values() if isinstance(value, TestGenerator)]
    return [test.name for generator in generators for test in generator.generate_tests()]


@contextmanager
def _described(config: Config) -> Iterator[None]:
    """Show a bench that is imported the configuration; the names of its tests do not depend on it."""
    before = os.environ.get(CONFIG_FILE)
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        file = Path(folder, "config.json")
        file.write_text(json.dumps({"config": config.described()}), encoding="utf-8")
        os.environ[CONFIG_FILE] = str(file)
        try:
            yield
        finally:
            os.environ.pop(CONFIG_FILE)
            if before is not None:
                os.environ[CONFIG_FILE] = before
