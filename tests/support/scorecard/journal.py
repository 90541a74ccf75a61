"""A file of JSON lines that grows with each unit of work: what is in it is not done again."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["Journal"]


class Journal:
    """Entries by name; a later entry of the same name replaces an earlier one. A line that was cut off is left out.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self.path = path
        self._entries: dict[str, dict[str, Any]] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                self._entries[entry["name"]] = entry

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._entries.values())

    def get(self, name: str) -> dict[str, Any] | None:
        """Return an entry, or None."""
        return self._entries.get(name)

    def add(self, entry: dict[str, Any]) -> None:
        """Append an entry, which has a ``name``."""
        self._entries[entry["name"]] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            begun = file.read() not in (b"", b"\n")  # what a run that was killed has left
            file.write(b"\n" * begun + json.dumps(entry, sort_keys=True).encode() + b"\n")
