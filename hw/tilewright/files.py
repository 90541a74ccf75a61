"""Write files whole or not at all."""

import os
import tempfile
from pathlib import Path

from .errors import TilewrightError


def write_files(folder: Path, files: dict[str, str]) -> list[Path]:
    """Write texts into a folder, which is made if need be; return their paths.

    Every text is written beside its destination before the first is moved there, so a full disk leaves
    nothing half-written.

    Raises
    ------
    TilewrightError
        If the folder cannot be made or written.
    """
    staged: list[tuple[str, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            if (folder / name).is_dir():
                raise TilewrightError(f"cannot write {folder / name}: it is a folder; choose another output folder")
        for name, text in files.items():
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            staged.append((temporary, folder / name))
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(temporary, 0o666 & ~_umask())
        while staged:
            os.replace(*staged[0])
            staged.pop(0)
    except OSError as error:
        place = Path(error.filename or folder)
        if place.parent == folder and place.name.startswith("."):  # a temporary file, which says nothing to the user
            place = folder
        raise TilewrightError(f"cannot write {place}: {error.strerror}") from None
    finally:
        for temporary, _ in staged:
            Path(temporary).unlink(missing_ok=True)
    return [folder / name for name in files]


def check_folder(folder: Path) -> None:
    """Fail before minutes of work if a folder cannot be written, or made.

    Raises
    ------
    TilewrightError
        With the reason.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK):
        why = "permission denied" if place.is_dir() else f"{place} is a file"
        raise TilewrightError(f"cannot write {folder}: {why}; choose another folder")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
