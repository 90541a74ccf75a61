"""The user's memory macros, and which memories of a core they are for."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tilewright.base import TilewrightError

__all__ = ["Macro", "Macros"]


@dataclass
class Macro:
    """A hard macro: its files, and its instances in the core as a flattened netlist names them."""

    name: str
    lef: Path
    gds: Path
    lib: Path
    instances: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Macros:
    """The macros of a folder.

    Parameters
    ----------
    macros : list of Macro
    wrappers : dict of Path
        By the name of the memory module that it replaces, a file of Verilog.
    """

    macros: list[Macro]
    wrappers: dict[str, Path]

    @classmethod
    def none(cls) -> "Macros":
        """No macros: all memories become flip-flops."""
        return cls([], {})

    @classmethod
    def read(cls, folder: Path, memories: Sequence[Mapping[str, Any]]) -> "Macros":
        """Find the macros for the memories of a manifest, see `tilewright.verilog.MANIFEST`.

        ``NAME.lef``, ``NAME.gds`` and ``NAME.lib`` are a macro; ``MODULE.v`` is a wrapper, the module of a memory that
        instantiates macros.

        Raises
        ------
        TilewrightError
            If there is no wrapper, one is for no memory, or lacks its module, or if a macro lacks a file or is in no
            wrapper.
        """
        paths = {memory["module"]: memory["instances"] for memory in memories}
        if not folder.is_dir():
            raise TilewrightError(f"--macros {folder}: is not a folder")
        macros = {lef.stem: _macro(lef) for lef in sorted(folder.glob("*.lef"))}
        wrappers = {file.stem: file for file in sorted(folder.glob("*.v"))}
        if not wrappers:
            raise TilewrightError(f"--macros {folder}: has no wrapper, such as {next(iter(paths), 'MODULE')}.v")
        for module, file in wrappers.items():
            if module not in paths:
                near = difflib.get_close_matches(module, paths, 1, 0)
                hint = f"; nearest: {near[0]}" if near else ""
                raise TilewrightError(f"{file}: the core has no memory {module}{hint}")
            text = file.read_text(encoding="utf-8", errors="replace")
            text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
            if not re.search(rf"\bmodule\s+{re.escape(module)}\b", text):
                raise TilewrightError(f"{file}: has no module {module}")
            for macro in macros.values():
                for instance in re.findall(rf"\b{re.escape(macro.name)}\s+(?:#\s*\(.*?\)\s*)?(\w+)\s*\(", text, re.S):
                    macro.instances += [f"{path}.{instance}" for path in paths[module]]
        for macro in macros.values():
            if not macro.instances:
                raise TilewrightError(f"{macro.lef}: no wrapper instantiates {macro.name}")
        return cls(list(macros.values()), wrappers)


def _macro(lef: Path) -> Macro:
    gds, lib = lef.with_suffix(".gds"), lef.with_suffix(".lib")
    for file in (gds, lib):
        if not file.is_file():
            raise TilewrightError(f"{lef}: {file.name} must be beside it")
    return Macro(lef.stem, lef, gds, lib)
