"""Folders of the user's cache: made whole or not at all, found to be whole, and cleaned of what dead processes left."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tilewright.base import TilewrightError, cache_folder

__all__ = ["cache_folder", "is_whole", "keep", "scratch"]

SEAL = "sealed.json"
"""In each kept folder, the sizes and SHA-256 of its other files, by name."""
_LOCK = "lock"
_YOUNG_SECONDS = 60
"""A scratch folder without a lock is somebody's who is about to lock it, if it is no older."""


def is_whole(folder: Path) -> bool:
    """Whether a folder is one that `keep` made, with every file as it was then."""
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        return bool(seal) and all(_facts(folder / name) == facts for name, facts in seal.items())
    except (OSError, ValueError, AttributeError):
        return False


def keep(made: Path, destination: Path) -> None:
    """Rename a finished folder to its place in the cache, sealed; what is damaged there gives way.

    If another process was faster, its folder stays, which is as good: files that are in use are never changed.
    """
    seal = {
        str(file.relative_to(made)): _facts(file)
        for file in sorted(made.rglob("*"))
        if file.is_file() and file.name != SEAL
    }
    (made / SEAL).write_text(json.dumps(seal), encoding="utf-8")
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists() and not is_whole(destination):
        aside = made.with_name(f"{made.name}-damaged")  # in one step, so that nobody sees half of it
        with suppress(OSError):
            destination.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        made.rename(destination)
    except OSError:
        if not destination.exists():
            raise


@contextmanager
def scratch(parent: Path, purpose: str) -> Iterator[Path]:
    """Lend a folder ``.PURPOSE-…`` in ``parent``, which is removed at the end, however that comes.

    Those of processes that were killed are removed before.

    Raises
    ------
    TilewrightError
        If nothing can be written there.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f".{purpose}-*"):
            if _abandoned(left):
                shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f".{purpose}-"))
    except OSError as error:
        raise TilewrightError(
            f"cannot write the cache {parent}: {error.strerror}; set TILEWRIGHT_CACHE to another folder"
        ) from None
    try:
        with (folder / _LOCK).open("w", encoding="utf-8") as lock:  # which ends with the process, whatever ends that
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _abandoned(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except FileNotFoundError:
        with suppress(OSError):
            return time.time() - folder.stat().st_mtime > _YOUNG_SECONDS
        return False
    except OSError:  # it is locked
        return False


def _facts(file: Path) -> list[int | str]:
    with file.open("rb") as stream:
        return [os.fstat(stream.fileno()).st_size, hashlib.file_digest(stream, "sha256").hexdigest()]
