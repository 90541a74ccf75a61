"""Where the user's cache is, whatever the environment says or lacks."""

import os
import pwd
import sys
import tempfile
from functools import cache
from pathlib import Path

from tilewright.errors import TilewrightError

__all__ = ["cache_folder", "wheel_environment", "writable"]


def cache_folder() -> Path:
    """Return the absolute path of the folder in which everything is kept that is made once; it exists.

    It is ``TILEWRIGHT_CACHE`` if that is set and not empty; ``~`` is the home folder, and a relative path starts in the
    working directory. Otherwise it is ``tilewright`` in the user's cache: in ``XDG_CACHE_HOME`` if that is an absolute
    path, as its specification has it, or in ``~/.cache``. Where there is no home folder, or it cannot be written, it is
    a folder of this user's in the temporary folder, and standard error says so once.

    Raises
    ------
    TilewrightError
        If ``TILEWRIGHT_CACHE`` cannot be written, or nothing can.
    """
    chosen = os.environ.get("TILEWRIGHT_CACHE")
    if chosen:
        expanded = os.path.expanduser(chosen)
        if expanded.startswith("~"):
            raise TilewrightError(f"TILEWRIGHT_CACHE = {chosen}: there is no such home folder; give an absolute path")
        folder = Path(os.path.abspath(expanded))
        why = writable(folder)
        if why:
            raise TilewrightError(f"cannot write the cache {folder}: {why}; set TILEWRIGHT_CACHE to another folder")
        return folder
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(_home(), ".cache")
    why = writable(Path(base, "tilewright")) if os.path.isabs(base) else "there is no home folder"
    return _temporary(why) if why else Path(base, "tilewright")


def _home() -> str:
    """The user's home folder; empty if there is none."""
    try:
        return os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def writable(folder: Path) -> str:
    """Make a folder, and return why nothing can be written into it; nothing if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # permissions say nothing about a file system that is read-only
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def wheel_environment(cache: str) -> dict[str, str]:
    """Return the environment for a WebAssembly tool from a wheel, which compiles itself into a cache of its own.

    If that cache cannot be written, every run would compile for a minute and then fail, so it is moved into ours.

    Parameters
    ----------
    cache : str
        The folder that the tool makes in the user's cache.
    """
    return dict(os.environ) if _can_cache(cache) else os.environ | {"XDG_CACHE_HOME": str(cache_folder())}


@cache
def _can_cache(name: str) -> bool:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(_home(), ".cache")
    return os.path.isabs(base) and not writable(Path(base, name))


@cache
def _temporary(why: str) -> Path:
    """A folder that no other user can have put there."""
    folder = Path(tempfile.gettempdir()) / f"tilewright-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or state.st_uid != os.getuid() or state.st_mode & 0o022:
            raise PermissionError(0, "it is not a folder of this user's alone")
        reason = writable(folder)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise TilewrightError(f"no place for the cache: {why}, and {folder}: {reason}; set TILEWRIGHT_CACHE")
    print(f"tilewright: the user's cache cannot be used ({why}): using {folder}; set TILEWRIGHT_CACHE", file=sys.stderr)
    return folder
