"""Settings of a bench from its environment variables, and its counts of functional coverage."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any, TypeVar

import pytest  # cocotb depends on pytest and supports its `skip`

from tilewright.base import Config

from .variables import CONFIG_FILE, COVERAGE_FILE, EFFORT, EFFORTS, LONGEST

__all__ = ["cover", "effort", "load", "longest", "skip"]

_C = TypeVar("_C", bound=Config)
_T = TypeVar("_T")
_counts: Counter[str] = Counter()


def load(config: type[_C]) -> _C:
    """Return the configuration of the simulated design."""
    described = json.loads(Path(os.environ[CONFIG_FILE]).read_text(encoding="utf-8"))
    return config.from_json(json.dumps(described["config"]))


def effort(quick: _T, default: _T, long: _T) -> _T:
    """Return the value for the selected effort."""
    return (quick, default, long)[EFFORTS.index(os.environ.get(EFFORT, "default"))]


def longest(size: int) -> int:
    """Return the size, limited to the value of the variable `LONGEST`."""
    return min(size, int(os.environ.get(LONGEST, size)))


def skip(reason: str) -> None:
    """Skip the running test, which does not apply to this configuration."""
    pytest.skip(reason)


def cover(**bins: Any) -> None:
    """Count one bin of each named group of functional coverage."""
    _counts.update(f"{group}: {value}" for group, value in bins.items())
    if COVERAGE_FILE in os.environ:
        Path(os.environ[COVERAGE_FILE]).write_text(json.dumps(_counts, indent=1), encoding="utf-8")
