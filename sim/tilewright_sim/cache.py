"""Folders of the user's cache: written atomically, checked when used, and cleaned of leftovers of dead processes."""

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
"""File in each kept folder with the size and SHA-256 of all other files, by name."""
_LOCK = "lock"
_YOUNG_SECONDS = 60
"""Up to this age, a scratch folder without a lock belongs to a process that is about to lock it."""


def is_whole(folder: Path) -> bool:
    """Return whether `keep` made a folder, and none of its files has changed since."""
    try:
        seal = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        return bool(seal) and all(_facts(folder / name) == facts for name, facts in seal.items())
    except (OSError, ValueError, AttributeError):
        return False


def keep(made: Path, destination: Path) -> None:
    """Seal a finished folder and rename it to its path in the cache; a damaged folder there is replaced.

    If another process was faster, its folder stays: it has the same contents, and files in use are never changed.
    """
    seal = {
        str(file.relative_to(made)): _facts(file)
        for file in sorted(made.rglob("*"))
        if file.is_file() and file.name != SEAL
    }
    (made / SEAL).write_text(json.dumps(seal), encoding="utf-8")
    destination.parent.mkdir(parents=True, exist_ok=True)
    if destination.exists() and not is_whole(destination):
        aside = made.with_name(f"{made.name}-damaged")  # in one step, so that no process sees half of it
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
    """Context manager: a folder ``.PURPOSE-…`` in ``parent``, which is removed at the end, also after an error.

    Such folders of processes that were killed are removed first.

    Raises
    ------
    TilewrightError
        If the folder cannot be written.
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
        with (folder / _LOCK).open("w", encoding="utf-8") as lock:  # the system releases it when the process ends
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
