"""Write files whole or not at all."""

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tilewright.errors import TilewrightError

__all__ = ["check_folder", "check_output", "write_files"]


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> list[Path]:
    """Write texts or bytes into a folder, which is made if need be, as are folders in the names; return their paths.

    Every file is written beside its destination before the first is moved there, so a full disk leaves nothing
    half-written. A symbolic link stays, and the file that it names is replaced. A FIFO or a character device is
    written into. Anything else that is not a regular file is refused.

    Raises
    ------
    TilewrightError
        If the folder cannot be made, or a file cannot be written.
    """
    staged: list[tuple[str, Path]] = []
    direct: list[tuple[Path, bytes]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for name in files:
            check_output(folder / name)
        for name, content in files.items():
            place = (folder / name).resolve()
            data = content.encode("utf-8") if isinstance(content, str) else content
            if _takes_writes(place):
                direct.append((place, data))
                continue
            handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name[:100]}.")
            staged.append((temporary, place))
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(temporary, stat.S_IMODE(place.stat().st_mode) if place.exists() else 0o666 & ~_umask())
        for place, data in direct:
            try:
                with place.open("wb", buffering=0) as file:
                    file.write(data)
            except OSError as error:
                raise TilewrightError(f"cannot write {place}: {error.strerror}") from None
        while staged:
            os.replace(*staged[0])
            staged.pop(0)
    except (OSError, RuntimeError, ValueError) as error:
        place = Path(getattr(error, "filename", None) or folder)
        if place.name.startswith("."):  # a temporary file, which says nothing to the user
            place = place.parent
        raise TilewrightError(f"cannot write {place}: {getattr(error, 'strerror', None) or error}") from None
    finally:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)
    return [folder / name for name in files]


def check_output(file: Path) -> None:
    """Fail before minutes of work if a file cannot be written.

    Raises
    ------
    TilewrightError
        With the reason.
    """
    try:
        place = file.resolve()
        if place.exists() and not place.is_file() and not _takes_writes(place):
            raise TilewrightError(f"cannot write {file}: it is {_kind(place)}; choose another file")
        if not place.parent.is_dir():
            raise TilewrightError(
                f"cannot write {file}: there is no folder {place.parent if file.is_symlink() else file.parent}"
            )
        if not os.access(place if place.exists() else place.parent, os.W_OK):
            raise TilewrightError(f"cannot write {file}: permission denied; choose another file")
        if not place.exists() and len(os.fsencode(place.name)) > 255:
            raise TilewrightError(f"cannot write {file}: the name is too long")
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name of 5,000 characters, NUL
        raise TilewrightError(f"cannot write {file}: {getattr(error, 'strerror', None) or error}") from None


def check_folder(folder: Path) -> None:
    """Fail before minutes of work if a folder cannot be written, or made.

    Raises
    ------
    TilewrightError
        With the reason.
    """
    try:
        place = folder
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK):
            why = "permission denied" if place.is_dir() else f"{place} is a file"
            raise TilewrightError(f"cannot write {folder}: {why}; choose another folder")
    except (OSError, ValueError) as error:
        raise TilewrightError(f"cannot write {folder}: {getattr(error, 'strerror', None) or error}") from None


def _takes_writes(place: Path) -> bool:
    """Whether something that is not a regular file is written into rather than replaced."""
    if not place.exists():
        return False
    mode = place.stat().st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _kind(place: Path) -> str:
    mode = place.stat().st_mode
    kinds = {"a folder": stat.S_ISDIR, "a socket": stat.S_ISSOCK, "a block device": stat.S_ISBLK}
    return next((name for name, test in kinds.items() if test(mode)), "not a regular file")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
