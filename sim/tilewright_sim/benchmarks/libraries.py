"""Find the standard-cell libraries on this machine."""

import os
from pathlib import Path

__all__ = ["OSU018", "libraries"]


OSU018 = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
"""The library of Debian's package `qflow-tech-osu018`."""


def libraries() -> dict[str, tuple[Path, ...]]:
    """Return the libraries found: Debian's, and those below ``TILEWRIGHT_PDK`` (``../shared/pdk`` by default)."""
    folder = Path(os.environ.get("TILEWRIGHT_PDK", "../shared/pdk"))
    found: dict[str, tuple[Path, ...]] = {"osu018": (OSU018,)} if OSU018.exists() else {}
    for name in ("asap7", "sg13g2"):
        files = tuple(sorted((folder / name).glob("*.lib*")))
        if files:
            found[name] = files
    return found
