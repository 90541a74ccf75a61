"""Matrices in .npy files: robust reading of untrusted files, and atomic writing."""

import ast
import io
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tilewright.base import TilewrightError, write_files

__all__ = ["load_matrix", "write_matrix"]

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000


def load_matrix(file: Path) -> NDArray:
    """Read an array of integers or floats; the header is checked against the file's size before memory is allocated.

    Raises
    ------
    TilewrightError
        If the file cannot be read, is not a complete .npy file, or does not hold real numbers.
    """
    try:
        with file.open("rb") as stream:
            if not file.is_file():
                raise TilewrightError(f"{file} is not a regular file: give a .npy file")
            start = stream.read(len(_MAGIC))
            if start[:2] == b"PK":
                raise TilewrightError(f"{file} is an archive of several arrays: save one with numpy.save")
            if start != _MAGIC:
                raise TilewrightError(f"{file} is not a .npy file: save the array with numpy.save")
            shape, fortran, dtype = _header(file, stream)
            if dtype.kind not in "iufb":
                raise TilewrightError(f"{file} holds {dtype}: it must hold integers or floating-point numbers")
            count = math.prod(shape)
            size = file.stat().st_size - stream.tell()
            if count * dtype.itemsize != size:
                raise TilewrightError(
                    f"{file} is damaged: an array of {_brief(shape)} {dtype} has {count * dtype.itemsize:.6g} bytes, "
                    f"the file has {size:,}"
                )
            values = np.frombuffer(stream.read(), dtype=dtype)
    except OSError as error:
        raise TilewrightError(f"cannot read {file}: {error.strerror or error}") from None
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)


def write_matrix(file: Path, values: NDArray) -> None:
    """Write an array; see `write_files`."""
    stream = io.BytesIO()
    np.save(stream, values)
    write_files(file.parent, {file.name: stream.getvalue()})


def _header(file: Path, stream) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return the shape, whether it is in Fortran order, and the type."""
    version = stream.read(2)
    width = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}.get(version, 0)
    length = stream.read(width)
    try:
        size = struct.unpack({2: "<H", 4: "<I"}[width], length)[0]
        text = stream.read(size)
        if size > _LONGEST_HEADER or len(text) != size:
            raise ValueError
        fields = ast.literal_eval(text.decode("latin-1" if width == 2 else "utf-8"))
        shape, fortran, dtype = fields["shape"], fields["fortran_order"], np.dtype(fields["descr"])
        if not (isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)):
            raise ValueError
    except (KeyError, ValueError, TypeError, SyntaxError, struct.error, RecursionError, MemoryError):
        raise TilewrightError(f"{file} is damaged: its .npy header cannot be read") from None
    return shape, bool(fortran), dtype


def _brief(shape: tuple[int, ...]) -> str:
    return "×".join(f"{size:.6g}" if size > 10**9 else str(size) for size in shape[:8]) or "one number of"
