"""The name of a package."""

import re
from dataclasses import dataclass
from typing import Self

from tilewright.errors import TilewrightError

__all__ = ["Vlnv"]

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_VERSION = re.compile(r"\d+(\.\d+){0,2}", re.ASCII)


@dataclass(frozen=True)
class Vlnv:
    """Vendor, library, name and version, by which tools tell packages apart.

    Vendor, library and name are a letter, then letters, digits, ``_`` and ``-``; the version is one to three numbers
    with points between them. FuseSoC, IP-XACT and Vivado all take these.
    """

    vendor: str
    library: str
    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``vendor:library:name:version``.

        Raises
        ------
        TilewrightError
            If there are not four parts, or one of them has a character that some tool does not take.
        """
        parts = text.split(":")
        if len(parts) != 4:
            raise TilewrightError(f"{text!r} must be VENDOR:LIBRARY:NAME:VERSION, for example acme:ip:gemm:1.0.0")
        for label, part in zip(("vendor", "library", "name"), parts, strict=False):
            if not _WORD.fullmatch(part):
                raise TilewrightError(f"the {label} {part!r} must be a letter, then letters, digits, _ and -")
        if not _VERSION.fullmatch(parts[3]):
            raise TilewrightError(f"the version {parts[3]!r} must be one to three numbers, for example 1.0.0")
        return cls(*parts)

    def __str__(self) -> str:
        return ":".join((self.vendor, self.library, self.name, self.version))
