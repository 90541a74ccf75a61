"""The files that a bench runs on."""

from collections.abc import Callable
from pathlib import Path

from tilewright.base import Config, Family, write_files
from tilewright.cores import Core
from tilewright.verilog import generate
from tilewright_sim.benches.beside import bound_checks

__all__ = ["Netlist", "write_sources"]

Netlist = Callable[[Path, Core], list[Path]]
"""Makes a netlist of the generated Verilog in its folder, and returns the files to simulate in its place."""


def write_sources(
    core: Core, config: Config, folder: Path, family: Family, netlist: Netlist | None = None
) -> list[Path]:
    """Write a core's Verilog, and the assertions that bind to it, or a netlist of it; return the files to compile."""
    files = [path for path in generate(core, config, folder, family) if path.suffix == ".v"]
    if netlist is not None:
        return netlist(folder, core)
    return files + write_files(folder, bound_checks(core, config))
