"""The sources that figures depend on, and the files among them that describe hardware."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from tilewright_sim.workers import SOURCES

__all__ = ["ROOT", "digest_of", "hardware_files", "sources_digest"]

ROOT = Path(__file__).parents[3]
HARDWARE = ROOT / "hw" / "tilewright"
NOT_HARDWARE = ("base", "verilog", "flows", "tools", "cores.py", "config.py")
"""Folders and files that import Amaranth and describe no circuit: they write Verilog, or are configurations."""
ALL_HARDWARE = ("formats", "vector")
"""Folders of which files without Amaranth describe hardware too: microprograms, widths of accumulators."""


def hardware_files() -> list[Path]:
    """Return every file that describes a circuit: those that import Amaranth, and all of some folders."""
    return [file for file in sorted(HARDWARE.rglob("*.py")) if _describes_hardware(file)]


def _describes_hardware(file: Path) -> bool:
    parts = file.relative_to(HARDWARE).parts
    if file.name == "__init__.py" or any(part in NOT_HARDWARE for part in parts):
        return False
    return any(part in ALL_HARDWARE for part in parts) or _imports_amaranth(file)


def _imports_amaranth(file: Path) -> bool:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.ImportFrom) and (node.module or "").startswith("amaranth") for node in body)


def digest_of(files: Iterable[Path]) -> str:
    """Return the hash of files, with their names."""
    content = hashlib.sha256()
    for file in sorted(files):
        content.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return content.hexdigest()[:16]


def sources_digest(*rooms: str) -> str:
    """Return the hash of all sources below these folders of the checkout."""
    found = (file for room in rooms for file in (ROOT / room).rglob("*") if file.suffix in SOURCES)
    return digest_of(found)
