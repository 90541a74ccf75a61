"""Configurations of OpenROAD-flow-scripts and of LibreLane, which make a layout of a generated core."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tilewright.base import TilewrightError
from tilewright.cores import Core

from .macros import Macros

__all__ = ["asic_files"]

UTILIZATION = 40
"""Share of the core's area that cells and macros take, in percent. Low enough for a first run to route."""


def asic_files(
    core: Core, folder: Path, constraints: str, memories: Sequence[Mapping[str, Any]], macros: Macros, mhz: float
) -> dict[str, str]:
    """Return the text of each file, by its name in ``folder``.

    Parameters
    ----------
    core : Core
    folder : Path
        Where the core is written, see `tilewright.verilog.core_files`, with ``memories="macro"``.
    constraints : str
        Its constraints, in ns.
    memories : sequence of mapping
        The list in its manifest.
    macros : Macros
        What memories are made of; the others are made of flip-flops.
    mhz : float

    Raises
    ------
    TilewrightError
        If a path has a blank, which make cannot have in a list of files.
    """
    for path in (folder.resolve(), *(file.resolve() for file in macros.wrappers.values())):
        if re.search(r"\s", str(path)):
            raise TilewrightError(f"--asic: {path} has a blank, and make cannot list such files: choose another folder")
    models = [memory["file"] for memory in memories if memory["module"] not in macros.wrappers]
    sources = [*(folder / name for name in (f"{core.module}.v", *models)), *macros.wrappers.values()]
    largest = max((memory["words"] * memory["bits"] for memory in memories if memory["file"] in models), default=0)
    return {
        "openroad/config.mk": _config_mk(core, folder / "openroad", sources, macros, mhz, largest),
        "openroad/constraint.sdc": _in_units_of_the_platform(constraints),
        "librelane/config.json": _config_json(core, folder / "librelane", sources, macros, mhz),
    }


def _config_mk(core: Core, folder: Path, sources: list[Path], macros: Macros, mhz: float, largest: int) -> str:
    def files(name: str, paths: Sequence[Path]) -> str:
        return " \\\n    ".join([f"export {name} =", *(f"$(HERE)/{_relative(path, folder)}" for path in paths)])

    lines = [
        "# For OpenROAD-flow-scripts. In its folder `flow`:",
        "#   make DESIGN_CONFIG=<this file> PLATFORM=<sky130hd, ihp-sg13g2, nangate45, asap7 ...>",
        "HERE := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))",
        f"export DESIGN_NAME = {core.module}",
        "export PLATFORM ?= sky130hd",
        files("VERILOG_FILES", sources),
        "export SDC_FILE = $(HERE)/constraint.sdc",
        f"export ABC_CLOCK_PERIOD_IN_PS = {1e6 / mhz:.0f}",
    ]
    if macros.macros:
        lines += [
            files("ADDITIONAL_LEFS", [macro.lef for macro in macros.macros]),
            files("ADDITIONAL_LIBS", [macro.lib for macro in macros.macros]),
            files("ADDITIONAL_GDS", [macro.gds for macro in macros.macros]),
        ]
    if largest:
        lines += [
            "# The largest memory without a macro: it becomes flip-flops.",
            f"export SYNTH_MEMORY_MAX_BITS = {largest}",
        ]
    return "\n".join([*lines, f"export CORE_UTILIZATION = {UTILIZATION}", "export PLACE_DENSITY_LB_ADDON = 0.20", ""])


def _in_units_of_the_platform(constraints: str) -> str:
    """Constraints with a period in the unit of the platform's Liberty files."""
    first = next(line for line in constraints.splitlines() if line.startswith("set period "))
    scaled = (
        f"{first}\n# The unit of time is that of the platform: asap7 counts in ps.\n"
        'if {[info exists ::env(PLATFORM)] && $::env(PLATFORM) eq "asap7"} { set period [expr 1000 * $period] }'
    )
    return constraints.replace(first, scaled)


def _config_json(core: Core, folder: Path, sources: list[Path], macros: Macros, mhz: float) -> str:
    def here(path: Path) -> str:
        return f"dir::{_relative(path, folder)}"

    constraints = here(folder.parent / f"{core.module}.sdc")
    content: dict[str, Any] = {
        "meta": {"version": 2, "flow": "Classic"},
        "DESIGN_NAME": core.module,
        "VERILOG_FILES": [here(path) for path in sources],
        "CLOCK_PORT": "clk",
        "CLOCK_PERIOD": round(1000 / mhz, 6),
        "PNR_SDC_FILE": constraints,
        "SIGNOFF_SDC_FILE": constraints,
        "FP_CORE_UTIL": UTILIZATION,
    }
    if macros.macros:
        content["MACROS"] = {
            macro.name: {
                "gds": [here(macro.gds)],
                "lef": [here(macro.lef)],
                "lib": {"*": [here(macro.lib)]},
                # Without a location they are placed automatically.
                "instances": {name: {"location": None, "orientation": "N"} for name in macro.instances},
            }
            for macro in macros.macros
        }
    return json.dumps(content, indent=2) + "\n"


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
