"""Cached results, keyed by everything that they depend on, so that an interrupted sweep continues where it stopped."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tilewright.base import TilewrightError, cache_folder, writable, write_files

from .task import Task

__all__ = ["Cache"]


class Cache:
    """Results on disk, one file for each part of each point, written atomically.

    The first line of a file is the SHA-256 of the JSON that follows.

    Parameters
    ----------
    folder : Path or None
        Folder of the files; ``explore`` in `cache_folder` by default.

    Raises
    ------
    TilewrightError
        If the folder cannot be written: better to fail before hours of measuring than after.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder or cache_folder() / "explore"
        why = writable(self.folder)
        if why:
            raise TilewrightError(f"cannot write the cache {self.folder}: {why}; set TILEWRIGHT_CACHE")

    def load(self, task: Task) -> dict[str, Any]:
        """Return the cached parts of a task's result; damaged files are ignored."""
        known = {}
        for part in task.parts:
            try:
                digest, _, text = self._path(task, part).read_text(encoding="utf-8").partition("\n")
                if digest == _digest(text):
                    known[part] = json.loads(text)
            except (OSError, ValueError):
                continue
        return known

    def store(self, task: Task, parts: dict[str, Any]) -> None:
        """Keep parts of a task's result."""
        for part, value in parts.items():
            path = self._path(task, part)
            text = json.dumps(value)
            write_files(path.parent, {path.name: f"{_digest(text)}\n{text}"})

    def _path(self, task: Task, part: str) -> Path:
        key = task.key(part)
        return self.folder / key[:2] / f"{key}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
