"""Read TOML and JSON that users wrote."""

import json
import stat
import tomllib
from pathlib import Path
from typing import Any

from tilewright.errors import TilewrightError

__all__ = ["parse_json", "parse_value", "read_json", "read_text", "read_toml"]

LARGEST = 1 << 26
"""Bytes of a document: more is not one that anybody wrote."""


def read_text(path: Path, expected: str) -> str:
    """Return the text of a file; ``expected`` describes the content in the message.

    Raises
    ------
    TilewrightError
        If it cannot be read, is not a regular file or pipe, is too long, or is not UTF-8.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise TilewrightError(f"cannot read {path}: it is {'a folder' if stat.S_ISDIR(mode) else 'not a file'}")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise TilewrightError(f"cannot read {path}: it is larger than {LARGEST >> 20} MiB; expected {expected}")
        return data.decode("utf-8")
    except OSError as error:
        raise TilewrightError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TilewrightError(f"cannot read {path}: it is not UTF-8 text; expected {expected}") from None
    except ValueError as error:  # a NUL in the path
        raise TilewrightError(f"cannot read {path}: {error}") from None


def read_toml(path: Path, table: str) -> dict[str, Any]:
    """Return the content of a TOML file; ``table`` is the table it should have, for the message.

    Raises
    ------
    TilewrightError
        If the file cannot be read, or is not TOML.
    """
    text = read_text(path, f"TOML with a [{table}] table")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise TilewrightError(f"{path} is not valid TOML: it is nested too deeply") from None
    except ValueError as error:
        raise TilewrightError(f"{path} is not valid TOML: {str(error).splitlines()[0]}") from None


def read_json(path: Path, expected: str) -> Any:
    """Return the content of a JSON file; ``expected`` describes it in the message.

    Raises
    ------
    TilewrightError
        If the file cannot be read, or is not JSON.
    """
    return parse_json(read_text(path, expected), str(path), expected)


def parse_json(text: str | bytes, name: str, expected: str) -> Any:
    """Return the content of a JSON text; ``name`` is its origin, for the message.

    Raises
    ------
    TilewrightError
        If it is not JSON.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise TilewrightError(f"{name} is not JSON: it is nested too deeply; expected {expected}") from None
    except ValueError as error:  # also for bytes that are not UTF-8, and for numbers of thousands of digits
        raise TilewrightError(f"{name} is not JSON: {str(error).splitlines()[0]}; expected {expected}") from None


def parse_value(text: str) -> Any:
    """Return a field's value as it stands on the command line: read as TOML, or the text itself if it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"] if text.isprintable() else text
    except (ValueError, RecursionError):
        return text
